"""Beam search and a greedy byte-pair tokeniser: host preprocessing, device decoding."""
import collections
import functools
import itertools

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np


def learn_merges(text, n):
    symbols = list(text)
    merges = []
    for _ in range(n):
        pairs = collections.Counter(zip(symbols, symbols[1:]))
        if not pairs:
            break
        best, count = pairs.most_common(1)[0]
        if count < 2:
            break
        merges.append(best)
        symbols = apply_merge(symbols, best)
    return merges


def apply_merge(symbols, pair):
    merged, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and (symbols[i], symbols[i + 1]) == pair:
            merged.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            merged.append(symbols[i])
            i += 1
    return merged


class Tokenizer:
    def __init__(self, text, n_merges=4):
        self.merges = learn_merges(text, n_merges)
        vocab = sorted(set(text)) + ["".join(pair) for pair in self.merges]
        self.vocab = {token: i + 1 for i, token in enumerate(vocab)}
        self.inverse = {i: token for token, i in self.vocab.items()}

    def encode(self, text):
        symbols = functools.reduce(apply_merge, self.merges, list(text))
        return np.array([self.vocab[s] for s in symbols], dtype=np.int32)

    def decode(self, ids):
        return "".join(self.inverse.get(int(i), "") for i in itertools.takewhile(lambda i: i > 0, ids))

    @property
    def size(self):
        return len(self.vocab) + 1


@flax.struct.dataclass
class BeamState:
    sequences: jnp.ndarray
    scores: jnp.ndarray
    finished: jnp.ndarray
    position: jnp.ndarray


def bigram_counts(ids, size):
    counts = jnp.ones((size, size))
    return counts.at[ids[:-1], ids[1:]].add(1.0)


@functools.partial(jax.jit, static_argnames=["beam", "length"])
def beam_search(log_probs, start, beam, length):
    vocab = log_probs.shape[0]

    def cond(state: BeamState):
        return (state.position < length) & ~state.finished.all()

    def body(state: BeamState):
        last = jax.lax.dynamic_index_in_dim(
            state.sequences, state.position - 1, axis=1, keepdims=False
        )
        step_scores = log_probs[last]
        step_scores = jnp.where(state.finished[:, None], -jnp.inf, step_scores)
        totals = state.scores[:, None] + step_scores
        flat, index = jax.lax.top_k(totals.reshape(-1), beam)
        parents, tokens = jnp.divmod(index, vocab)
        sequences = state.sequences[parents].at[:, state.position].set(tokens.astype(jnp.int32))
        finished = state.finished[parents] | (tokens == 0)
        return state.replace(
            sequences=sequences, scores=flat, finished=finished, position=state.position + 1
        )

    init = BeamState(
        sequences=jnp.zeros((beam, length), jnp.int32).at[:, 0].set(start),
        scores=jnp.full((beam,), -jnp.inf).at[0].set(0.0),
        finished=jnp.zeros((beam,), bool),
        position=jnp.array(1),
    )
    final = jax.lax.while_loop(cond, body, init)
    return final.sequences, final.scores


text = "the cat sat on the mat and the rat sat on the cat"
tokenizer = Tokenizer(text)
ids = tokenizer.encode(text)
counts = bigram_counts(jnp.asarray(ids), tokenizer.size)
log_probs = jnp.log(counts / counts.sum(axis=1, keepdims=True))
sequences, scores = beam_search(log_probs, ids[0], beam=3, length=6)
for row, score in zip(np.asarray(sequences), scores.tolist()):
    print(repr(tokenizer.decode(row)), round(score, 2))

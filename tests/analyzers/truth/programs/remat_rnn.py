"""A GRU for a copying task with rematerialisation, gradient accumulation and mixed precision."""
import jax
import jax.numpy as jnp
import optax
from jax import lax
from flax.core import freeze, unfreeze
from jax.ad_checkpoint import checkpoint_name

HIDDEN, VOCAB = 8, 5
policy = jax.checkpoint_policies.save_only_these_names("gates")


def gru_params(key, n_in, n_hidden):
    k_in, k_rec, k_out = jax.random.split(key, 3)
    return freeze({
        "in": jax.random.normal(k_in, (n_in, 3 * n_hidden)) * 0.1,
        "rec": jax.random.normal(k_rec, (n_hidden, 3 * n_hidden)) * 0.1,
        "out": jax.random.normal(k_out, (n_hidden, n_in)) * 0.1,
    })


def cell(params, h, x):
    from_x = jnp.split(x @ params["in"], 3, axis=-1)
    from_h = jnp.split(h @ params["rec"], 3, axis=-1)
    reset = jax.nn.sigmoid(from_x[0] + from_h[0])
    gate = jax.nn.sigmoid(from_x[1] + from_h[1])
    gate = checkpoint_name(gate, "gates")
    candidate = jnp.tanh(from_x[2] + reset * from_h[2])
    return (1 - gate) * h + gate * candidate


def unroll(params, xs):
    @jax.remat
    def step(h, x):
        h = cell(params, h, x)
        return h, h @ params["out"]

    h0 = jnp.zeros((xs.shape[1], HIDDEN), xs.dtype)
    _, logits = lax.scan(step, h0, xs)
    return logits


def to_half(tree):
    return jax.tree.map(lambda a: a.astype(jnp.bfloat16), tree)


def loss_fn(params, tokens):
    one_hot = jax.nn.one_hot(tokens, VOCAB, dtype=jnp.bfloat16)
    logits = jax.checkpoint(unroll, policy=policy)(to_half(params), one_hot)
    logits = logits.astype(jnp.float32)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits[:-1], tokens[1:])
    return losses.mean()


def accumulate(params, microbatches):
    zeros = jax.tree.map(jnp.zeros_like, params)

    def body(carry, tokens):
        total, grads = carry
        value, g = jax.value_and_grad(loss_fn)(params, tokens)
        grads = jax.tree.map(jnp.add, grads, g)
        return (total + value, grads), None

    (total, grads), _ = lax.scan(body, (0.0, zeros), microbatches)
    n = microbatches.shape[0]
    return total / n, jax.tree.map(lambda g: g / n, grads)


tx = optax.chain(
    optax.clip_by_global_norm(1.0),
    optax.scale_by_adam(),
    optax.add_decayed_weights(1e-4, mask=lambda p: jax.tree.map(lambda a: a.ndim > 1, p)),
    optax.scale_by_schedule(optax.cosine_decay_schedule(1e-2, 10)),
    optax.scale(-1.0),
)


@jax.jit
def step(state, microbatches):
    params, opt_state, count = state
    loss, grads = accumulate(params, microbatches)
    updates, opt_state = tx.update(grads, opt_state, params)
    return (optax.apply_updates(params, updates), opt_state, count + 1), loss


init_key, data_key = jax.random.split(jax.random.key(0))
params = gru_params(init_key, VOCAB, HIDDEN)
state = (params, tx.init(params), 0)
tokens = jax.random.randint(data_key, (2, 4, 3), 0, VOCAB)
for _ in range(2):
    state, loss = step(state, tokens)
    print(loss, state[2])
print(sorted(unfreeze(state[0])))

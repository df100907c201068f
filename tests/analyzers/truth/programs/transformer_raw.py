"""A decoder-only transformer in raw JAX; parameters stacked over layers and scanned."""
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


@dataclass(frozen=True)
class Config:
    vocab: int = 11
    dim: int = 16
    heads: int = 2
    layers: int = 2
    context: int = 8
    remat: bool = True


def init_layer(cfg: Config, key):
    names = ("wq", "wk", "wv", "wo")
    *attn_keys, up_key, down_key = jax.random.split(key, len(names) + 2)
    scale = cfg.dim ** -0.5
    layer = {n: jax.random.normal(k, (cfg.dim, cfg.dim)) * scale for n, k in zip(names, attn_keys)}
    layer["up"] = jax.random.normal(up_key, (cfg.dim, 4 * cfg.dim)) * scale
    layer["down"] = jax.random.normal(down_key, (4 * cfg.dim, cfg.dim)) * scale
    layer["norm"] = jnp.ones((2, cfg.dim))
    return layer


def init(cfg, key):
    embed_key, layer_key = jax.random.split(key)
    layers = jax.vmap(partial(init_layer, cfg))(jax.random.split(layer_key, cfg.layers))
    return {"embed": jax.random.normal(embed_key, (cfg.vocab, cfg.dim)) * 0.02, "layers": layers}


def rms_norm(x, gain, eps=1e-6):
    variance = jnp.mean(x * x, axis=-1, keepdims=True)
    return x * lax.rsqrt(variance + eps) * gain


def rope(x):
    t, _, d = x.shape
    freqs = 1.0 / (10000 ** (np.arange(0, d, 2) / d))
    angles = np.outer(np.arange(t), freqs)[:, None, :]
    x1, x2 = x[..., ::2], x[..., 1::2]
    cos, sin = np.cos(angles), np.sin(angles)
    rotated = jnp.stack([x1 * cos - x2 * sin, x1 * sin + x2 * cos], axis=-1)
    return rotated.reshape(x.shape)


def attention(cfg, layer, x):
    t, d = x.shape
    head_dim = d // cfg.heads
    q, k, v = ((x @ layer[n]).reshape(t, cfg.heads, head_dim) for n in ("wq", "wk", "wv"))
    q, k = rope(q), rope(k)
    scores = jnp.einsum("thd,shd->hts", q, k) / np.sqrt(head_dim)
    mask = jnp.tril(jnp.ones((t, t), bool))
    scores = jnp.where(mask, scores, -jnp.inf)
    weights = jax.nn.softmax(scores, axis=-1)
    mixed = jnp.einsum("hts,shd->thd", weights, v).reshape(t, d)
    return mixed @ layer["wo"]


def block(cfg, x, layer):
    normed = rms_norm(x, layer["norm"][0])
    x = x + attention(cfg, layer, normed)
    normed = rms_norm(x, layer["norm"][1])
    hidden = jax.nn.gelu(normed @ layer["up"])
    return x + hidden @ layer["down"]


def forward(cfg, params, tokens):
    x = params["embed"][tokens]
    body = partial(block, cfg)
    if cfg.remat:
        body = jax.checkpoint(body)

    def scan_body(carry, layer):
        return body(carry, layer), None

    x, _ = lax.scan(scan_body, x, params["layers"])
    return x @ params["embed"].T


def loss_fn(params, cfg, tokens):
    logits = jax.vmap(lambda row: forward(cfg, params, row))(tokens[:, :-1])
    logp = jax.nn.log_softmax(logits)
    targets = tokens[:, 1:]
    picked = jnp.take_along_axis(logp, targets[..., None], axis=-1)
    return -picked.mean()


@partial(jax.jit, static_argnames="cfg", donate_argnums=0)
def train_step(params, cfg, tokens, lr):
    loss, grads = jax.value_and_grad(loss_fn)(params, cfg, tokens)
    params = jax.tree.map(lambda p, g: p - lr * g, params, grads)
    return params, loss


@partial(jax.jit, static_argnums=(1, 3))
def generate(params, cfg, prompt, steps):
    buffer = jnp.zeros(cfg.context, jnp.int32).at[: prompt.shape[0]].set(prompt)

    def body(i, buffer):
        logits = forward(cfg, params, buffer)
        token = jnp.argmax(logits[i - 1])
        return buffer.at[i].set(token.astype(jnp.int32))

    return lax.fori_loop(prompt.shape[0], prompt.shape[0] + steps, body, buffer)


cfg = Config()
params = init(cfg, jax.random.key(0))
tokens = jax.random.randint(jax.random.key(1), (4, cfg.context), 0, cfg.vocab)
for _ in range(2):
    params, loss = train_step(params, cfg, tokens, 0.1)
    print("loss", loss)
print(generate(params, cfg, jnp.array([1, 2, 3]), 4))

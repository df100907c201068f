"""Denoising diffusion on two moons: schedule on the host, sampling with fori_loop."""
import math

import jax
import jax.numpy as jnp
import numpy as onp
import optax

T = 10


def cosine_schedule(steps, s=0.008):
    def f(t):
        return math.cos((t / steps + s) / (1 + s) * math.pi / 2) ** 2

    alphas_bar = onp.array([f(t) / f(0) for t in range(steps + 1)])
    betas = onp.clip(1 - alphas_bar[1:] / alphas_bar[:-1], 0, 0.999)
    return betas.astype(onp.float32)


BETAS = jnp.asarray(cosine_schedule(T))
ALPHAS = 1.0 - BETAS
ALPHAS_BAR = jnp.cumprod(ALPHAS)


def moons(n, seed=0):
    rng = onp.random.default_rng(seed)
    theta = rng.uniform(0, onp.pi, n)
    upper = rng.random(n) < 0.5
    x = onp.where(upper, onp.cos(theta), 1 - onp.cos(theta))
    y = onp.where(upper, onp.sin(theta), 0.5 - onp.sin(theta))
    return onp.stack([x, y], axis=1).astype(onp.float32)


def time_embedding(t, dim=8):
    half = dim // 2
    freqs = jnp.exp(-jnp.log(1000.0) * jnp.arange(half) / half)
    args = t * freqs
    return jnp.concatenate([jnp.sin(args), jnp.cos(args)])


def init_params(key):
    k1, k2, k3 = jax.random.split(key, 3)
    return {
        "in": 0.3 * jax.random.normal(k1, (10, 16)),
        "mid": 0.3 * jax.random.normal(k2, (16, 16)),
        "out": 0.3 * jax.random.normal(k3, (16, 2)),
    }


def denoise(params, x, t):
    emb = time_embedding(t)
    h = jnp.concatenate([x, emb])
    h = jax.nn.silu(h @ params["in"])
    h = h + jax.nn.silu(h @ params["mid"])
    return h @ params["out"]


def noise(x0, eps, t):
    a = ALPHAS_BAR[t]
    return jnp.sqrt(a) * x0 + jnp.sqrt(1 - a) * eps


def single_loss(params, x0, key):
    t_key, eps_key = jax.random.split(key)
    t = jax.random.randint(t_key, (), 0, T)
    eps = jax.random.normal(eps_key, x0.shape)
    x_t = noise(x0, eps, t)
    predicted = denoise(params, x_t, t)
    return jnp.sum((predicted - eps) ** 2)


def batch_loss(params, batch, key):
    keys = jax.random.split(key, batch.shape[0])
    losses = jax.vmap(single_loss, in_axes=(None, 0, 0))(params, batch, keys)
    return jnp.mean(losses)


def build(learning_rate):
    opt = optax.adam(learning_rate)

    @jax.jit
    def step(params, opt_state, ema, batch, key):
        loss, grads = jax.value_and_grad(batch_loss)(params, batch, key)
        updates, opt_state = opt.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        ema = optax.incremental_update(params, ema, step_size=0.1)
        return params, opt_state, ema, loss

    return opt.init, step


@jax.jit
def sample(params, key):
    key, init_key = jax.random.split(key)
    x = jax.random.normal(init_key, (2,))

    def body(i, state):
        x, key = state
        t = T - 1 - i
        key, sub = jax.random.split(key)
        eps = denoise(params, x, t)
        mean = (x - BETAS[t] / jnp.sqrt(1 - ALPHAS_BAR[t]) * eps) / jnp.sqrt(ALPHAS[t])
        z = jax.random.normal(sub, x.shape)
        x = mean + jnp.where(t > 0, jnp.sqrt(BETAS[t]), 0.0) * z
        return x, key

    x, _ = jax.lax.fori_loop(0, T, body, (x, key))
    return x


key = jax.random.key(0)
key, init_key = jax.random.split(key)
params = init_params(init_key)
opt_init, step = build(1e-3)
opt_state = opt_init(params)
ema = params
data = moons(32)
for i in range(3):
    key, step_key = jax.random.split(key)
    batch = jnp.asarray(data[i * 8:(i + 1) * 8])
    params, opt_state, ema, loss = step(params, opt_state, ema, batch, step_key)
sample_keys = jax.random.split(key, 5)
points = jax.vmap(sample, in_axes=(None, 0))(ema, sample_keys)
print(loss, points.shape)

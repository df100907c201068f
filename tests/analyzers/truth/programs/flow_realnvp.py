"""RealNVP: coupling layers as pairs of functions, composed with closures."""
from __future__ import annotations

from typing import Callable

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

Bijector = tuple[Callable, Callable, Callable]


def mlp(sizes):
    def init(key):
        params = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:]):
            key, sub = jax.random.split(key)
            params.append((jax.random.normal(sub, (n_in, n_out)) * 0.1, jnp.zeros(n_out)))
        return params

    def apply(params, x):
        for w, b in params[:-1]:
            x = jnp.tanh(x @ w + b)
        w, b = params[-1]
        return x @ w + b

    return init, apply


def coupling(dim: int, flip: bool) -> Bijector:
    half = dim // 2
    net_init, net = mlp([half, 8, 2 * half])

    def split(x):
        a, b = x[:half], x[half:]
        return (b, a) if flip else (a, b)

    def merge(a, b):
        return jnp.concatenate([b, a] if flip else [a, b])

    def forward(params, x):
        a, b = split(x)
        shift, log_scale = jnp.split(net(params, a), 2)
        log_scale = jnp.tanh(log_scale)
        y = b * jnp.exp(log_scale) + shift
        return merge(a, y), log_scale.sum()

    def inverse(params, y):
        a, b = split(y)
        shift, log_scale = jnp.split(net(params, a), 2)
        log_scale = jnp.tanh(log_scale)
        x = (b - shift) * jnp.exp(-log_scale)
        return merge(a, x), -log_scale.sum()

    return net_init, forward, inverse


def chain(*bijectors: Bijector) -> Bijector:
    inits, forwards, inverses = zip(*bijectors)

    def init(key):
        keys = jax.random.split(key, len(inits))
        return [f(k) for f, k in zip(inits, keys)]

    def forward(params, x):
        total = 0.0
        for p, f in zip(params, forwards):
            x, logdet = f(p, x)
            total += logdet
        return x, total

    def inverse(params, y):
        total = 0.0
        for p, f in zip(reversed(params), reversed(inverses)):
            y, logdet = f(p, y)
            total = total + logdet
        return y, total

    return init, forward, inverse


def log_normal(x):
    return -0.5 * jnp.sum(x ** 2) - 0.5 * x.size * jnp.log(2 * jnp.pi)


def make_objective(inverse):
    def log_prob(params, y):
        x, logdet = inverse(params, y)
        return log_normal(x) + logdet

    def objective(params, data):
        scores = jax.vmap(log_prob, (None, 0))(params, data)
        return -scores.mean()

    return objective


init, forward, inverse = chain(*(coupling(4, flip=bool(i % 2)) for i in range(3)))
params = init(jax.random.key(0))
data = jax.random.normal(jax.random.key(1), (16, 4)) * jnp.array([1.0, 2.0, 0.5, 1.0]) + 1.0
objective = make_objective(inverse)
value_and_grad = jax.jit(jax.value_and_grad(objective))
for it in range(2):
    value, grads = value_and_grad(params, data)
    params = jax.tree.map(lambda p, g: p - 0.05 * g, params, grads)
    print(it, value)
flat, unravel = ravel_pytree(params)
samples = jax.vmap(lambda z: forward(unravel(flat), z)[0])(data)
print(flat.shape, samples.std())

"""A small model with mistakes that people make."""

import jax
import jax.numpy as jnp


# jaxsight: inputs x: f32[256, 64], w: f32[64, 10]
@jax.jit
def loss(x, w):
    logits = x @ w
    print("loss of", logits)
    return jnp.mean(logits**2)


def sample(seed):
    key = jax.random.key(seed)
    first = jax.random.normal(key, (3,))
    second = jax.random.uniform(key, (3,))
    return first + second


# jaxsight: inputs x: f32[64]
@jax.jit
def endless(x):
    return jax.lax.while_loop(lambda carry: carry[0] >= 0, lambda carry: jnp.abs(carry) + 1.0, x)


@jax.jit
def scaled(x, factor):
    return x * factor

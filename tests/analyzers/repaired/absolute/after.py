"""Takes the absolute value of a number."""

import jax
import jax.numpy as jnp


def loss(x):
    return jnp.where(x > 0, x, -x)


result = jax.jit(loss)(jnp.float32(-2.0))
expected = jnp.float32(2.0)

# before: raises TracerBoolConversionError
"""Takes the absolute value of a number."""

import jax
import jax.numpy as jnp


def loss(x):
    if x > 0:  # error: [traced-if]
        return x
    return -x


result = jax.jit(loss)(jnp.float32(-2.0))
expected = jnp.float32(2.0)

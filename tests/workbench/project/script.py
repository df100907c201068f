"""A script that works while it is imported."""

import jax
import jax.numpy as jnp

total = 0
for step in range(3):
    total += step
print("words of the program", total)


# jaxsight: inputs x: f32[16]
@jax.jit
def scaled(x):
    return x * total


# jaxsight: inputs x: f32[16]
@jax.jit
def broken(x):
    raise ValueError(f"a table with three legs, {total}")
    return jnp.sum(x)

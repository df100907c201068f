"""Slow and silently wrong: jit in loops, new lambdas, out-of-bounds reads, integer powers, dtype loss."""
import jax
import jax.numpy as jnp
import numpy as np


def power_sum(x, n):
    total = jnp.zeros_like(x)
    for i in range(n):
        total = total + x ** i
    return total


def slow_map(xs):
    out = []
    for x in xs:
        f = jax.jit(lambda v: v * 2 + 1)
        out.append(f(x))
    return out


def sizes(n):
    results = []
    for k in range(1, n):
        f = jax.jit(power_sum, static_argnums=1)
        results.append(f(jnp.ones(2), k))
    return results


@jax.jit
def last_of(table, i):
    return table[i + 10]


@jax.jit
def lossy(x):
    wide = np.float64(1.0) * x
    narrow = x.astype(jnp.int8)
    return wide, narrow


def penalty(x):
    safe = jnp.where(x > 0, jnp.sqrt(x), 0.0)
    return safe.sum()


print(slow_map(jnp.arange(2.0)), len(sizes(3)))
print(last_of(jnp.arange(4), 1), lossy(jnp.array([300.0])))
print(jax.grad(penalty)(jnp.array([0.0, 1.0])))

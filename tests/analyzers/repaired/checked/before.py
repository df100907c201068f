# before: raises RuntimeError
"""Steps of gradient descent that look whether their numbers are finite."""

from functools import partial

import chex
import jax
import jax.numpy as jnp


def loss(w, x, y):
    chex.assert_equal_shape([x, y])
    return jnp.mean((w * x - y) ** 2)


@partial(jax.jit, static_argnames="rate")
def step(w, x, y, rate):
    gradient = jax.grad(loss)(w, x, y)
    chex.assert_tree_all_finite(gradient)  # error: [value-assert-under-jit]
    return w - rate * gradient


@chex.chexify  # error: [chexify-async-not-awaited]
@jax.jit
def predict(w, x):
    chex.assert_tree_all_finite(x)
    return w * x


x = jnp.arange(4.0)
w = jnp.float32(0.0)
for _ in range(50):
    w = step(w, x, 2.0 * x, rate=0.1)
chex.assert_tree_all_close(w, 2.0, rtol=1e-3)  # error: [removed-api]

try:
    predict(w, jnp.array([jnp.nan]))
    said = False
except Exception:
    said = True

result = (said, round(float(w), 2))
expected = (True, 2.0)

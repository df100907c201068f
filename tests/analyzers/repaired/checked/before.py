# before: raises ValueError
"""Steps of gradient descent that look whether their numbers are finite."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float


@chex.dataclass
class Settings:
    rate: float
    steps: int


@struct.dataclass
class Fit:
    w: Array
    steps: int = 0


def loss(w, x, y):
    chex.assert_equal_shape(x, y)  # error: [chex-assertion-arguments]
    chex.assert_rank(x, 1)
    return jnp.mean((w * x - y) ** 2)


def scaled(x: Float[Array, "batch, features"], by):  # error: [jaxtyping-annotation]
    return x * by


@chex.assert_max_traces(n=1)  # error: [max-traces-outside-jit]
@jax.jit
def halved(x):
    return x / 2


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


def counted(fit):
    fit.steps = fit.steps + 1  # error: [frozen-dataclass-assignment]
    return fit


settings = Settings(0.1, 50)  # error: [chex-dataclass-positional]
x = jnp.arange(4.0)
w = jnp.float32(0.0)
fit = Fit(w=w)
for _ in range(settings.steps):
    w = step(w, x, 2.0 * x, rate=settings.rate)
    fit = counted(fit)
rates = {"w": 0.5, "b": 1.0}
both = jax.tree.map(lambda value, rate: rate if value is None else value * rate, {"w": w, "b": None}, rates)  # error: [tree-structure-mismatch]
chex.assert_tree_all_close(w, 2.0, rtol=1e-3)  # error: [removed-api]

try:
    predict(w, jnp.array([jnp.nan]))
    said = False
except Exception:
    said = True

again = [float(halved(value)) for value in (jnp.float32(2.0), jnp.float32(4.0))]
result = (said, round(float(w), 2), fit.steps, both["b"], again, scaled(x, 2.0).shape)
expected = (True, 2.0, 50, 1.0, [1.0, 2.0], (4,))

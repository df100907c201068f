"""Fit a curve and its noise with Flax Linen: the network gives a mean and a log variance.

    python train_linen.py --epochs 60
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from data import noisy_wave, shuffles

Params = dict[str, Any]


class Regressor(nn.Module):
    """A small network with two heads."""

    width: int = 32

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The mean and the log variance at `x`."""
        x = nn.tanh(nn.Dense(self.width)(x))
        x = nn.tanh(nn.Dense(self.width)(x))
        mean = nn.Dense(1)(x)
        log_variance = nn.Dense(1)(x)
        return mean, log_variance


def optimizer(rate: float = 1e-2) -> optax.GradientTransformation:
    """Adam behind a clipped gradient."""
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))


def negative_log_likelihood(params: Params, x: jax.Array, y: jax.Array) -> jax.Array:
    """How badly a normal distribution with the predicted mean and variance explains `y`."""
    mean, log_variance = Regressor().apply(params, x)
    scaled = (y - mean) ** 2 * np.exp(-log_variance)
    return 0.5 * jnp.mean(scaled + log_variance)


@jax.jit
def train_step(
    params: Params, state: optax.OptState, x: jax.Array, y: jax.Array
) -> tuple[Params, optax.OptState, jax.Array]:
    """One step of the optimizer."""
    loss, grads = jax.value_and_grad(negative_log_likelihood)(params, x, y)
    updates, state = optimizer().update(grads, state, params)
    return optax.apply_updates(params, updates), state, loss


# jaxsight: inputs error: f32[B=256, 1], delta = 0.5
@partial(jax.jit, static_argnames="delta")
def huber(error: jax.Array, delta: float = 0.5) -> jax.Array:
    """The mean of a loss that is quadratic near zero and linear far away."""
    size = jnp.abs(error)
    return jnp.mean(jnp.where(size < delta, 0.5 * error**2, delta * (size - 0.5 * delta)))


def augmented(key: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The data with a little jitter, against overfitting."""
    return x + 0.01 * jax.random.normal(key, x.shape), y + 0.01 * jax.random.normal(key, y.shape)


def train(epochs: int = 60, size: int = 512, batch: int = 128) -> dict[str, float]:
    """Train from scratch; the first and last loss, and the error of the mean on clean values."""
    x, y = noisy_wave(size)
    params_key, shuffle_key, noise_key = jax.random.split(jax.random.key(0), 3)
    params = Regressor().init(params_key, x[:1])
    state = optimizer().init(params)
    x_train, y_train = augmented(noise_key, x, y)

    losses: list[float] = []
    for epoch, order in enumerate(shuffles(shuffle_key, size, epochs)):
        for start in range(0, size - batch + 1, batch):
            rows = order[start : start + batch]
            params, state, loss = train_step(params, state, x_train[rows], y_train[rows])
        losses.append(float(loss))
        if epoch % 20 == 0:
            print(f"epoch {epoch}: {losses[-1]:.3f}")

    mean, _ = Regressor().apply(params, x)
    return {"first": losses[0], "last": losses[-1], "error": float(huber(mean - np.sin(3.0 * x)))}


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--size", type=int, default=512)
    arguments = parser.parse_args()
    print(train(arguments.epochs, arguments.size))


if __name__ == "__main__":
    main()

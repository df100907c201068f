"""Linen's lifted transformations: nn.scan over time, nn.vmap over heads, nn.remat, batch statistics."""
from typing import Callable

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn


class Cell(nn.Module):
    features: int

    @nn.compact
    def __call__(self, carry, x):
        carry, y = nn.LSTMCell(self.features)(carry, x)
        scale = self.param("scale", nn.initializers.ones, (self.features,))
        return carry, y * scale


class RNN(nn.Module):
    features: int

    @nn.compact
    def __call__(self, xs):
        scan = nn.scan(
            Cell, variable_broadcast="params", split_rngs={"params": False}, in_axes=1, out_axes=1
        )
        zeros = jnp.zeros((xs.shape[0], self.features))
        carry = (zeros, zeros)
        carry, ys = scan(self.features)(carry, xs)
        return ys


class Heads(nn.Module):
    n: int
    features: int
    act: Callable = nn.relu

    @nn.compact
    def __call__(self, x):
        dense = nn.vmap(
            nn.Dense, in_axes=None, out_axes=0, axis_size=self.n,
            variable_axes={"params": 0}, split_rngs={"params": True},
        )
        stacked = dense(self.features)(x)
        return self.act(stacked).mean(axis=0)


class Net(nn.Module):
    train: bool = True

    @nn.compact
    def __call__(self, xs):
        h = RNN(6)(xs)
        h = nn.remat(Heads)(2, 4)(h)
        h = nn.BatchNorm(use_running_average=not self.train)(h)
        if self.train:
            key = self.make_rng("noise")
            h = h + 0.01 * jax.random.normal(key, h.shape)
        average = self.variable("stats", "average", lambda: jnp.zeros(()))
        if self.train:
            average.value = 0.9 * average.value + 0.1 * h.mean()
        return nn.Dense(1)(h[:, -1])


def loss_fn(params, state, xs, ys, key):
    variables = {"params": params, **state}
    preds, updated = Net().apply(
        variables, xs, mutable=["batch_stats", "stats"], rngs={"noise": key}
    )
    return jnp.mean((preds[:, 0] - ys) ** 2), updated


@jax.jit
def update(params, state, opt_state, xs, ys, key):
    (loss, state), grads = jax.value_and_grad(loss_fn, has_aux=True)(params, state, xs, ys, key)
    updates, opt_state = tx.update(grads, opt_state)
    return optax.apply_updates(params, updates), state, opt_state, loss


tx = optax.rmsprop(1e-3)
root = jax.random.key(0)
params_key, noise_key, x_key, loop_key = jax.random.split(root, 4)
xs = jax.random.normal(x_key, (4, 5, 3))
ys = xs.sum((1, 2))
variables = Net().init({"params": params_key, "noise": noise_key}, xs)
params = variables.pop("params")
state, opt_state = variables, tx.init(params)
for k in jax.random.split(loop_key, 2):
    params, state, opt_state, loss = update(params, state, opt_state, xs, ys, k)
    print(loss)
print(Net(train=False).apply({"params": params, **state}, xs).shape)

"""Trains a small classifier with batch statistics and dropout."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax.training import train_state


class Block(nn.Module):
    features: int

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Dense(self.features, kernel_init=nn.initializers.lecun_normal())(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        self.sow("intermediates", "normalised", x)
        return nn.Dropout(0.1, deterministic=not train)(nn.relu(x))


class Classifier(nn.Module):
    features: int = 16

    @nn.compact
    def __call__(self, x, train: bool = False):
        for _ in range(2):
            x = Block(self.features)(x, train)
        return nn.Dense(2)(x)


class TrainState(train_state.TrainState):
    batch_stats: Any


def create(key, x):
    model = Classifier(features=8)
    variables = model.init(key, x)
    return TrainState.create(
        apply_fn=model.apply,
        params=variables["params"],
        batch_stats=variables["batch_stats"],
        tx=optax.adam(1e-2),
    )


def cross_entropy(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


@jax.jit
def train_step(state, x, y, seed):
    dropout_key = jax.random.fold_in(jax.random.key(seed), state.step)

    def loss_fn(params):
        variables = {"params": params, "batch_stats": state.batch_stats}
        logits, updates = state.apply_fn(
            variables,
            x,
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": dropout_key},
        )
        return cross_entropy(logits, y), updates

    (loss, updates), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=updates["batch_stats"])
    return state, loss


def loss_at_start(state, x, y):
    key = jax.random.key(7)
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    logits, updates = state.apply_fn(variables, x, train=True, mutable=["batch_stats"], rngs={"dropout": key})
    return cross_entropy(logits, y)


def spread(state, x):
    """How far the logits lie from each other while the statistics are those of the batch."""
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    logits, updates = state.apply_fn(variables, x, train=True, mutable=["batch_stats"], rngs={"dropout": jax.random.key(4)})
    return jnp.std(logits)


def predict(state, x):
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    return state.apply_fn(variables, x).argmax(axis=-1)


def linear_baseline(x):
    model = nn.Dense(2)
    params = model.init(jax.random.key(1), x)["params"]
    return model.apply({"params": params}, x).argmax(axis=-1)


def main():
    x = jax.random.normal(jax.random.key(0), (64, 4))
    y = (x[:, 0] > 0).astype(jnp.int32)
    state = create(jax.random.key(2), x)
    start = loss_at_start(state, x, y)
    for _ in range(60):
        state, loss = train_step(state, x, y, 3)
    accuracy = (predict(state, x) == y).mean()
    return bool(loss < start), bool(accuracy > 0.9), bool(spread(state, x) > 0), linear_baseline(x).shape


result = main()
expected = (True, True, True, (64,))

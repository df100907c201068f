"""Flax Linen with TrainState, dropout and gradient clipping."""
from functools import partial
from typing import Any, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training import train_state


class TrainState(train_state.TrainState):
    dropout_key: Any


class MLP(nn.Module):
    features: Sequence[int]
    rate: float = 0.2

    @nn.compact
    def __call__(self, x, train: bool):
        for i, width in enumerate(self.features[:-1]):
            x = nn.Dense(width, name=f"layer_{i}")(x)
            x = nn.gelu(x)
            x = nn.Dropout(self.rate, deterministic=not train)(x)
        return nn.Dense(self.features[-1])(x)


def create_state(rng, model, learning_rate):
    params_rng, dropout_rng = jax.random.split(rng)
    variables = model.init(params_rng, jnp.ones((1, 10)), train=False)
    tx = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(learning_rate))
    return TrainState.create(
        apply_fn=model.apply, params=variables["params"], tx=tx, dropout_key=dropout_rng
    )


@jax.jit
def train_step(state, batch):
    dropout_rng = jax.random.fold_in(state.dropout_key, state.step)

    def loss_fn(params):
        logits = state.apply_fn(
            {"params": params}, batch["x"], train=True, rngs={"dropout": dropout_rng}
        )
        loss = jnp.mean((logits.squeeze(-1) - batch["y"]) ** 2)
        return loss, logits

    grad_fn = jax.value_and_grad(loss_fn, has_aux=True)
    (loss, logits), grads = grad_fn(state.params)
    state = state.apply_gradients(grads=grads)
    norm = optax.global_norm(grads)
    metrics = {"loss": loss, "grad_norm": norm, "mean": logits.mean()}
    return state, metrics


@partial(jax.jit, static_argnames=("scale",))
def evaluate(state, batch, scale: float = 1.0):
    preds = state.apply_fn({"params": state.params}, batch["x"], train=False)
    if scale != 1.0:
        preds = preds * scale
    error = jnp.abs(preds.squeeze(-1) - batch["y"])
    return error.mean()


def get_batches(rng, n):
    for _ in range(n):
        rng, sub = jax.random.split(rng)
        x = jax.random.normal(sub, (8, 10))
        yield {"x": x, "y": x.sum(axis=1)}


if __name__ == "__main__":
    rng = jax.random.key(42)
    rng, init_rng = jax.random.split(rng)
    model = MLP(features=[16, 16, 1])
    state = create_state(init_rng, model, 1e-2)
    history = []
    for batch in get_batches(rng, 3):
        state, metrics = train_step(state, batch)
        history.append({k: float(v) for k, v in metrics.items()})
    print(history[-1])
    print(evaluate(state, batch), evaluate(state, batch, scale=2.0))

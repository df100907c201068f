"""Train a Flax NNX classifier on a spiral with Optax, and keep its weights with Orbax.

    python train_nnx.py --epochs 20 --checkpoints /tmp/spiral
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
import orbax.checkpoint as ocp
from flax import nnx

from data import CLASSES, shuffles, spiral

LARGE = 1.0


class Classifier(nnx.Module):
    """Two hidden layers with dropout between them."""

    def __init__(self, width: int = 64, *, rngs: nnx.Rngs) -> None:
        self.hidden = nnx.Linear(2, width, rngs=rngs)
        self.middle = nnx.Linear(width, width, rngs=rngs)
        self.out = nnx.Linear(width, CLASSES, rngs=rngs)
        self.dropout = nnx.Dropout(0.1, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """The logits of a batch of points."""
        x = nnx.relu(self.hidden(x))
        x = self.dropout(nnx.relu(self.middle(x)))
        return self.out(x)


# jaxsight: inputs model = Classifier(rngs=nnx.Rngs(0)), x: f32[B=64, 2], y: i32[B] in [0, 2]
def loss_fn(model: Classifier, x: jax.Array, y: jax.Array) -> jax.Array:
    """The mean cross entropy of a batch."""
    logits = model(x)
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


@nnx.jit
def train_step(
    model: Classifier, optimizer: nnx.Optimizer, x: jax.Array, y: jax.Array
) -> jax.Array:
    """Take one step, damped where the gradient is large, and give the loss before it."""
    loss, grads = nnx.value_and_grad(loss_fn)(model, x, y)
    norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(grads)))
    print("loss", loss, "gradient norm", norm)
    if norm > LARGE:
        scale = 0.1
    else:
        scale = 1.0
    optimizer.update(model, jax.tree.map(lambda g: g * scale, grads))
    return loss


@nnx.jit
def accuracy(model: Classifier, x: jax.Array, y: jax.Array) -> jax.Array:
    """The share of points put on the right arm."""
    return jnp.mean(jnp.argmax(model(x), axis=-1) == y)


def parameter_count(model: Classifier) -> int:
    """How many numbers are learnt."""
    sizes = jax.tree_map(lambda p: p.size, nnx.state(model, nnx.Param))
    return sum(jax.tree.leaves(sizes))


def save(model: Classifier, folder: Path) -> None:
    """Write the model's weights to a new folder."""
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder.absolute(), nnx.to_pure_dict(nnx.state(model, nnx.Param)))


def load(folder: Path) -> Classifier:
    """A model with the weights that `save` wrote."""
    model = Classifier(rngs=nnx.Rngs(0))
    state = nnx.state(model, nnx.Param)
    with ocp.StandardCheckpointer() as checkpointer:
        weights = checkpointer.restore(folder.absolute(), nnx.to_pure_dict(state))
    nnx.replace_by_pure_dict(state, weights)
    nnx.update(model, state)
    return model


def train(
    epochs: int = 20, batch: int = 64, per_class: int = 200, folder: Path | None = None
) -> dict[str, float]:
    """Train from scratch; the first and last epoch's mean loss and the accuracy at the end."""
    points, labels = spiral(per_class)
    model = Classifier(rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(3e-3), wrt=nnx.Param)
    print(f"{parameter_count(model)} parameters")

    means: list[float] = []
    for epoch, order in enumerate(shuffles(jax.random.key(0), len(points), epochs)):
        losses = []
        for start in range(0, len(points) - batch + 1, batch):
            rows = order[start : start + batch]
            losses.append(train_step(model, optimizer, points[rows], labels[rows]))
        means.append(float(jnp.stack(losses).mean()))
        print(f"epoch {epoch}: loss {means[-1]:.3f}")

    model.eval()
    if folder is not None:
        save(model, folder)
    return {"first": means[0], "last": means[-1], "accuracy": float(accuracy(model, points, labels))}


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--per-class", type=int, default=200)
    parser.add_argument("--checkpoints", type=Path, help="a folder that does not exist yet")
    arguments = parser.parse_args()
    print(train(arguments.epochs, per_class=arguments.per_class, folder=arguments.checkpoints))


if __name__ == "__main__":
    main()

"""Trains a small classifier on two spirals, with batch statistics and dropout, and evaluates it."""

import jax
import jax.numpy as jnp
import optax
from flax import nnx


class Block(nnx.Module):
    """A layer with normalisation and dropout."""

    def __init__(self, din: int, dout: int, *, rate: float, rngs: nnx.Rngs):
        self.linear = nnx.Linear(din, dout, rngs=rngs)
        self.norm = nnx.BatchNorm(dout, momentum=0.9, rngs=rngs)
        self.dropout = nnx.Dropout(rate, rngs=rngs)

    def __call__(self, x):
        return self.dropout(nnx.relu(self.norm(self.linear(x))))


class Classifier(nnx.Module):
    """Blocks, a scale that is learnt, and a count of the batches seen."""

    def __init__(self, widths: list[int], classes: int, *, rate: float, rngs: nnx.Rngs):
        self.blocks = nnx.List([])
        for din, dout in zip(widths, widths[1:]):
            self.blocks.append(Block(din, dout, rate=rate, rngs=rngs))
        self.heads = nnx.Dict({"main": nnx.Linear(widths[-1], classes, rngs=rngs)})
        self.gate = nnx.Param(jnp.ones(widths[-1]))
        self.scale = nnx.Param(jnp.ones(()))
        self.seen = nnx.Variable(jnp.array(0))
        self.calls = nnx.Variable(jnp.array(0))

    def __call__(self, x):
        self.seen[...] += 1
        for block in self.blocks:
            x = block(x)
        x = jnp.where(self.gate[...] > 0, x, 0.0)
        return self.heads["main"](x) * self.scale[...]

    def halved(self, x):
        """An input at half its size, and a count of how often that was asked for."""
        self.calls[...] += 1
        return x / 2

    def freeze_scale(self):
        """Start the scale anew."""
        self.scale[...] = jnp.full((), 0.5)


def spirals(key, count: int):
    """Points on two spirals, and which one each is on."""
    noise, angle = jax.random.split(key)
    label = jnp.arange(count) % 2
    t = jnp.sqrt(jax.random.uniform(angle, (count,))) * 6.0
    phase = t + jnp.pi * label
    points = jnp.stack([t * jnp.cos(phase), t * jnp.sin(phase)], axis=1) / 6.0
    return points + 0.02 * jax.random.normal(noise, points.shape), label


def loss_fn(model: Classifier, x, y):
    logits = model(x)
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


@nnx.jit
def train_step(model: Classifier, optimizer: nnx.Optimizer, x, y):
    loss, grads = nnx.value_and_grad(loss_fn)(model, x, y)
    optimizer.update(model, grads)
    return loss


@nnx.jit
def shrink(model: Classifier, x):
    return model.halved(x)


def accuracy(model: Classifier, x, y):
    """How many are right, in evaluation mode."""
    model.eval()
    tested = model

    @nnx.jit
    def predict(model, x):
        return model(x).argmax(axis=-1)

    return (predict(tested, x) == y).mean()


def train(steps: int):
    """Trains, and returns the losses and the accuracy."""
    rngs = nnx.Rngs(0)
    x, y = spirals(jax.random.key(1), 256)
    model = Classifier([2, 64, 64], 2, rate=0.1, rngs=rngs)
    model.freeze_scale()
    optimizer = nnx.Optimizer(model, optax.adam(1e-2), wrt=nnx.Param)
    losses = []
    for _ in range(3):
        shrink(model, x)
    for _ in range(steps):
        losses.append(train_step(model, optimizer, x, y))
    learns = bool(losses[-1] < 0.5 * losses[0])
    trained = "scale" in nnx.state(model, nnx.Param)
    seen = int(model.seen[...]), int(model.calls)
    return learns, trained, seen, bool(accuracy(model, x, y) > 0.9)


result = train(150)
expected = (True, True, (150, 3), True)

"""Flax NNX: a small classifier with dropout and batch norm, metrics and an optimizer."""
import jax
import jax.numpy as jnp
import optax
from flax import nnx


class Block(nnx.Module):
    def __init__(self, din: int, dout: int, *, rngs: nnx.Rngs):
        self.linear = nnx.Linear(din, dout, rngs=rngs)
        self.norm = nnx.BatchNorm(dout, rngs=rngs)
        self.dropout = nnx.Dropout(0.1, rngs=rngs)

    def __call__(self, x):
        h = self.linear(x)
        h = self.norm(h)
        h = nnx.relu(h)
        return self.dropout(h)


class Classifier(nnx.Module):
    def __init__(self, features: int, hidden: int, classes: int, *, rngs: nnx.Rngs):
        self.first = Block(features, hidden, rngs=rngs)
        self.second = Block(hidden, hidden, rngs=rngs)
        self.head = nnx.Linear(hidden, classes, rngs=rngs)

    def __call__(self, x):
        x = self.first(x)
        residual = x
        x = self.second(x)
        x = x + residual
        return self.head(x)


def loss_fn(model: Classifier, batch):
    logits = model(batch["image"])
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"])
    loss = losses.mean()
    return loss, logits


@nnx.jit
def train_step(model: Classifier, optimizer: nnx.Optimizer, metrics: nnx.MultiMetric, batch):
    grad_fn = nnx.value_and_grad(loss_fn, has_aux=True)
    (loss, logits), grads = grad_fn(model, batch)
    metrics.update(loss=loss, logits=logits, labels=batch["label"])
    optimizer.update(model, grads)
    return loss


@nnx.jit
def eval_step(model, metrics, batch):
    loss, logits = loss_fn(model, batch)
    correct = jnp.argmax(logits, -1) == batch["label"]
    metrics.update(loss=loss, logits=logits, labels=batch["label"])
    return correct.mean()


def make_batch(seed):
    rng = jax.random.key(seed)
    key_x, key_y = jax.random.split(rng)
    return {
        "image": jax.random.normal(key_x, (16, 12)),
        "label": jax.random.randint(key_y, (16,), 0, 4),
    }


def main():
    model = Classifier(12, 16, 4, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adamw(1e-3), wrt=nnx.Param)
    metrics = nnx.MultiMetric(
        accuracy=nnx.metrics.Accuracy(), loss=nnx.metrics.Average("loss")
    )
    for step in range(2):
        batch = make_batch(step)
        model.train()
        value = train_step(model, optimizer, metrics, batch)
        print(step, float(value))
    model.eval()
    score = eval_step(model, metrics, make_batch(99))
    print("score", score, metrics.compute())


if __name__ == "__main__":
    main()

"""A Trainer class hierarchy with hooks: self.step = jax.jit(...), static methods, properties."""
import logging
from abc import abstractmethod
from typing import Callable, Dict, Iterator, List

import jax
import jax.numpy as jnp
import optax

logger = logging.getLogger(__name__)


class Metric:
    def __init__(self):
        self._values: List[float] = []

    def update(self, value):
        self._values.append(float(value))

    @property
    def mean(self):
        return sum(self._values) / max(len(self._values), 1)


class BaseTrainer:
    def __init__(self, optimizer: optax.GradientTransformation, seed: int = 0):
        self.optimizer = optimizer
        self.key = jax.random.key(seed)
        self.hooks: List[Callable] = []
        self.metrics: Dict[str, Metric] = {"loss": Metric()}
        self.train_step = jax.jit(self._train_step)
        self.eval_step = jax.jit(self._eval_step, static_argnames="reduce")

    def next_key(self):
        self.key, sub = jax.random.split(self.key)
        return sub

    @abstractmethod
    def init_params(self, key):
        raise NotImplementedError

    @abstractmethod
    def loss(self, params, batch, key):
        raise NotImplementedError

    def _train_step(self, params, opt_state, batch, key):
        loss, grads = jax.value_and_grad(self.loss)(params, batch, key)
        grads = self.process_gradients(grads)
        updates, opt_state = self.optimizer.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        return params, opt_state, loss

    def _eval_step(self, params, batch, reduce=True):
        errors = self.errors(params, batch)
        if reduce:
            return errors.mean()
        return errors

    def process_gradients(self, grads):
        return grads

    def fit(self, batches: Iterator, epochs: int = 1):
        params = self.init_params(self.next_key())
        opt_state = self.optimizer.init(params)
        batches = list(batches)
        for epoch in range(epochs):
            for batch in batches:
                params, opt_state, loss = self.train_step(
                    params, opt_state, batch, self.next_key()
                )
                self.metrics["loss"].update(loss)
            for hook in self.hooks:
                hook(epoch, params, self.metrics)
        return params


class LogisticTrainer(BaseTrainer):
    def __init__(self, dim, *, l2=1e-3, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        self.dim, self.l2, self.dropout = dim, l2, dropout

    def init_params(self, key):
        return {"w": 0.01 * jax.random.normal(key, (self.dim,)), "b": jnp.zeros(())}

    @staticmethod
    def logits(params, x):
        return x @ params["w"] + params["b"]

    def loss(self, params, batch, key):
        x, y = batch
        if self.dropout > 0:
            keep = jax.random.bernoulli(key, 1 - self.dropout, x.shape)
            x = jnp.where(keep, x / (1 - self.dropout), 0.0)
        logits = self.logits(params, x)
        data_term = optax.sigmoid_binary_cross_entropy(logits, y).mean()
        penalty = self.l2 * jnp.sum(params["w"] ** 2)
        return data_term + penalty

    def errors(self, params, batch):
        x, y = batch
        predicted = self.logits(params, x) > 0
        return (predicted != y).astype(jnp.float32)

    def process_gradients(self, grads):
        norm = optax.global_norm(grads)
        scale = jnp.minimum(1.0, 1.0 / (norm + 1e-6))
        return jax.tree.map(lambda g: g * scale, grads)


def report(epoch, params, metrics):
    size = jnp.abs(params["w"]).max()
    print(f"epoch {epoch}: loss {metrics['loss'].mean:.3f}, largest weight {size:.3f}")


def batches(key, n, size, dim):
    for sub in jax.random.split(key, n):
        x = jax.random.normal(sub, (size, dim))
        yield x, (x.sum(-1) > 0).astype(jnp.float32)


trainer = LogisticTrainer(5, optimizer=optax.sgd(0.1), seed=3)
trainer.hooks.append(report)
params = trainer.fit(batches(jax.random.key(8), 2, 16, 5), epochs=2)
last = next(batches(jax.random.key(9), 1, 16, 5))
print(trainer.eval_step(params, last), trainer.eval_step(params, last, reduce=False).shape)

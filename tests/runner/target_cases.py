"""Targets of every kind, run in one process: `python -m tests.runner.target_cases FILE` prints what came of each."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXT = """
import jax, jax.numpy as jnp, optax
from functools import lru_cache, partial
from flax import nnx
import flax.linen as nn
import equinox as eqx
import numpyro, numpyro.distributions as dist

# jaxsight: inputs lr = 0.5
def make_step(lr, scale=2.0):
    def square(x):
        return x * x
    @jax.jit
    def step(w, x):
        return w - lr * jax.grad(lambda w: jnp.sum(square(w * x)) * scale)(w)
    return {"step": step}

def make_jitted(n):
    def f(x):
        return x * n
    return (jax.jit(f), n)

def outer(a):
    def middle(b):
        def inner(c):
            return a + b + c
        return inner
    return middle

def train_step(w, x):
    def loss_fn(w):
        return jnp.sum((w * x) ** 2)
    value, grads = jax.value_and_grad(loss_fn)(w)
    return value, grads

@jax.jit
def compiled(w, x):
    def inner(v):
        return v * w
    return inner(x)

def main():
    data = jnp.arange(3.0)
    @jax.jit
    def update(w):
        return w - data
    w = jnp.zeros(3)
    while True:
        w = update(w)

def branch(flag):
    if flag:
        def inside(x):
            return x
        return inside(1.0)
    return 0.0

def early(x):
    def seen(y):
        return y + x
    return jax.jit(lambda x: x)(x)

def make_class(width):
    class Net(nnx.Module):
        def __init__(self, rngs):
            self.layer = nnx.Linear(3, width, rngs=rngs)
        def __call__(self, x):
            return self.layer(x)
    return Net

class Trainer:
    rate = 0.5
    def make(self, n):
        def step(x):
            return x * n * self.rate
        return step
    @staticmethod
    def plus(x):
        return x + 1
    @classmethod
    def named(cls, x):
        return x + cls.rate
    def minus(self, x):
        return x - self.rate

class Model(nnx.Module):
    def __init__(self, rngs, width=4):
        self.layer = nnx.Linear(3, width, rngs=rngs)
    def __call__(self, x):
        return self.layer(x)
    def twice(self, x):
        return 2 * self(x)

class Net(nn.Module):
    width: int = 4
    @nn.compact
    def __call__(self, x):
        return nn.Dense(self.width)(x)

class Layer(eqx.Module):
    linear: eqx.nn.Linear
    def __init__(self, key, width=2):
        self.linear = eqx.nn.Linear(3, width, key=key)
    def __call__(self, x):
        return self.linear(x)

class Wide(eqx.Module):
    linear: eqx.nn.Linear
    def __init__(self, width, key):
        self.linear = eqx.nn.Linear(3, width, key=key)
    def __call__(self, x):
        return self.linear(x)

model = Model(nnx.Rngs(1))
net = Net(5)
trainer = Trainer()
tx = optax.sgd(0.1)
double = lambda x: x * 2
both = jax.jit(jax.vmap(double))
slope = jax.value_and_grad(lambda w, x: jnp.sum(w * x), argnums=1)
bound = partial(train_step, x=jnp.ones(3))

@nnx.jit
def nnx_step(model, optimizer, batch):
    def loss(model):
        return jnp.mean((model(batch["x"]) - batch["y"]) ** 2)
    value, grads = nnx.value_and_grad(loss)(model)
    optimizer.update(model, grads) if is_new() else optimizer.update(grads)
    return value

@jax.jit
def linen_step(state, x):
    def loss(params):
        return jnp.mean(state.apply_fn(params, x) ** 2)
    return state.apply_gradients(grads=jax.grad(loss)(state.params)).params

@eqx.filter_jit
def equinox_step(layer, opt_state, x):
    grads = eqx.filter_grad(lambda layer: jnp.mean(jax.vmap(layer)(x) ** 2))(layer)
    updates, opt_state = tx.update(grads, opt_state)
    return eqx.apply_updates(layer, updates)

def regression(x, y=None):
    w = numpyro.sample("w", dist.Normal(jnp.zeros(3), 1.0))
    scale = numpyro.sample("scale", dist.HalfNormal(1.0))
    numpyro.sample("y", dist.Normal(x @ w, scale), obs=y)

def is_new():
    return hasattr(nnx, "Pytree")

def optimise(model):
    return nnx.Optimizer(model, tx, wrt=nnx.Param) if is_new() else nnx.Optimizer(model, tx)

from flax.training.train_state import TrainState
def create(net, params):
    return TrainState.create(apply_fn=net.apply, params=params, tx=tx)
"""


@dataclass(frozen=True)
class Case:
    """A target with its inputs, and the value that an expression in the module has to give, or the words of a refusal."""

    target: str
    spec: str
    value: str = ""
    words: str = ""


CASES = (
    Case("make_step.step", "w = jnp.ones(3), x = jnp.ones(3)", "-jnp.ones(3)"),
    Case(
        "make_step.<locals>.step", "lr = 0.25, w = jnp.ones(3), x = jnp.ones(3)", "0 * jnp.ones(3)"
    ),
    Case("make_step.square", "x = jnp.ones(3) * 3", "jnp.ones(3) * 9"),
    Case("make_step.step", "w = jnp.ones(3)", words="values for `x`; for example `w = jnp.ones(3)"),
    Case("make_step.step", "lr = 1, v = 2", words="no parameter `v`"),
    Case("make_jitted.f", "n = 3, x = jnp.ones(2)", "jnp.ones(2) * 3"),
    Case("make_jitted.f", "x = jnp.ones(2)", words="`make_jitted` needs values for `n`"),
    Case("outer.middle.inner", "a = 1.0, b = 2.0, c = jnp.ones(2)", "jnp.ones(2) * 4"),
    Case("train_step.loss_fn", "w = jnp.ones(2), x = jnp.ones(2) * 2", "8.0"),
    Case("compiled.inner", "w = jnp.ones(2) * 2, x = jnp.ones(2), v = jnp.ones(2)", "jnp.ones(2) * 2"),
    Case("main.update", "w = jnp.ones(3)", "1 - jnp.arange(3.0)"),
    Case("branch.inside", "flag = False, x = jnp.ones(2)", words="did not come to where it defines"),
    Case("branch.inside", "flag = True, x = jnp.ones(2)", "jnp.ones(2)"),
    Case("early.seen", "x = jnp.ones(2), y = jnp.ones(2)", "jnp.ones(2) * 2"),
    Case("early.never", "x = 1", words="has no `early.never`"),
    Case("make_class.Net.__call__", "width = 2, x = jnp.ones((1, 3))", "make_class(2)(nnx.Rngs(0))(jnp.ones((1, 3)))"),
    Case("Trainer.make.step", "self = trainer, n = 4, x = jnp.ones(2)", "jnp.ones(2) * 2"),
    Case("Trainer.plus", "x = jnp.ones(2)", "jnp.ones(2) * 2"),
    Case("Trainer.named", "x = jnp.ones(2)", "jnp.ones(2) * 1.5"),
    Case("Trainer.minus", "t = trainer, x = jnp.ones(2)", "jnp.ones(2) * 0.5"),
    Case("Trainer.minus", "x = jnp.ones(2)", words="self = Trainer(...)"),
    Case("trainer.minus", "x = jnp.ones(2)", "jnp.ones(2) * 0.5"),
    Case("Model.__call__", "x = jnp.ones((1, 3))", "Model(nnx.Rngs(0))(jnp.ones((1, 3)))"),
    Case("Model", "x = jnp.ones((1, 3))", "Model(nnx.Rngs(0))(jnp.ones((1, 3)))"),
    Case("Model.twice", "m = Model(nnx.Rngs(2), 2), x = jnp.ones((1, 3))", "Model(nnx.Rngs(2), 2).twice(jnp.ones((1, 3)))"),
    Case("model", "x = jnp.ones((1, 3))", "model(jnp.ones((1, 3)))"),
    Case("model.twice", "x = jnp.ones((1, 3))", "2 * model(jnp.ones((1, 3)))"),
    Case("Net", "x = jnp.ones((1, 3))", "Net().init_with_output(jax.random.key(0), jnp.ones((1, 3)))[0]"),
    Case("net", "x = jnp.ones((1, 3))", "net.init_with_output(jax.random.key(0), jnp.ones((1, 3)))[0]"),
    Case("Layer.__call__", "x = jnp.ones(3)", "Layer(jax.random.PRNGKey(0))(jnp.ones(3))"),
    Case("Wide.__call__", "x = jnp.ones(3)", words="self = Wide(width=..., key=jax.random.PRNGKey(0))"),
    Case("double", "x = jnp.ones(3)", "jnp.ones(3) * 2"),
    Case("both", "x = jnp.ones(3)", "jnp.ones(3) * 2"),
    Case("slope", "w = jnp.ones(3), x = jnp.ones(3)", "(jnp.array(3.0), jnp.ones(3))"),
    Case("bound", "w = jnp.ones(3)", "train_step(jnp.ones(3), jnp.ones(3))"),
    Case(
        "nnx_step",
        "model = Model(nnx.Rngs(0)), optimizer = optimise(Model(nnx.Rngs(0))), batch = dict(x=jnp.ones((2, 3)), y=jnp.ones((2, 4)))",
        "jnp.mean((Model(nnx.Rngs(0))(jnp.ones((2, 3))) - 1) ** 2)",
    ),
    Case(
        "linen_step",
        "params = net.init(jax.random.key(1), x0), x0 = 3, state = create(net, params), x = jnp.ones((1, 3))",
        words="x0",
    ),
    Case(
        "linen_step",
        "x0 = jnp.ones((1, 3)), params = net.init(jax.random.key(1), x0), state = create(net, params), x = x0",
        "linen_step(create(net, net.init(jax.random.key(1), jnp.ones((1, 3)))), jnp.ones((1, 3)))",
    ),
    Case(
        "equinox_step",
        "layer = Layer(jax.random.PRNGKey(3)), opt_state = tx.init(eqx.filter(layer, eqx.is_array)), x = jnp.ones((2, 3))",
        "equinox_step(Layer(jax.random.PRNGKey(3)), tx.init(eqx.filter(Layer(jax.random.PRNGKey(3)), eqx.is_array)), jnp.ones((2, 3)))",
    ),
    Case(
        "regression",
        "x = jnp.ones((4, 3)), y = jnp.ones(4)",
        "numpyro.infer.util.potential_energy(regression, (jnp.ones((4, 3)), jnp.ones(4)), {}, numpyro.infer.util.initialize_model(jax.random.PRNGKey(0), regression, model_args=(jnp.ones((4, 3)), jnp.ones(4)), validate_grad=False).param_info.z)",
    ),
)  # fmt: skip


class _Job:
    def enter(self, phase: str, message: str) -> None:
        """Nobody listens."""


def _outcome(case: Case, path: Path) -> str:
    import jax
    import numpy as np

    from jaxsight_runner.failures import Stop
    from jaxsight_runner.loading.target import load_target
    from jaxsight_runner.program.prepared import prepare, program
    from jaxsight_runner.protocol import TargetRequest

    job: Any = _Job()
    try:
        loaded = load_target(TargetRequest(str(path), TEXT, case.target, case.spec), job)
        made = program(prepare(loaded))
        found, _ = made.call(*made.leaves)
    except Stop as end:
        return end.outcome.message
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if not case.value:
        return f"a value: {found}"
    wanted = eval(case.value, vars(loaded.module))
    one, two = jax.tree_util.tree_leaves(found), jax.tree_util.tree_leaves(wanted)
    same = len(one) == len(two) and all(np.allclose(a, b, atol=1e-6) for a, b in zip(one, two))
    return "" if same else f"{found} for {wanted}"


def main() -> None:
    """Run every case."""
    path = Path(sys.argv[1])
    print(json.dumps([_outcome(case, path) for case in CASES]))


if __name__ == "__main__":
    main()

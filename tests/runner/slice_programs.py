"""Scripts as people write them: definitions, with training, files and arguments at the top level.

Each names its function, a call of it, and the line that forbids a slice (None where it is exact).
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Script:
    """One script and what is expected of it."""

    name: str
    text: str
    target: str
    call: str  # an expression in the module
    obstacle: str | None = None  # the beginning of the line that forbids it


def _script(name: str, text: str, target: str, call: str, obstacle: str | None = None) -> Script:
    return Script(name, dedent(text).lstrip(), target, call, obstacle)


EXACT = (
    _script(
        "mlp by hand",
        """
        import jax, jax.numpy as jnp
        import numpy as np
        SIZES = (4, 8, 1)
        def init(key):
            keys = jax.random.split(key, len(SIZES) - 1)
            return [jax.random.normal(k, (a, b)) for k, a, b in zip(keys, SIZES, SIZES[1:])]
        def forward(params, x):
            for w in params:
                x = jnp.tanh(x @ w)
            return x
        def loss(params, x, y):
            return jnp.mean((forward(params, x) - y) ** 2)
        params = init(jax.random.key(0))
        X = np.random.randn(16, 4); Y = X[:, :1]
        for step in range(3):
            grads = jax.grad(loss)(params, X, Y)
            params = [p - 0.1 * g for p, g in zip(params, grads)]
            if step % 2 == 0:
                print(step, loss(params, X, Y))
        """,
        "loss",
        "loss([jnp.ones((4, 1))], jnp.ones((2, 4)), jnp.zeros((2, 1)))",
    ),
    _script(
        "nnx train step",
        """
        from flax import nnx
        import jax, jax.numpy as jnp, optax
        class Model(nnx.Module):
            def __init__(self, rngs):
                self.linear = nnx.Linear(3, 2, rngs=rngs)
            def __call__(self, x):
                return self.linear(x)
        model = Model(nnx.Rngs(0))
        optimizer = nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param)
        def loss_fn(model, x, y):
            return jnp.mean((model(x) - y) ** 2)
        @nnx.jit
        def train_step(model, optimizer, x, y):
            loss, grads = nnx.value_and_grad(loss_fn)(model, x, y)
            optimizer.update(*((model, grads) if hasattr(nnx, "Pytree") else (grads,)))
            return loss
        history = []
        for epoch in range(2):
            x = jnp.ones((4, 3)); y = jnp.zeros((4, 2))
            history.append(float(train_step(model, optimizer, x, y)))
        print(f"final {history[-1]}")
        """,
        "train_step",
        "(lambda m: train_step(m, nnx.Optimizer(m, optax.sgd(0.1), wrt=nnx.Param), jnp.ones((4, 3)), jnp.zeros((4, 2))))(Model(nnx.Rngs(1)))",
    ),
    _script(
        "linen with a global model",
        """
        import argparse
        import jax, jax.numpy as jnp
        import flax.linen as nn
        import optax
        class Net(nn.Module):
            features: tuple = (8, 2)
            @nn.compact
            def __call__(self, x):
                for size in self.features:
                    x = nn.relu(nn.Dense(size)(x))
                return x
        model = Net(features=[8, 2])
        tx = optax.adam(1e-3)
        @jax.jit
        def loss(params, x):
            return model.apply(params, x).sum()
        @jax.jit
        def step(params, state, x):
            grads = jax.grad(loss)(params, x)
            updates, state = tx.update(grads, state, params)
            return optax.apply_updates(params, updates), state
        params = model.init(jax.random.key(0), jnp.ones((1, 3)))
        state = tx.init(params)
        parser = argparse.ArgumentParser()
        parser.add_argument("--steps", type=int, default=2)
        args = parser.parse_args()
        for _ in range(args.steps):
            params, state = step(params, state, jnp.ones((2, 3)))
        """,
        "loss",
        "loss(model.init(jax.random.key(1), jnp.ones((1, 3))), jnp.ones((2, 3)))",
    ),
    _script(
        "equinox",
        """
        import equinox as eqx
        import jax, jax.numpy as jnp, optax
        class Net(eqx.Module):
            layers: list
            def __init__(self, key):
                a, b = jax.random.split(key)
                self.layers = [eqx.nn.Linear(2, 4, key=a), jax.nn.tanh, eqx.nn.Linear(4, 1, key=b)]
            def __call__(self, x):
                for layer in self.layers:
                    x = layer(x)
                return x
        optim = optax.adam(3e-4)
        @eqx.filter_value_and_grad
        def loss(net, x, y):
            return jnp.mean((jax.vmap(net)(x) - y) ** 2)
        @eqx.filter_jit
        def make_step(net, x, y, opt_state):
            value, grads = loss(net, x, y)
            updates, opt_state = optim.update(grads, opt_state)
            return value, eqx.apply_updates(net, updates), opt_state
        net = Net(jax.random.PRNGKey(0))
        opt_state = optim.init(eqx.filter(net, eqx.is_array))
        for i in range(2):
            value, net, opt_state = make_step(net, jnp.ones((3, 2)), jnp.ones((3, 1)), opt_state)
            print(i, value)
        """,
        "make_step",
        "(lambda n: make_step(n, jnp.ones((3, 2)), jnp.ones((3, 1)), optim.init(eqx.filter(n, eqx.is_array)))[0])(Net(jax.random.PRNGKey(2)))",
    ),
    _script(
        "a dataclass of settings",
        """
        from dataclasses import dataclass
        import jax, jax.numpy as jnp
        @dataclass
        class Config:
            rate: float = 0.5
            steps: int = 3
            name: str = "run"
        config = Config()
        def update(w, g):
            return w - config.rate * g
        def train(steps, rate):
            w = jnp.ones(2)
            for _ in range(steps):
                w = update(w, w)
            return w
        result = train(config.steps, config.rate)
        print(f"{config.name}: {result}")
        """,
        "update",
        "update(jnp.ones(3), jnp.ones(3))",
    ),
    _script(
        "data from a file",
        """
        import json, os
        from pathlib import Path
        import jax, jax.numpy as jnp
        def load(path):
            with open(path) as file:
                return jnp.array(json.load(file))
        def normalise(x, eps=1e-6):
            return (x - x.mean()) / (x.std() + eps)
        place = Path("slice_data.json")
        with place.open("w") as file:
            json.dump([1.0, 2.0, 3.0], file)
        data = load(place)
        place.unlink()
        scaled = normalise(data)
        del scaled
        """,
        "normalise",
        "normalise(jnp.arange(4.0))",
    ),
    _script(
        "plots and timings",
        """
        import time
        import jax, jax.numpy as jnp, numpy as np
        RADIUS = 2.0
        STEPS = np.linspace(0.0, 1.0, 5)
        @jax.jit
        def area(x):
            return jnp.sum(jnp.where(x < RADIUS, x, 0.0) * jnp.asarray(STEPS))
        start = time.perf_counter()
        for _ in range(3):
            area(jnp.ones(5)).block_until_ready()
        elapsed = time.perf_counter() - start
        print("%.3f ms" % (elapsed * 1e3), np.max(STEPS))
        """,
        "area",
        "area(jnp.arange(5.0))",
    ),
    _script(
        "scan and a key in a loop",
        """
        import jax, jax.numpy as jnp
        key = jax.random.key(0)
        def rollout(key, x):
            def body(carry, k):
                carry = carry + jax.random.normal(k, carry.shape)
                return carry, carry.sum()
            return jax.lax.scan(body, x, jax.random.split(key, 3))
        returns = []
        while len(returns) < 2:
            key, sub = jax.random.split(key)
            _, ys = rollout(sub, jnp.zeros(2))
            returns.append(ys)
        best = max(float(r.max()) for r in returns)
        """,
        "rollout",
        "rollout(jax.random.key(3), jnp.ones(2))",
    ),
    _script(
        "numpyro model",
        """
        import jax, jax.numpy as jnp
        import numpyro, numpyro.distributions as dist
        from numpyro.infer import MCMC, NUTS
        def model(x):
            w = numpyro.sample("w", dist.Normal(0.0, 1.0))
            return numpyro.deterministic("mean", w * x)
        x = jnp.arange(3.0)
        mcmc = MCMC(NUTS(model), num_warmup=2, num_samples=2, progress_bar=False)
        mcmc.run(jax.random.key(0), x)
        print(mcmc.get_samples()["w"].mean())
        """,
        "model",
        "numpyro.handlers.substitute(model, {'w': 2.0})(jnp.ones(2))",
    ),
    _script(
        "checks of arguments",
        """
        import sys
        import jax, jax.numpy as jnp
        def clip(x, low=-1.0, high=1.0):
            return jnp.clip(x, low, high)
        limits = [float(a) for a in sys.argv[1:] if a.replace(".", "").isdigit()]
        if len(limits) == 2:
            print(clip(jnp.ones(2), *limits))
            sys.exit(0)
        try:
            value = clip(jnp.array(limits))
        except Exception as error:
            print(error)
        """,
        "clip",
        "clip(jnp.arange(-3.0, 3.0))",
    ),
    _script(
        "a metric class that the loop fills",
        """
        import jax, jax.numpy as jnp
        class Mean:
            def __init__(self):
                self.total, self.count = 0.0, 0
            def add(self, value):
                self.total += float(value); self.count += 1
        def error(x, y):
            return jnp.abs(x - y).mean()
        meter = Mean()
        for value in (1.0, 2.0):
            meter.add(error(jnp.array(value), jnp.array(0.0)))
        print(meter.total / meter.count)
        """,
        "error",
        "error(jnp.ones(3), jnp.zeros(3))",
    ),
    _script(
        "a factory that the loop uses",
        """
        import jax, jax.numpy as jnp
        RATE = 0.5
        def make_step(loss):
            @jax.jit
            def step(w, x):
                return w - RATE * jax.grad(loss)(w, x)
            return step
        def square(w, x):
            return jnp.sum((w * x) ** 2)
        w = jnp.ones(2)
        for i in range(2):
            w = make_step(square)(w, jnp.arange(2.0))
        """,
        "make_step",
        "make_step(square)(jnp.ones(2), jnp.ones(2))",
    ),
    _script(
        "methods of an array of JAX that looks at one of NumPy",
        """
        import jax.numpy as jnp, numpy as np
        table = np.ones(4, np.float32)
        weights = jnp.asarray(table)
        for i in range(4):
            print(weights.at[i].set(3.0).sum())
        def f(x):
            return x * weights.sum()
        """,
        "f",
        "f(1.0)",
    ),
)

REFUSED = (
    _script(
        "a table that a loop fills",
        """
        import jax.numpy as jnp
        table = [0.0] * 4
        for i in range(4):
            table[i] = 2.0 * i
        def f(x):
            return x * table[3]
        """,
        "f",
        "f(1.0)",
        "for i in range(4):",
    ),
    _script(
        "a setter of a global",
        """
        SCALE = 1.0
        def init(values):
            global SCALE
            for value in values:
                SCALE *= value
        def f(x):
            return x * SCALE
        init([2.0, 3.0])
        """,
        "f",
        "f(1.0)",
        "init([2.0, 3.0])",
    ),
    _script(
        "a table from a file",
        """
        import json
        with open("weights.json") as file:
            WEIGHTS = json.load(file)
        def f(x):
            return x * WEIGHTS[0]
        """,
        "f",
        "f(1.0)",
        "with open",
    ),
    _script(
        "pytree nodes registered in a loop",
        """
        import jax
        class Pair: pass
        for cls in (Pair,):
            jax.tree_util.register_pytree_node(cls, lambda p: ((), None), lambda a, c: Pair())
        def f(x):
            return x
        """,
        "f",
        "f(1.0)",
        "for cls in (Pair,):",
    ),
    _script(
        "a setting in a loop",
        """
        import jax
        for name in ["jax_enable_x64"]:
            jax.config.update(name, True)
        def f(x):
            return x
        """,
        "f",
        "f(1.0)",
        "for name in",
    ),
    _script(
        "a setting through another name",
        """
        import jax
        settings = jax.config
        def setup(config):
            while not config.jax_enable_x64:
                config.update("jax_enable_x64", True)
        setup(settings)
        def f(x):
            return x
        """,
        "f",
        "f(1.0)",
        "setup(settings)",
    ),
    _script(
        "a patched module",
        """
        import jax.numpy as jnp
        for name in ("tanh",):
            jnp.tanh = lambda x: x
        def f(x):
            return jnp.tanh(x)
        """,
        "f",
        "f(1.0)",
        "for name in",
    ),
    _script(
        "a module patched by setattr",
        """
        import jax.numpy as jnp
        for name in ("tanh", "sin"):
            setattr(jnp, name, lambda x: x)
        def f(x):
            return jnp.tanh(x)
        """,
        "f",
        "f(1.0)",
        "for name in",
    ),
    _script(
        "sys.modules",
        """
        import sys, types
        for name in ("fast",):
            sys.modules[name] = types.ModuleType(name)
        def f(x):
            import fast
            return x
        """,
        "f",
        "f(1.0)",
        "for name in",
    ),
    _script(
        "a star import",
        """
        from math import *
        for i in range(2):
            print(i)
        def f(x):
            return sqrt(x)
        """,
        "f",
        "f(1.0)",
        "from math import *",
    ),
    _script(
        "exec",
        """
        SCALE = 1.0
        for name in ("SCALE",):
            exec(name + " = 3.0")
        def f(x):
            return x * SCALE
        """,
        "f",
        "f(1.0)",
        "exec(name",
    ),
    _script(
        "an alias",
        """
        import numpy as np
        table = np.zeros(3)
        view = table[1:]
        for i in range(2):
            view[i] = i + 1
        def f(x):
            return x * table.sum()
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
    _script(
        "a method that changes",
        """
        class Scale:
            value = 1.0
            def double(self):
                self.value *= 2
        scale = Scale()
        for _ in range(3):
            scale.double()
        def f(x):
            return x * scale.value
        """,
        "f",
        "f(1.0)",
        "for _ in range(3):",
    ),
    _script(
        "a registry of functions",
        """
        HOOKS = []
        STATE = {"scale": 1.0}
        def hook(function):
            HOOKS.append(function)
            return function
        @hook
        def grow():
            STATE["scale"] += 1
        for function in HOOKS:
            function()
        def f(x):
            return x * STATE["scale"]
        """,
        "f",
        "f(1.0)",
        "for function in HOOKS:",
    ),
    _script(
        "a function that a helper hands on",
        """
        STATE = {"scale": 1.0}
        def double(state):
            state["scale"] *= 2
        def repeat(action, state, times):
            for _ in range(times):
                action(state)
        repeat(double, STATE, 3)
        def f(x):
            return x * STATE["scale"]
        """,
        "f",
        "f(1.0)",
        "repeat(double, STATE, 3)",
    ),
    _script(
        "a rule given later",
        """
        import jax
        @jax.custom_vjp
        def f(x):
            return x * 2
        rules = [(lambda x: (f(x), None), lambda r, g: (g * 3,))]
        for forward, backward in rules:
            f.defvjp(forward, backward)
        """,
        "f",
        "jax.grad(f)(1.0)",
        "for forward, backward",
    ),
    _script(
        "the random state",
        """
        import numpy as np
        np.random.seed(0)
        for _ in range(3):
            np.random.rand()
        W = np.random.rand()
        def f(x):
            return x * W
        """,
        "f",
        "f(1.0)",
        "for _ in range(3):",
    ),
    _script(
        "a default argument that remembers",
        """
        def f(x, seen=[]):
            seen.append(x)
            return len(seen)
        for i in range(3):
            f(i)
        """,
        "f",
        "f(1.0)",
        "for i in range(3):",
    ),
    _script(
        "what depends on what runs",
        """
        import numpy as np
        raw = np.load("weights.npy")
        scaled = raw / 2.0
        SCALE = scaled[0]
        def f(x):
            return x * SCALE
        """,
        "f",
        "f(1.0)",
        'raw = np.load("weights.npy")',
    ),
    _script(
        "a trained model that the function reads",
        """
        import jax, jax.numpy as jnp
        w = jnp.zeros(2)
        for _ in range(3):
            w = w + 1.0
        def f(x):
            return x * w
        """,
        "f",
        "f(1.0)",
        "for _ in range(3):",
    ),
    _script(
        "the environment",
        """
        import os
        for name in ("JAXSIGHT_SCALE",):
            os.environ[name] = "3"
        def f(x):
            return x * float(os.environ.get("JAXSIGHT_SCALE", 1))
        """,
        "f",
        "f(1.0)",
        "for name in",
    ),
    _script(
        "another file of the project",
        """
        import helper
        for value in range(2):
            helper.set_scale(value)
        def f(x):
            return x * 2
        """,
        "f",
        "f(1.0)",
        "for value in range(2):",
    ),
    _script(
        "a class attribute through an instance",
        """
        class Layer:
            sizes = []
            def add(self, size):
                self.sizes.append(size)
        layer = Layer()
        for size in (1, 2):
            layer.add(size)
        def f(x):
            return x * sum(Layer.sizes)
        """,
        "f",
        "f(1.0)",
        "for size in (1, 2):",
    ),
    _script(
        "an iterator that is consumed",
        """
        source = iter([1.0, 2.0, 3.0])
        for value in source:
            break
        def f(x):
            return x * next(source)
        """,
        "f",
        "f(1.0)",
        "for value in source:",
    ),
    _script(
        "what a compiled function remembers",
        """
        import jax
        scale = 1.0
        @jax.jit
        def f(x):
            return x * scale
        print(f(1.0))
        scale = 2.0
        """,
        "f",
        "f(1.0)",
        "print(f(1.0))",
    ),
    _script(
        "an array of JAX that looks at one of NumPy",
        """
        import jax.numpy as jnp, numpy as np
        table = np.zeros(64, np.float32)
        weights = jnp.asarray(table)
        for i in range(4):
            table[i] = i
        def f(x):
            return x * weights.sum()
        """,
        "f",
        "f(1.0)",
        "for i in range(4):",
    ),
    _script(
        "a function's attribute by another name",
        """
        def f(x):
            return x * f.scale
        f.scale = 1.0
        for function in [f]:
            function.scale = 3.0
        """,
        "f",
        "f(1.0)",
        "for function in [f]:",
    ),
    _script(
        "a library patched by another name",
        """
        from jax import numpy
        def patch(module):
            module.tanh = lambda x: x
        for target in [numpy]:
            patch(target)
        def f(x):
            return numpy.tanh(x)
        """,
        "f",
        "f(1.0)",
        "for target in [numpy]:",
    ),
    _script(
        "the names of a function's module",
        """
        scale = 1.0
        def f(x):
            return x * scale
        for name in ("scale",):
            f.__globals__[name] = 3.0
        """,
        "f",
        "f(1.0)",
        "f.__globals__[name]",
    ),
    _script(
        "what a table was given",
        """
        scale = 1.0
        rules = {}
        rules["grow"] = lambda x: x * scale
        for scale in (2.0, 3.0):
            pass
        def f(x):
            return rules["grow"](x)
        """,
        "f",
        "f(1.0)",
        "for scale in",
    ),
    _script(
        "a function that is run where it is decorated",
        """
        STATE = {"scale": 1.0}
        rate = 1.0
        def now(function):
            function()
            return function
        for rate in (2.0, 3.0):
            pass
        @now
        def grow():
            STATE["scale"] += rate
        def f(x):
            return x * STATE["scale"]
        """,
        "f",
        "f(1.0)",
        "for rate in",
    ),
    _script(
        "a file that NumPy writes",
        """
        import numpy as np
        for i in range(2):
            np.save("slice_weights.npy", i)
        def f(x):
            return x * np.load("slice_weights.npy")
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
    _script(
        "a file that JAX writes",
        """
        import jax.numpy as jnp
        for i in range(2):
            jnp.save("slice_weights.npy", i)
        def f(x):
            return x * jnp.load("slice_weights.npy")
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
    _script(
        "a file that is opened",
        """
        for i in range(2):
            open("slice_weights.txt", "w").write(str(i))
        def f(x):
            return x * float(open("slice_weights.txt").read())
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
    _script(
        "arguments in a list",
        """
        table = [1.0]
        pair = [0, table]
        def fill(count, rows):
            for _ in range(2):
                rows.append(1.0)
        fill(*pair)
        def f(x):
            return x * sum(table)
        """,
        "f",
        "f(1.0)",
        "fill(*pair)",
    ),
    _script(
        "a function's attribute set by a helper",
        """
        def f(x):
            return x * f.scale
        f.scale = 1.0
        def patch(thing):
            while thing.scale < 3.0:
                thing.scale += 1.0
        patch(f)
        """,
        "f",
        "f(1.0)",
        "patch(f)",
    ),
    _script(
        "a function's attribute set by its name",
        """
        def f(x):
            return x * f.scale
        f.scale = 1.0
        for name in ("scale",):
            setattr(f, name, 3.0)
        """,
        "f",
        "f(1.0)",
        "for name in",
    ),
    _script(
        "an item of what a function returns",
        """
        table = [1.0]
        def get():
            return table
        for i in range(2):
            get()[0] = 5.0
        def f(x):
            return x * table[0]
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
    _script(
        "a list that grows by another name",
        """
        table = [1.0]
        other = table
        for i in range(2):
            other += [i]
        def f(x):
            return x * sum(table)
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
    _script(
        "an attribute that a class sets of itself",
        """
        class Scale:
            value = 1.0
            @classmethod
            def double(cls):
                cls.value = cls.value * 2
        for i in range(2):
            Scale.double()
        def f(x):
            return x * Scale.value
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
    _script(
        "a list in a dataclass",
        """
        from dataclasses import dataclass
        @dataclass
        class Config:
            sizes: list
            rate: float = 1.0
        config = Config([1.0])
        for i in range(2):
            config.sizes.append(2.0)
        def f(x):
            return x * sum(config.sizes)
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
    _script(
        "a list of a frozen class",
        """
        import flax.linen as nn
        class Net(nn.Module):
            seen = []
        net = Net()
        for i in range(2):
            net.seen.append(i)
        def f(x):
            return x * len(net.seen)
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
    _script(
        "a name that a class has, too",
        """
        scale = 1.0
        class Scale:
            scale = 2.0
            def grow(self, x):
                return x * scale
        for scale in (3.0, 4.0):
            pass
        def f(x):
            return Scale().grow(x)
        """,
        "f",
        "f(1.0)",
        "for scale in",
    ),
    _script(
        "a default value",
        """
        scale = 1.0
        for scale in (2.0, 3.0):
            pass
        def f(x, by=scale):
            return x * by
        """,
        "f",
        "f(1.0)",
        "for scale in",
    ),
    _script(
        "the random state by another name",
        """
        import numpy as np
        draws = [np.random.rand]
        for draw in draws:
            draw()
        def f(x):
            return x * np.random.rand()
        """,
        "f",
        "f(1.0)",
        "for draw in",
    ),
    _script(
        "the random state that another file may use",
        """
        import numpy as np
        from . import helper
        for i in range(2):
            np.random.rand()
        def f(x):
            return x * helper.draw()
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
    _script(
        "an array that NumPy fills",
        """
        import numpy as np
        table = np.zeros(3)
        for i in range(2):
            np.copyto(table, 5.0)
        def f(x):
            return x * table[0]
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
    _script(
        "lists that are added",
        """
        table = [1.0]
        rows = [table] + [[2.0]]
        for row in rows:
            row.append(1.0)
        def f(x):
            return x * sum(table)
        """,
        "f",
        "f(1.0)",
        "for row in rows:",
    ),
    _script(
        "what a context manager holds",
        """
        class Held:
            def __init__(self, items):
                self.items = items
            def __enter__(self):
                return self.items
            def __exit__(self, *error):
                pass
        table = [1.0]
        held = Held(table)
        with held as rows:
            rows.append(2.0)
        def f(x):
            return x * sum(table)
        """,
        "f",
        "f(1.0)",
        "with held as rows:",
    ),
    _script(
        "an argument that is returned",
        """
        table = [1.0]
        def same(rows):
            return rows
        for i in range(2):
            same(table).append(2.0)
        def f(x):
            return x * sum(table)
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
    _script(
        "an argument that is filled",
        """
        table = [1.0, 1.0]
        def fill(rows):
            for i in range(2):
                rows[i] = 5.0
        fill(table)
        def f(x):
            return x * sum(table)
        """,
        "f",
        "f(1.0)",
        "fill(table)",
    ),
    _script(
        "what only an import sets",
        """
        base = 1.0
        for base in (2.0, 3.0):
            pass
        if __name__ == "__main__":
            pass
        else:
            scale = base * 2
        def f(x):
            return x * scale
        """,
        "f",
        "f(1.0)",
        "for base in",
    ),
    _script(
        "a name that a function makes a list",
        """
        rows = ()
        def start():
            global rows
            rows = [1.0]
        start()
        for i in range(2):
            rows.append(2.0)
        def f(x):
            return x * sum(rows)
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
    _script(
        "a lambda",
        """
        scale = 1.0
        grow = lambda x: x * scale
        for scale in (2.0, 3.0):
            pass
        def f(x):
            return grow(x)
        """,
        "f",
        "f(1.0)",
        "for scale in",
    ),
    _script(
        "a list in a tuple",
        """
        table = [1.0]
        pair = (table, 1)
        for i in range(2):
            pair[0].append(2.0)
        def f(x):
            return x * sum(table)
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
    _script(
        "what another file may set",
        """
        from . import helper
        for value in range(2):
            helper.grow(value)
        def f(x):
            return x * 2
        """,
        "f",
        "f(1.0)",
        "for value in",
    ),
    _script(
        "a list that a frozen object holds",
        """
        import equinox as eqx
        class Net(eqx.Module):
            layers: list
        net = Net([1.0])
        for i in range(2):
            net.layers.append(2.0)
        def f(x):
            return x * sum(net.layers)
        """,
        "f",
        "f(1.0)",
        "for i in range(2):",
    ),
)

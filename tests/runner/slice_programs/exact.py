"""Scripts that can be sliced: what their function needs stands apart from what they run."""

from __future__ import annotations

from tests.runner.slice_programs.script import script

EXACT = (
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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

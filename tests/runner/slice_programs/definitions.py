"""Scripts whose functions and classes keep, change or hand on what their function needs."""

from __future__ import annotations

from tests.runner.slice_programs.script import script

DEFINITIONS = (
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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

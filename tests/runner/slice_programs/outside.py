"""Scripts that read or change what is not in them: files, random states, settings, libraries, other files."""

from __future__ import annotations

from tests.runner.slice_programs.script import script

OUTSIDE = (
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
)

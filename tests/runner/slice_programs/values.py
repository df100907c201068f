"""Scripts that change values which their function reads, by whatever name."""

from __future__ import annotations

from tests.runner.slice_programs.script import script

VALUES = (
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
    script(
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
)

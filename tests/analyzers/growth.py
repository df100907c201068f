"""Programs of any size, each of one kind that could cost more than its size is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FunctionType

IMPORTS = """\
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

"""


def _lines(*parts: str) -> str:
    return IMPORTS + "\n".join(parts) + "\n"


def _indented(depth: int, text: str) -> str:
    return "    " * depth + text


def calls_with_constants(n: int) -> str:
    """A big helper that is called with another constant each time."""
    body = [f"    x = jnp.sin(x) * {i} + n" for i in range(60)]
    return _lines(
        "def helper(x, n):", *body, "    return x", "@jax.jit", "def f(x):",
        *(f"    x = helper(x, {i})" for i in range(n)), "    return x",
    )  # fmt: skip


def chain_of_calls(n: int) -> str:
    """Each function calls the one before it."""
    parts = ["def f0(x):", "    return jnp.sin(x)"]
    for i in range(1, n):
        parts += [f"def f{i}(x):", f"    return f{i - 1}(x) + 1"]
    return _lines(*parts, "@jax.jit", "def g(x):", f"    return f{n - 1}(x)")


def tree_of_calls(n: int) -> str:
    """Each function calls the one before it twice: two to the n paths."""
    parts = ["def f0(x, y):", "    return jnp.sin(x)"]
    for i in range(1, n):
        parts += [f"def f{i}(x, y):", f"    return f{i - 1}(x, {i}) + f{i - 1}(y, 2.0)"]
    return _lines(*parts, "@jax.jit", "def g(x):", f"    return f{n - 1}(x, x)")


def chain_of_ifs(n: int) -> str:
    """Two to the n paths through one function."""
    parts = ["def f(x, key, *flags):"]
    for i in range(n):
        parts += [f"    if flags[{i}]:", f"        x = x + jax.random.normal(key, ({i},))"]
        parts += ["    else:", f"        y{i} = x * {i}"]
    return _lines(*parts, "    return x")


def names_in_ifs(n: int) -> str:
    """Many names, and after each a branch where all paths meet."""
    parts = ["@jax.jit", "def f(x, flag):"]
    for i in range(n):
        parts += [f"    x{i} = jnp.sin(x) * {i}", "    if flag is None:", f"        x{i} = x"]
    return _lines(*parts, "    return x")


def early_returns(n: int) -> str:
    """Each path may end."""
    parts = ["def f(x, key):"]
    for i in range(n):
        parts += [f"    if x == {i}:", f"        return jax.random.normal(key, ({i},))"]
    return _lines(*parts, "    return x")


def elifs(n: int) -> str:
    """One choice between many."""
    parts = ["@jax.jit", "def f(x, mode):", "    if mode == 0:", "        pass"]
    for i in range(1, n):
        parts += [f"    elif mode == {i}:", f"        x = x + {i}"]
    return _lines(*parts, "    return x")


def nested_loops(n: int) -> str:
    """Loops in loops; a body runs twice in each."""
    depth = min(n, 18)
    parts = ["def f(x, key):"]
    parts += [_indented(i + 1, f"for i{i} in range(3):") for i in range(depth)]
    parts += [_indented(depth + 1, "x = x + jax.random.normal(key, (3,))")]
    return _lines(*parts, "    return x")


def nested_whiles_with_tries(n: int) -> str:
    """Loops, handlers and contexts in each other."""
    depth, parts = 0, ["def f(x, key):"]
    for _ in range(min(n, 5)):
        parts += [_indented(depth + 1, "while x:"), _indented(depth + 2, "try:")]
        parts += [_indented(depth + 3, "with x as y:")]
        depth += 3
    parts += [_indented(depth + 1, "x = jax.random.normal(key, (3,))")]
    while depth:
        depth -= 1
        if depth % 3 == 1:
            parts += [_indented(depth + 1, "except ValueError:"), _indented(depth + 2, "continue")]
            parts += [_indented(depth + 1, "finally:"), _indented(depth + 2, "x = key")]
    return _lines(*parts, "    return x")


def nested_comprehensions(n: int) -> str:
    """One comprehension with many loops."""
    loops = " ".join(f"for x{i} in range(3) if x{i}" for i in range(n))
    return _lines(f"y = [jnp.sin(x0) {loops}]")


def comprehensions_in_each_other(n: int) -> str:
    """Comprehensions as elements of comprehensions."""
    depth = min(n, 80)
    opening, closing = "[" * depth, "".join(f" for x{i} in range(3)]" for i in range(depth))
    return _lines(f"y = {opening}jnp.sin(x0){closing}")


def closures(n: int) -> str:
    """Many functions in one, each passed on."""
    parts = ["@jax.jit", "def f(x):"]
    for i in range(n):
        parts += [f"    def g{i}(y):", f"        return jnp.sin(y + x) * {i}"]
        parts += [f"    x = jax.vmap(g{i})(x)"]
    return _lines(*parts, "    return x")


def functions_in_each_other(n: int) -> str:
    """Functions that define functions."""
    depth = min(n, 90)
    parts = [_indented(i, f"def f{i}(x{i}):") for i in range(depth)]
    parts += [_indented(depth, "return jnp.sin(x0)")]
    parts += [_indented(i, f"return f{i}(x0)") for i in range(depth - 1, 0, -1)]
    return _lines(*parts, "f0(1)")


def lambdas(n: int) -> str:
    """Functions without names, one in the other."""
    depth = min(n, 90)
    return _lines("f = " + "".join(f"lambda x{i}: " for i in range(depth)) + "jnp.sin(x0)")


def transformations_of_transformations(n: int) -> str:
    """One function, wrapped again and again."""
    return _lines(
        "def f(x):", "    return jnp.sin(x)", "g = f", *["g = jax.jit(jax.vmap(g))"] * n, "g(1)"
    )


def assignments(n: int) -> str:
    """One name, assigned again and again."""
    return _lines(
        "def g(x):",
        "    return jnp.sin(x)",
        "@jax.jit",
        "def f(x):",
        *["    x = g(x)"] * n,
        "    return x",
    )


def module_of_assignments(n: int) -> str:
    """The same at the module's level, with keys."""
    return _lines(
        "key = jax.random.key(0)",
        *["key, sub = jax.random.split(key)\nx = jax.random.normal(sub)"] * n,
    )


def keys(n: int) -> str:
    """Many keys, each used."""
    return _lines(
        "def f(key):", f"    keys = jax.random.split(key, {n})",
        *(f"    k{i} = keys[{i}]\n    x = jax.random.normal(k{i})" for i in range(n)), "    return x",
    )  # fmt: skip


def key_reuses(n: int) -> str:
    """One key, used again and again."""
    return _lines("def f(key):", *(f"    x{i} = jax.random.normal(key, ({i},))" for i in range(n)))


def keys_in_a_lineage(n: int) -> str:
    """A key split from a key split from a key, in other names each."""
    parts = [
        f"    k{i + 1}, s{i} = jax.random.split(k{i})\n    x = jax.random.normal(s{i})"
        for i in range(n)
    ]
    return _lines("def f(k0):", *parts, "    return x")


def keys_of_keys(n: int) -> str:
    """Elements of elements of an array of keys."""
    parts = ["    k = keys"]
    parts += ["    k = k[0]\n    x = jax.random.normal(k)"] * n
    return _lines("def f(keys):", *parts, "    return x")


def methods(n: int) -> str:
    """A class with many methods that call each other."""
    parts = ["class Model:", "    def __init__(self):"]
    parts += [f"        self.a{i} = jnp.zeros({i})" for i in range(n)]
    for i in range(n):
        parts += [f"    def m{i}(self, x):", f"        return self.m{(i + 1) % n}(x) + self.a{i}"]
    return _lines(*parts, "@jax.jit", "def f(x):", "    return Model().m0(x)")


def classes(n: int) -> str:
    """Each class inherits from the one before it."""
    parts = ["class C0:", "    def m(self, x):", "        return jnp.sin(x)"]
    for i in range(1, n):
        parts += [f"class C{i}(C{i - 1}):", f"    def m{i}(self, x):", "        return self.m(x)"]
    return _lines(*parts)


def diamonds(n: int) -> str:
    """Each class has two bases with one base."""
    parts = ["class C0:", "    def m(self, x):", "        return jnp.sin(x)"]
    for i in range(1, min(n, 60)):
        parts += [f"class A{i}(C{i - 1}): pass", f"class B{i}(C{i - 1}): pass"]
        parts += [
            f"class C{i}(A{i}, B{i}):",
            f"    def n{i}(self, x):",
            "        return self.missing(x)",
        ]
    return _lines(*parts)


def recursion(n: int) -> str:
    """Every function calls every function."""
    count = min(n, 40)
    parts: list[str] = []
    for i in range(count):
        total = " + ".join(f"f{j}(x, {i})" for j in range(count))
        parts += [f"def f{i}(x, y):", f"    return {total}"]
    return _lines(*parts, "@jax.jit", "def g(x):", "    return f0(x, 1)")


def containers(n: int) -> str:
    """Tuples of tuples, dicts of dicts, passed to functions."""
    parts = ["def g(t):", "    return t", "@jax.jit", "def f(x):", "    t = (x, x)"]
    parts += [f"    t = g((t, {{'a': t, 'b': (t, {i})}}))" for i in range(n)]
    return _lines(*parts, "    return t")


def deep_container(n: int) -> str:
    """A tuple in a tuple in a tuple."""
    depth = min(n, 80)
    return _lines(
        "@jax.jit",
        "def f(x):",
        f"    t = {'(x, ' * depth}x{')' * depth}",
        "    return g(t)",
        "def g(t):",
        "    return t",
    )


def dict_updates(n: int) -> str:
    """A dict with many entries, each set by itself."""
    return _lines(
        "@jax.jit",
        "def f(x):",
        "    d = {}",
        *(f"    d['k{i}'] = x + {i}" for i in range(n)),
        "    return d",
    )


def attributes(n: int) -> str:
    """Attributes that hold keys, set and read."""
    return _lines(
        "def f(state, key):",
        *(f"    state.a{i} = jax.random.fold_in(key, {i})" for i in range(n)),
        "    return state",
    )


def matches(n: int) -> str:
    """Many cases."""
    parts = ["@jax.jit", "def f(x, mode):", "    match mode:"]
    for i in range(n):
        parts += [f"        case {{'k{i}': [a, *b]}} if a:", f"            x = x + {i}"]
    return _lines(*parts, "    return x")


def tests(n: int) -> str:
    """A condition of many parts."""
    condition = " or ".join(f"(x is None and flag == {i})" for i in range(n))
    return _lines(
        "@jax.jit", "def f(x, flag):", f"    if {condition}:", "        return x", "    return -x"
    )


def long_expression(n: int) -> str:
    """Many operands."""
    return _lines("@jax.jit", "def f(x):", "    return " + " + ".join(["x"] * min(n, 400)))


def long_call(n: int) -> str:
    """Many arguments."""
    return _lines(
        "@jax.jit",
        "def f(x):",
        f"    return g({', '.join(f'a{i}=x' for i in range(n))})",
        "def g(**k):",
        "    return k",
    )


def subscripts(n: int) -> str:
    """A place with a long name."""
    depth = min(n, 90)
    return _lines(
        "def f(x):", f"    x{'[0].a' * (depth // 2)} = 1", f"    return x{'[0].a' * (depth // 2)}"
    )


def findings(n: int) -> str:
    """Many findings in one function."""
    parts = ["@jax.jit", "def f(x, key):"]
    parts += ["    if jnp.sum(x) > 0:\n        x = x + 1\n    print(x)\n    x[0] = np.sin(x)"] * n
    return _lines(*parts, "    return x")


def functions_with_findings(n: int) -> str:
    """One finding of each rule in each of many functions."""
    parts: list[str] = []
    for i in range(n):
        parts += ["@jax.jit", f"def f{i}(x, key):", "    a = jax.random.normal(key)"]
        parts += [
            "    b = jax.random.normal(key)",
            "    for _ in range(2):",
            "        a += jax.random.uniform(key)",
        ]
        parts += [
            "    if jnp.any(x > 0):",
            "        print(x)",
            "    return np.sin(x) + a + b + jax.tree_map(abs, x)",
        ]
    return _lines(*parts)


def suppressions(n: int) -> str:
    """Many comments, needed and not."""
    return _lines(
        "@jax.jit",
        "def f(x):",
        *(
            f"    print(x + {i})  # jaxsight: ignore[print-in-trace]\n    y = {i}  # jaxsight: ignore"
            for i in range(n)
        ),
        "    return x",
    )


def broken_lines(n: int) -> str:
    """Nothing parses."""
    return _lines(*(f"x{i} = jnp.zeros((3" for i in range(n)))


def broken_at_the_end(n: int) -> str:
    """What is broken is the end of one long statement."""
    return _lines(
        "def f(x):", *(f"    x = jnp.sin(x + {i})" for i in range(n)), "    return (x", "]"
    )


def open_string(n: int) -> str:
    """A string that never ends."""
    return _lines("x = '''", *(f"y = {i}" for i in range(n)))


def imports(n: int) -> str:
    """Many imports, and what they bring."""
    return _lines(
        *(f"import pkg{i}.sub as p{i}\nfrom mod{i} import a{i}, b{i}" for i in range(n)),
        *(f"jax.jit(p{i}.f)(a{i})" for i in range(n)),
    )


def static_arguments(n: int) -> str:
    """A compiled function made in loops, with static arguments."""
    return _lines(
        "@partial(jax.jit, static_argnums=(1,))",
        "def f(x, n):",
        "    return x * n",
        "for i in range(9):",
        *(f"    jax.jit(lambda x: x + {i})(f(i, {i}))" for i in range(n)),
    )


def scans(n: int) -> str:
    """A scan in a scan in a scan."""
    depth = min(n, 40)
    parts = [_indented(i, f"def body{i}(carry, x{i}):") for i in range(depth)]
    parts.append(_indented(depth, "return carry + jnp.sin(x0), x0"))
    parts += [
        _indented(i, f"return jax.lax.scan(body{i}, carry, x0)") for i in range(depth - 1, 0, -1)
    ]
    return _lines(*parts, "jax.lax.scan(body0, 0, jnp.zeros(3))")


def starred(n: int) -> str:
    """Sequences that are added up and unpacked."""
    return _lines(
        "@jax.jit",
        "def f(x):",
        "    t = (x,)",
        *["    t = (*t, *t)"] * min(n, 200),
        "    a, *b = t",
        "    return b",
    )


def reexecuted_branches(n: int) -> str:
    """Calls of one helper under different guards, nested in ifs."""
    depth = min(n, 80)
    parts = ["def g(x):", "    return jnp.sin(x)", "def f(x, *m):"]
    for i in range(depth):
        parts += [_indented(i + 1, f"if m[{i}]:"), _indented(i + 2, f"x = g(x + {i})")]
    return _lines(*parts, "    return x")


def _kinds() -> Iterator[Callable[[int], str]]:
    for name, value in globals().items():
        if isinstance(value, FunctionType) and value.__module__ == __name__ and name[0] != "_":
            yield value


KINDS = tuple(_kinds())

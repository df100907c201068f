"""A parameter is marked static in whichever way its function is compiled."""

from __future__ import annotations

from inspect import cleandoc

import pytest

from jaxsight_analyzers.diagnostic import Edit
from jaxsight_analyzers.engine import Analysis, analyse
from jaxsight_analyzers.fixes import static_arguments
from jaxsight_analyzers.source import SourceFile

HEAD = "from functools import partial\n\nimport jax\n\n"


def marked(code: str, versions: dict[str, str] | None = None) -> str | None:
    """The code with the parameter static that makes its first branch fail; None where that cannot be."""
    analysis = analyse(SourceFile("a.py", code), None, versions or {})
    found = edits_of(analysis)
    if found is None:
        return None
    for edit in sorted(found, reverse=True):
        code = code[: edit.span.start] + edit.text + code[edit.span.end :]
    left = edits_of(analyse(SourceFile("a.py", code), None, versions or {}))
    assert left is None, "what is static is no tracer"
    return code


def edits_of(analysis: Analysis) -> tuple[Edit, ...] | None:
    for unit in analysis.model.units:
        for branch in unit.branches:
            parameter = static_arguments.behind(unit, branch.related)
            assert parameter is None or parameter.title == f"Mark `{parameter.name}` static"
            return None if parameter is None else static_arguments.mark(unit, parameter)
    return None


BODY = """
    if n > 0:
        return x
    return -x
"""

CASES = {
    "a decorator": (
        f"@jax.jit\ndef f(x, n):{BODY}",
        f'@partial(jax.jit, static_argnames="n")\ndef f(x, n):{BODY}',
    ),
    "a decorator that is called": (
        f"@jax.jit(inline=True)\ndef f(x, n):{BODY}",
        f'@jax.jit(inline=True, static_argnames="n")\ndef f(x, n):{BODY}',
    ),
    "a decorator that is called with nothing": (
        f"@jax.jit()\ndef f(x, n):{BODY}",
        f'@jax.jit(static_argnames="n")\ndef f(x, n):{BODY}',
    ),
    "a partial": (
        f"@partial(jax.jit, inline=True)\ndef f(x, n):{BODY}",
        f'@partial(jax.jit, inline=True, static_argnames="n")\ndef f(x, n):{BODY}',
    ),
    "lines of their own": (
        f"@partial(\n    jax.jit,\n    inline=True,  # a, b)\n)\ndef f(x, n):{BODY}",
        f'@partial(\n    jax.jit,\n    inline=True,\n    static_argnames="n",  # a, b)\n)\ndef f(x, n):{BODY}',
    ),
    "a name more": (
        f'@partial(jax.jit, static_argnames="m")\ndef f(x, m, n):{BODY}',
        f'@partial(jax.jit, static_argnames=("m", "n"))\ndef f(x, m, n):{BODY}',
    ),
    "a name more in a list": (
        f'@partial(jax.jit, static_argnames=["m", "o"])\ndef f(x, m, n, o):{BODY}',
        f'@partial(jax.jit, static_argnames=["m", "o", "n"])\ndef f(x, m, n, o):{BODY}',
    ),
    "a number more": (
        f"@partial(jax.jit, static_argnums=(1,))\ndef f(x, m, n):{BODY}",
        f"@partial(jax.jit, static_argnums=(1, 2))\ndef f(x, m, n):{BODY}",
    ),
    "a first number": (
        f"@partial(jax.jit, static_argnums=())\ndef f(x, n):{BODY}",
        f"@partial(jax.jit, static_argnums=(1,))\ndef f(x, n):{BODY}",
    ),
    "a name beside numbers": (
        f"@partial(jax.jit, static_argnums=1)\ndef f(x, m, *, n):{BODY}",
        f'@partial(jax.jit, static_argnums=1, static_argnames=("m", "n"))\ndef f(x, m, *, n):{BODY}',
    ),
    "names and numbers": (
        f'@partial(jax.jit, static_argnums=1, static_argnames="m")\ndef f(x, m, n):{BODY}',
        f'@partial(jax.jit, static_argnums=(1, 2), static_argnames=("m", "n"))\ndef f(x, m, n):{BODY}',
    ),
    "a call": (
        f"def f(x, n):{BODY}\n\ng = jax.jit(f)\n",
        f'def f(x, n):{BODY}\n\ng = jax.jit(f, static_argnames="n")\n',
    ),
    "a lambda": (
        "g = jax.jit((lambda x, n: x if n > 0 else -x))\n",
        'g = jax.jit((lambda x, n: x if n > 0 else -x), static_argnames="n")\n',
    ),
    "a bound method": (
        "class A:\n    def __init__(self):\n        self.g = jax.jit(self.f, static_argnums=0)\n\n"
        "    def f(self, m, x, n):\n        return x if n > 0 else -x\n",
        "class A:\n    def __init__(self):\n        self.g = jax.jit(self.f, static_argnums=(0, 2))\n\n"
        "    def f(self, m, x, n):\n        return x if n > 0 else -x\n",
    ),
    "a gradient": (
        f"def f(x, n):{BODY}\n\ng = jax.jit(jax.grad(f))\n",
        f'def f(x, n):{BODY}\n\ng = jax.jit(jax.grad(f), static_argnames="n")\n',
    ),
    "in a body": (
        "@jax.jit\ndef f(x, n):\n    return jax.lax.map(lambda y: y if n > 0 else -y, x)\n",
        '@partial(jax.jit, static_argnames="n")\n'
        "def f(x, n):\n    return jax.lax.map(lambda y: y if n > 0 else -y, x)\n",
    ),
}

NEVER = {
    "vmap": f"@jax.jit\n@jax.vmap\ndef f(x, n):{BODY}",
    "vmap around it": f"@jax.vmap\n@jax.jit\ndef f(x, n):{BODY}",
    "donated": f"@partial(jax.jit, donate_argnums=1)\ndef f(x, n):{BODY}",
    "keywords from elsewhere": f"@partial(jax.jit, **{{'inline': True}})\ndef f(x, n):{BODY}",
    "one partial for all": f"fast = partial(jax.jit, inline=True)\n\n@fast\ndef f(x, n):{BODY}",
    "one partial for all, called": f"def f(x, n):{BODY}\n\nfast = partial(jax.jit, inline=True)\ng = fast(f)\n",
    "several": "@jax.jit\ndef f(x, *n):\n    return x if n[0] > 0 else -x\n",
}


@pytest.mark.parametrize("name", CASES)
def test_a_parameter_becomes_static(name: str) -> None:
    before, after = CASES[name]

    assert marked(HEAD + before) == HEAD + after


@pytest.mark.parametrize("name", NEVER)
def test_where_it_cannot_be_said_nothing_is(name: str) -> None:
    analysis = analyse(SourceFile("a.py", HEAD + NEVER[name]))
    assert [branch for unit in analysis.model.units for branch in unit.branches]
    assert marked(HEAD + NEVER[name]) is None


def test_from_jax_0_8_1_on_the_decorator_is_called() -> None:
    code = f"{HEAD}@jax.jit\ndef f(x, n):{BODY}"

    assert '@jax.jit(static_argnames="n")' in (marked(code, {"jax": "0.8.1"}) or "")
    assert '@partial(jax.jit, static_argnames="n")' in (marked(code, {"jax": "0.8.0"}) or "")


def test_partial_is_imported_where_it_is_not() -> None:
    code = cleandoc("""
        import jax

        @jax.jit
        def f(x, n):
            return x if n > 0 else -x
    """)

    assert marked(code) == cleandoc("""
        import functools

        import jax

        @functools.partial(jax.jit, static_argnames="n")
        def f(x, n):
            return x if n > 0 else -x
    """)

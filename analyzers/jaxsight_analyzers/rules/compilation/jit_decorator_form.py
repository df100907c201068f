"""Gives `jax.jit` more than a function by position, or none where the release wants one.

## Why is this bad?

`jax.jit` takes one function by position, and everything else by keyword. `jax.jit(f, x)` and `jax.jit(f, 0)` raise `TypeError:
jit() takes from 0 to 1 positional arguments but 2 were given`; releases before 0.7 took settings so. The form without a function,
`@jax.jit(static_argnums=0)`, is understood from 0.8.1 on; before that it raises `TypeError: jit() missing 1 required
positional argument: 'fun'`.

## Fix safety

Unsafe: numbers are taken for `static_argnums`, anything else for what the compiled function is called with.

## Limits

`jax.jit(fun=f)` is what `removed-keyword` reports. Old releases want `functools.partial(jax.jit, static_argnums=0)`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
    Span,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit

_STRICT = "0.7.0"  # one function, by position
_FACTORY = "0.8.1"  # or none yet


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(("jax.jit",)):
        problem = _problem(unit, call.node)
        if problem is not None and not call.guarded:
            yield Finding(call.span, problem, fixes=tuple(_fixes(unit, call.node, number)))


def _problem(unit: Unit, node: ast.Call) -> str | None:
    if any(isinstance(one, ast.Starred) for one in node.args):
        return None
    names = [one.arg for one in node.keywords]
    strict = unit.version("jax") is None or unit.is_at_least("jax", _STRICT)
    if "fun" in names:
        return None
    if len(node.args) > 1:
        more = "`, `".join(edits.source(unit, one) for one in node.args[1:])
        return (
            f"`jax.jit` takes one argument by position, so that it fails on `{more}`"
            if strict
            else None
        )
    if node.args or None in names or unit.version("jax") is None:
        return None
    if unit.is_at_least("jax", _FACTORY):
        return None
    return f"`jax.jit` without a function fails before JAX {_FACTORY}"


def _fixes(unit: Unit, node: ast.Call, number: int) -> Iterator[FixRef]:
    if len(node.args) > 1:
        static = _as_static(node)
        unsafe = Applicability.UNSAFE
        if static is not None:
            yield FixRef("name-static", "Name `static_argnums`", unsafe, number)
        elif not node.keywords:
            yield FixRef("call-compiled", "Call the compiled function", unsafe, number)


def _as_static(node: ast.Call) -> ast.expr | None:
    """The one further argument, if it is numbers of arguments."""
    if len(node.args) != 2 or any(one.arg == "static_argnums" for one in node.keywords):
        return None
    second = node.args[1]
    items = second.elts if isinstance(second, (ast.Tuple, ast.List)) else [second]
    numbers = all(isinstance(one, ast.Constant) and type(one.value) is int for one in items)
    return second if numbers and items else None


def fix(unit: Unit, reference: FixRef) -> Fix:
    node = unit.calls[reference.data].node
    span = unit.model.module.span
    if reference.kind == "name-static":
        start = span(node.args[1]).start
        changed = (Edit(Span(start, start), "static_argnums="),)
    else:
        between = Span(span(node.args[0]).end, span(node.args[1]).start)
        changed = (Edit(between, ")("),)
    return Fix(reference.title, changed, reference.applicability)


RULE = Rule(
    name="jit-decorator-form",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    preview=True,
    errors=("TypeError: jit() takes from 0 to 1 positional arguments but",),
    examples=(
        Example(
            """
            import jax

            def double(x):
                return 2 * x

            def run(x):
                return jax.jit(double, x)  # error: [jit-decorator-form]
            """,
            fixed="""
            import jax

            def double(x):
                return 2 * x

            def run(x):
                return jax.jit(double)(x)
            """,
        ),
        Example(
            """
            import jax

            @jax.jit(static_argnums=1)
            def power(x, n):
                return x**n
            """,
            versions=(("jax", "0.8.1"),),
        ),
    ),
)

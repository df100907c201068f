"""Leaves a static argument of `jax.pmap` to its default, or passes it by keyword.

## Why is this bad?

`jax.pmap` finds its static arguments by position. Where a call gives fewer arguments by position it raises `ValueError: pmapped
function has static_broadcasted_argnums=(1,) but was called with only 1 positional argument. All static broadcasted arguments
must be passed positionally.` A default does not help. `jax.jit` takes both.

## Fix safety

Safe: the old call raises, and the same value is given by position.

## Limits

Calls of functions of the workspace are looked at, without `*args` and `**kwargs`. The fix writes defaults that are constants.
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
from jaxsight_analyzers.semantic.compilation_streams import Omitted
from jaxsight_analyzers.semantic.parameters import defaults_of


def check(unit: Unit) -> Iterator[Finding]:
    for number, omitted in enumerate(unit.omitted):
        fixes: tuple[FixRef, ...] = ()
        if _by_position(unit, omitted) is not None:
            title = f"Pass `{omitted.parameter}` by position"
            fixes = (FixRef("by-position", title, Applicability.SAFE, number),)
        yield Finding(
            span=omitted.span,
            message=(
                f"`{omitted.called}` needs static `{omitted.parameter}` by position: `jax.pmap` fails where it is "
                "left to its default or passed by keyword"
            ),
            related=omitted.related,
            fixes=fixes,
        )


def _by_position(unit: Unit, omitted: Omitted) -> tuple[Edit, ...] | None:
    """The value after the arguments that are given by position; None for what cannot be written there."""
    node, span = omitted.node, unit.model.module.span
    if not omitted.next or any(isinstance(one, ast.Starred) for one in node.args):
        return None
    first = node.keywords[0] if node.keywords else None
    if first is not None and first.arg == omitted.parameter:
        value = span(first.value).start
        start = span(node.args[-1]).end if node.args else span(node.func).end
        at = start + edits.text(unit, Span(start, value)).find(omitted.parameter)
        return (Edit(Span(at, value), ""),)
    if any(one.arg == omitted.parameter for one in node.keywords) or not node.args:
        return None
    default = defaults_of(omitted.function.args).get(omitted.parameter)
    if not isinstance(default, ast.Constant):
        return None
    end = span(node.args[-1]).end
    return (Edit(Span(end, end), f", {default.value!r}"),)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    changed = _by_position(unit, unit.omitted[reference.data])
    return None if changed is None else Fix(reference.title, changed, reference.applicability)


RULE = Rule(
    name="static-argnum-has-default",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("ValueError: pmapped function has static_broadcasted_argnums=",),
    examples=(
        Example(
            """
            import jax

            scale = jax.pmap(lambda x, n=2: x * n, static_broadcasted_argnums=1)

            def run(x):
                return scale(x), scale(x, n=3)  # error: [static-argnum-has-default]  # error: [static-argnum-has-default]
            """,
            fixed="""
            import jax

            scale = jax.pmap(lambda x, n=2: x * n, static_broadcasted_argnums=1)

            def run(x):
                return scale(x, 2), scale(x, 3)
            """,
        ),
        Example(
            """
            import jax

            scale = jax.jit(lambda x, n=2: x * n, static_argnums=1)

            def run(x):
                return scale(x), scale(x, n=3)
            """
        ),
    ),
)

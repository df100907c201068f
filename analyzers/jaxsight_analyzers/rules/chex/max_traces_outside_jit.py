"""Wraps a compiled function by `chex.assert_max_traces`.

## Why is this bad?

`assert_max_traces` counts how often the body of a function runs in Python, which is once for each trace. Around a compiled function it would count calls, so Chex refuses:
`ValueError: @assert_max_traces must not wrap JAX-transformed function (@jit, @vmap, @pmap etc.); change wrappers ordering.` It belongs inside: below `@jax.jit`, or in `jax.jit(chex.assert_max_traces(f, n=1))`.

## Fix safety

Safe: the old order raises where the function is made, and there is one other.

## Limits

Functions that `jax.jit`, `vmap`, `pmap`, `grad` or `value_and_grad` made. The fix is for decorators next to each other, and for calls in each other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.chex_streams import Wrapped

_ASSERTS = "chex.assert_max_traces"
_TRANSFORMS = tuple(f"jax.{name}" for name in ("jit", "vmap", "pmap", "grad", "value_and_grad"))


def check(unit: Unit) -> Iterator[Finding]:
    for number, wrapped in enumerate(unit.wrapped):
        if wrapped.qualified != _ASSERTS or wrapped.inner_qualified not in _TRANSFORMS:
            continue
        fixes: tuple[FixRef, ...] = ()
        if _edits(unit, wrapped):
            title = f"Count inside of `{wrapped.inner_by}`"
            fixes = (FixRef("swap-wrappers", title, Applicability.SAFE, number),)
        yield Finding(
            span=wrapped.span,
            message=f"`{wrapped.by}` raises: `{wrapped.function}` is under `{wrapped.inner_by}` already, and its traces are counted inside of that",
            fixes=fixes,
        )


def _edits(unit: Unit, wrapped: Wrapped) -> tuple[Edit, ...]:
    """The two in the other order."""
    outer, inner = wrapped.node, wrapped.inner
    decorators: list[ast.expr] = getattr(wrapped.definition, "decorator_list", [])
    source, span_of = edits.source, unit.model.module.span
    if outer in decorators and inner in decorators:
        spans = span_of(outer), span_of(inner)
        return Edit(spans[0], source(unit, inner)), Edit(spans[1], source(unit, outer))
    if not (isinstance(outer, ast.Call) and isinstance(inner, ast.Call) and inner.args):
        return ()
    if outer.args[:1] != [inner]:
        return ()
    ends = span_of(inner.args[0]).end, span_of(inner).end
    behind_inner = edits.text(unit, Span(ends[0], ends[1]))  # what else it is given
    behind_outer = edits.text(unit, Span(ends[1], span_of(outer).end))
    head = f"{source(unit, outer.func)}({source(unit, inner.args[0])}{behind_outer}"
    return (Edit(span_of(outer), f"{source(unit, inner.func)}({head}{behind_inner}"),)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    found = _edits(unit, unit.wrapped[reference.data])
    return Fix(reference.title, found, reference.applicability) if found else None


RULE = Rule(
    name="max-traces-outside-jit",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("ValueError: @assert_max_traces must not wrap JAX-transformed function",),
    raising=r"assert_max_traces|def ",
    examples=(
        Example(
            """
            import chex
            import jax

            @chex.assert_max_traces(n=1)  # error: [max-traces-outside-jit]
            @jax.jit
            def step(x):
                return 2 * x
            """,
            fixed="""
            import chex
            import jax

            @jax.jit
            @chex.assert_max_traces(n=1)
            def step(x):
                return 2 * x
            """,
        ),
        Example(
            """
            import chex
            import jax

            @jax.jit
            @chex.assert_max_traces(n=1)
            def step(x):
                return 2 * x
            """
        ),
    ),
)

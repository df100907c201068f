"""Gives `optax.chain` one list of transformations.

## Why is this bad?

`optax.chain` takes its parts one by one: `optax.chain([optax.clip(1.0), optax.adam(1e-3)])` raises `AttributeError: 'list' object has no attribute 'init'`. In other libraries a list is what is asked for.

## Fix safety

Safe: the old call raises. A list that is written out loses its brackets, another one gets a star.

## Limits

Lists and tuples that are written out in the call, and names for such.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.values import Kind


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(("optax.chain",)):
        given = call.arguments
        if (
            len(given) != 1
            or given[0].is_starred
            or given[0].kind not in (Kind.SEQUENCE, Kind.SERIES)
        ):
            continue
        title = "Give the parts one by one"
        yield Finding(
            span=given[0].span,
            message="`optax.chain` raises: it takes its parts one by one, and is given one list of them",
            fixes=(FixRef("spread-list", title, Applicability.SAFE, number),),
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    given = unit.calls[reference.data].arguments[0]
    node, span = given.node, given.span
    if isinstance(node, (ast.List, ast.Tuple)) and node.elts:
        span_of = unit.model.module.span
        inside = Span(span_of(node.elts[0]).start, span_of(node.elts[-1]).end)
        edit = Edit(span, edits.text(unit, inside))
    else:
        edit = Edit(span, f"*{edits.as_operand(unit, node)}")
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="chain-of-list",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("AttributeError: 'list' object has no attribute 'init'",),
    raising=r"chain\(",
    examples=(
        Example(
            """
            import optax

            tx = optax.chain([optax.clip_by_global_norm(1.0), optax.adam(1e-3)])  # error: [chain-of-list]
            """,
            fixed="""
            import optax

            tx = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))
            """,
        ),
        Example(
            """
            import optax

            parts = [optax.clip_by_global_norm(1.0), optax.adam(1e-3)]
            tx = optax.chain(*parts)
            """
        ),
    ),
)

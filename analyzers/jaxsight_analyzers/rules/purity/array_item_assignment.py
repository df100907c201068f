"""Assigns to an element of a JAX array.

## Why is this bad?

JAX arrays are immutable: `x[i] = v` raises `TypeError`, under `jax.jit` already while tracing.
Code moved from NumPy keeps such statements. `x.at[i].set(v)` returns the updated array; inside
`jax.jit` it is applied in place.

## Fix safety

Safe for `x[i] = v` where `x` is a JAX array on every path: the statement cannot have worked.
Otherwise unsafe. `x` may be a NumPy array, which has no `.at`; and where an index repeats, NumPy's
`x[i] += v` keeps the last update, `.at[i].add(v)` all of them.

## Limits

A parameter of a function that is not traced is not taken for an array. An element of an unannotated
traced argument may be one of a list or dict, and is reported only where the index is one of arrays: a
slice or a tuple. References, NumPy arrays, lists and dicts are not reported; a traced parameter that is
assigned to as a whole (`x[...] = v`), or called `x_ref`, is taken for a reference.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import ItemAssignment

_METHODS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Div: "divide",
    ast.Mult: "multiply",
    ast.Pow: "power",
    ast.Sub: "subtract",
}


def check(unit: Unit) -> Iterator[Finding]:
    for number, assignment in enumerate(unit.item_assignments):
        certainty = assignment.base_is_array
        verb = "is" if certainty is Certainty.YES else "may be"
        deed = "deleted from" if isinstance(assignment.node, ast.Delete) else "assigned to"
        method = _method(assignment)
        fixes: tuple[FixRef, ...] = ()
        if method is not None:
            title = f"Use `{assignment.base}.at[...].{method}(...)`"
            fixes = (FixRef("use-at", title, _applicability(assignment, method), number),)
        yield Finding(
            span=assignment.span,
            message=f"`{assignment.base}` {verb} a JAX array, which cannot be {deed} in place",
            certainty=certainty,
            related=assignment.related,
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    assignment = unit.item_assignments[reference.data]
    method = _method(assignment)
    if method is None or assignment.value is None:
        return None
    value = edits.as_argument(unit, assignment.value)
    base = assignment.base
    text = f"{base} = {base}.at[{assignment.index_text}].{method}({value})"
    return Fix(reference.title, (Edit(assignment.span, text),), reference.applicability)


def _method(assignment: ItemAssignment) -> str | None:
    """The method of `.at[...]` that does the same; None where there is none."""
    if not (assignment.alone and assignment.base_is_name):
        return None
    if assignment.operator is None:
        return None if assignment.value is None else "set"
    return _METHODS.get(type(assignment.operator))


def _applicability(assignment: ItemAssignment, method: str) -> Applicability:
    cannot_have_worked = assignment.base_is_array is Certainty.YES and method == "set"
    return Applicability.SAFE if cannot_have_worked else Applicability.UNSAFE


RULE = Rule(
    name="array-item-assignment",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    aliases=("inplace-index-assign",),
    errors=(
        "TypeError: JAX arrays are immutable and do not support in-place item assignment",
        "TypeError: '...' object does not support item assignment. JAX arrays are immutable",
        "AttributeError: __delitem__",
    ),
    examples=(
        Example(
            """
            import jax.numpy as jnp

            x = jnp.zeros(3)
            x[0] = 1.0  # error: [array-item-assignment]
            """,
            fixed="""
            import jax.numpy as jnp

            x = jnp.zeros(3)
            x = x.at[0].set(1.0)
            """,
        ),
        Example(
            """
            import numpy as np

            x = np.zeros(3)
            x[0] = 1.0
            """
        ),
    ),
)

"""Compares a dtype with `is`.

## Why is this bad?

`x.dtype` is an object of `np.dtype`; `jnp.float32`, `np.float32`, `float` and `"float32"` are other objects that stand for
the same dtype. They are equal to it and never the same: `x.dtype is jnp.float32` is False whatever `x` is,
silently.

## Fix safety

Unsafe: the test then does what it says, so results change.

## Limits

Only the dtype of what is known to be an array is reported. An attribute such as `self.dtype` often holds
`jnp.float32` itself, and `np.dtype("float32")` is one object.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for number, test in enumerate(unit.dtype_identities):
        negated = isinstance(test.node.ops[0], ast.IsNot)
        outcome, operator = ("True", "!=") if negated else ("False", "==")
        yield Finding(
            span=test.span,
            message=f"`{edits.source(unit, test.node)}` is {outcome} whatever the dtype is: the two are never the same object",
            fixes=(FixRef("use-equality", f"Use `{operator}`", Applicability.UNSAFE, number),),
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    node = unit.dtype_identities[reference.data].node
    span = unit.model.module.span
    start = span(node.left).end
    between = edits.text(unit, Span(start, span(node.comparators[0]).start))
    found = re.search(r"\bis(\s+not)?\b", between)
    if found is None or "#" in between:
        return None
    operator = "!=" if found[1] else "=="
    edit = Edit(Span(start + found.start(), start + found.end()), operator)
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="dtype-compared-with-is",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax.numpy as jnp

            x = jnp.zeros(3)
            single = x.dtype is jnp.float32  # error: [dtype-compared-with-is]
            """,
            fixed="""
            import jax.numpy as jnp

            x = jnp.zeros(3)
            single = x.dtype == jnp.float32
            """,
        ),
        Example(
            """
            import jax.numpy as jnp

            x = jnp.zeros(3)
            single = x.dtype == jnp.float32
            """
        ),
    ),
)

"""Computes with small integers beyond what they hold.

## Why is this bad?

Python's numbers take the dtype of the array they meet, and small integers start again from the other end: of an image of `uint8`, `img - 128` is
131 where the image is 3, and `img + 300` is `img + 44`. Nothing is said.

## Fix safety

Unsafe: the result has another dtype then, and the values that were meant.

## Limits

In preview. Reported where the dtype is known to be a small integer: a number taken from unsigned ones, and a number that is beyond the dtype itself.
Whether a sum of such arrays fits, nobody knows.
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


def check(unit: Unit) -> Iterator[Finding]:
    for number, wrap in enumerate(unit.wraps):
        array = edits.source(unit, wrap.node.left)
        if wrap.does_not_fit:
            value = edits.source(unit, wrap.node.right)
            message = f"`{value}` is beyond the `{wrap.dtype}` of `{array}`, and wraps around"
        else:
            whole = edits.source(unit, wrap.node)
            message = f"`{whole}` wraps around to the largest `{wrap.dtype}` where it is below 0"
        title = f"Compute with `{array}` as floats"
        yield Finding(
            span=unit.model.module.span(wrap.node),
            message=message,
            certainty=Certainty.YES if wrap.does_not_fit else Certainty.MAYBE,
            fixes=(FixRef("as-float", title, Applicability.UNSAFE, number),),
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    array: ast.expr = unit.wraps[reference.data].node.left
    dtype = edits.spell(unit, "jax.numpy.float32")
    text = f"{edits.as_operand(unit, array)}.astype({dtype.text})"
    edit = Edit(unit.model.module.span(array), text)
    return Fix(reference.title, (edit, *dtype.edits), reference.applicability)


RULE = Rule(
    name="int-overflow-or-wrap",
    severity=Severity.WARNING,
    since="0.1.0",
    preview=True,
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax.numpy as jnp

            img = jnp.array([3], jnp.uint8)
            d = img - 128  # error: [int-overflow-or-wrap]
            """,
            fixed="""
            import jax.numpy as jnp

            img = jnp.array([3], jnp.uint8)
            d = img.astype(jnp.float32) - 128
            """,
        ),
        Example(
            """
            import jax.numpy as jnp

            img = jnp.array([3], jnp.uint8)
            d = img.astype(jnp.float32) - 128
            """
        ),
    ),
)

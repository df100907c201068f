"""Indexes a JAX array out of its bounds, where NumPy would raise.

## Why is this bad?

JAX cannot raise from compiled code, so it does not look: `x[10]` of three elements is the last one, `x.at[10].set(v)` changes nothing, and
`jnp.take(x, 10)` is NaN. Code that waits for an `IndexError` waits in vain.

## Limits

In preview. Reported where the shape and the index are written, and for `try: x[i] except IndexError`. There is no fix: `x.at[i].get(mode="fill",
fill_value=0)` says what is to come of such an index.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Certainty, Finding, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for seen in unit.out_of_bounds:
        if _has_mode(unit, seen.node):
            continue
        index = edits.source(unit, seen.part)
        if seen.size is None:
            base = edits.source(unit, seen.node.value)
            message = (
                f"`{base}` is a JAX array, which may take any `{index}` without an `IndexError`"
            )
        else:
            message = f"`{index}` is beyond an axis of {seen.size}, which JAX does not say"
        yield Finding(
            span=unit.model.module.span(seen.node),
            message=message,
            certainty=Certainty.MAYBE if seen.size is None else Certainty.YES,
        )


def _has_mode(unit: Unit, node: ast.Subscript) -> bool:
    """Whether `x.at[10].get(mode="fill")` says what is to come of it."""
    outer = (one for one in edits.parents_of(unit, node) if isinstance(one, ast.Call))
    return any(keyword.arg == "mode" for call in outer for keyword in call.keywords)


RULE = Rule(
    name="out-of-bounds-silent",
    severity=Severity.WARNING,
    since="0.1.0",
    preview=True,
    check=check,
    examples=(
        Example(
            """
            import jax.numpy as jnp

            x = jnp.zeros(3)
            last = x[3]  # error: [out-of-bounds-silent]
            """
        ),
        Example(
            """
            import jax.numpy as jnp

            x = jnp.zeros(3)
            last = x[-1]
            """
        ),
    ),
)

"""Compares with `nan`.

## Why is this bad?

`nan` is equal to nothing, not even to itself: `x == jnp.nan` is False everywhere, `x != jnp.nan` True, and
an ordering False. A mask made so masks nothing, silently. `jnp.isnan(x)` finds them.

## Fix safety

Unsafe: the test then does what it says, so results change.

## Limits

`nan` is known as `jnp.nan`, `np.nan`, `math.nan`, `float("nan")` and through names that stand for one of them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.derivative_streams import NanComparison


def check(unit: Unit) -> Iterator[Finding]:
    for number, comparison in enumerate(unit.nan_comparisons):
        node = comparison.node
        if len(node.ops) != 1 or isinstance(node.ops[0], (ast.In, ast.NotIn)):
            continue
        outcome = "True" if isinstance(node.ops[0], (ast.NotEq, ast.IsNot)) else "False"
        fixes: tuple[FixRef, ...] = ()
        if isinstance(node.ops[0], (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)):
            fixes = (FixRef("use-isnan", "Use `jnp.isnan`", Applicability.UNSAFE, number),)
        yield Finding(
            span=comparison.span,
            message=f"`{edits.source(unit, node)}` is {outcome} whatever `{_other(unit, comparison)}` is: `nan` is equal to nothing",
            fixes=fixes,
        )


def _other(unit: Unit, comparison: NanComparison) -> str:
    node = comparison.node
    return edits.source(unit, node.comparators[0] if comparison.nan_is_left else node.left)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    comparison = unit.nan_comparisons[reference.data]
    isnan = edits.spell(unit, "jax.numpy.isnan")
    negated = isinstance(comparison.node.ops[0], (ast.NotEq, ast.IsNot))
    written = f"{'~' if negated else ''}{isnan.text}({_other(unit, comparison)})"
    return Fix(
        reference.title, (Edit(comparison.span, written), *isnan.edits), reference.applicability
    )


RULE = Rule(
    name="nan-comparison",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    aliases=("float-equality-or-nan-compare",),
    examples=(
        Example(
            """
            import jax.numpy as jnp

            def clean(x):
                return jnp.where(x == jnp.nan, 0.0, x)  # error: [nan-comparison]
            """,
            fixed="""
            import jax.numpy as jnp

            def clean(x):
                return jnp.where(jnp.isnan(x), 0.0, x)
            """,
        ),
        Example(
            """
            import jax.numpy as jnp

            def clean(x):
                return jnp.where(jnp.isnan(x), 0.0, x)
            """
        ),
    ),
)

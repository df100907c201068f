"""Replaces NaN after the operation that made it, in code that is differentiated.

## Why is this bad?

`jnp.nan_to_num(x / x)` is a number where `x` is 0, but its gradient there is NaN still: the derivative of the
division is infinite or undefined, and what replaces its value does not replace that. One such element makes the whole
gradient NaN. Make the argument harmless before: `x / jnp.where(x == 0, 1.0, x)`.

## Limits

Reported where a derivative is taken of the code and the operation stands inside: a division, a root, a logarithm of a traced
value. What comes in through a name is not looked into, nor are metrics that no derivative is taken of.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Certainty, Finding, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit

_RISKY = frozenset(
    (
        *(f"jax.numpy.{name}" for name in ("sqrt", "log", "log2", "log10", "arccos", "arcsin")),
        *("jax.numpy.divide", "jax.numpy.true_divide", "jax.numpy.reciprocal"),
    )
)


def check(unit: Unit) -> Iterator[Finding]:
    for _, call in unit.calls_of(("jax.numpy.nan_to_num",)):
        if not call.differentiated or not call.arguments:
            continue
        argument = call.arguments[0]
        if argument.traced is not Certainty.YES or not _is_risky(unit, argument.node):
            continue
        yield Finding(
            span=call.span,
            message=(
                f"`{call.name}` replaces the NaN of `{edits.source(unit, argument.node)}`, and not that of its "
                "gradient, which may be NaN still"
            ),
            certainty=Certainty.MAYBE,
            related=call.related,
        )


def _is_risky(unit: Unit, node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return not isinstance(node.right, ast.Constant)
    call = unit.call_at(node)
    return call is not None and call.canonical in _RISKY


RULE = Rule(
    name="nan-to-num-gradient",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    aliases=("nan-to-num-hides-grad",),
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.grad
            def share(x):
                return jnp.sum(jnp.nan_to_num(x / jnp.sum(x)))  # error: [nan-to-num-gradient]
            """
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.grad
            def share(x):
                total = jnp.sum(x)
                return jnp.sum(x / jnp.where(total == 0, 1.0, total))

            def report(x):
                return jnp.nan_to_num(x / jnp.sum(x))
            """
        ),
    ),
)

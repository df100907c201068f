"""Computes a variance as the difference of two large numbers.

## Why is this bad?

`(x**2).mean() - x.mean() ** 2` is the variance on paper. In float32 both terms keep seven digits, and where the
mean is large against the spread these are the same seven: the variance of `[1e4, 1e4 + 1, 1e4 + 2]` comes
out as 0.0 instead of 0.667, and sometimes as a negative number whose square root is `nan`. `jnp.var` subtracts the
mean first.

## Fix safety

Unsafe: the result changes, which is the purpose; and `jnp.var` reads `x` twice, which a fast batch norm may want to avoid.

## Limits

Only what is written out in one expression is seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit

_MEAN = ("jax.numpy.mean",)
_SQUARE = ("jax.numpy.square", "jax.lax.square")


def check(unit: Unit) -> Iterator[Finding]:
    for number, node in enumerate(unit.operations):
        if _variance(unit, node) is None:
            continue
        yield Finding(
            span=unit.model.module.span(node),
            message=f"`{edits.source(unit, node)}` loses its digits where the mean is large against the spread",
            fixes=(FixRef("use-var", "Use `jnp.var`", Applicability.UNSAFE, number),),
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    node = unit.operations[reference.data]
    found = _variance(unit, node)
    if found is None:
        return None
    variance = edits.spell(unit, "jax.numpy.var")
    edit = Edit(unit.model.module.span(node), f"{variance.text}({', '.join(found)})")
    return Fix(reference.title, (edit, *variance.edits), reference.applicability)


def _variance(unit: Unit, node: ast.BinOp) -> tuple[str, ...] | None:
    """The arguments of the variance that a difference is: the array, and the axis if any."""
    if not isinstance(node.op, ast.Sub):
        return None
    first = _mean(unit, node.left)
    root = _squared(unit, node.right)
    second = None if root is None else _mean(unit, root)
    if first is None or second is None:
        return None
    inside = _squared(unit, first[0])
    if inside is None or edits.source(unit, inside) != edits.source(unit, second[0]):
        return None
    if first[1] != second[1]:
        return None
    return edits.as_argument(unit, inside), *first[1]


def _mean(unit: Unit, node: ast.expr) -> tuple[ast.expr, tuple[str, ...]] | None:
    """What a mean is taken of, and its other arguments: `jnp.mean(x, axis=0)`, `x.mean(0)`."""
    if not isinstance(node, ast.Call) or any(
        k.arg not in ("axis", "keepdims") for k in node.keywords
    ):
        return None
    call = unit.call_at(node)
    if call is not None and call.canonical in _MEAN and node.args:
        value, rest = node.args[0], node.args[1:]
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "mean" and call is None:
        value, rest = node.func.value, node.args
    else:
        return None
    return value, tuple([edits.source(unit, one) for one in (*rest, *node.keywords)])


def _squared(unit: Unit, node: ast.expr) -> ast.expr | None:
    """What `x ** 2`, `x * x` and `jnp.square(x)` square."""
    call = unit.call_at(node)
    if call is not None and call.canonical in _SQUARE and len(call.node.args) == 1:
        return call.node.args[0]
    if not isinstance(node, ast.BinOp):
        return None
    if isinstance(node.op, ast.Pow):
        two = isinstance(node.right, ast.Constant) and node.right.value == 2
        return node.left if two else None
    same = isinstance(node.op, ast.Mult) and ast.dump(node.left) == ast.dump(node.right)
    return node.left if same else None


RULE = Rule(
    name="catastrophic-variance",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax.numpy as jnp

            def spread(x):
                return jnp.mean(x**2, axis=0) - jnp.mean(x, axis=0) ** 2  # error: [catastrophic-variance]
            """,
            fixed="""
            import jax.numpy as jnp

            def spread(x):
                return jnp.var(x, axis=0)
            """,
        ),
        Example(
            """
            import jax.numpy as jnp

            def spread(x):
                return jnp.mean((x - x.mean()) ** 2)
            """
        ),
    ),
)

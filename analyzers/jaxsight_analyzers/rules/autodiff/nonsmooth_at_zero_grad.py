"""Differentiates a root, a distance or an angle at the edge of where it is smooth.

## Why is this bad?

The derivative of `jnp.sqrt` at 0 is infinite, and so is that of `jnp.arccos` at 1. `jnp.sqrt(jnp.maximum(x, 0.0))` goes there on purpose: where `x`
is negative the value is 0, and its gradient infinity times zero, which is NaN. The distances of all pairs of rows,
`jnp.linalg.norm(x[:, None] - x[None], axis=-1)`, hold the distance of each row to itself: the gradient of all of `x` is NaN.
One NaN in a gradient ends up in all parameters.

## Fix safety

Unsafe: values right at the edge change a little.

## Limits

Reported where a gradient goes through the argument, and the code itself leads to the edge: a root of what is clamped at 0, an angle of
what is clamped at 1, distances of an array to itself. A root or a norm of anything else is not reported, nor is `jax.nn.relu`, whose gradient
is a true zero.
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
from jaxsight_analyzers.semantic.streams import Call

_ROOTS = ("jax.numpy.sqrt", "jax.lax.sqrt", "jax.lax.rsqrt")
_POWERS = ("jax.numpy.power", "jax.numpy.pow", "jax.numpy.float_power", "jax.lax.pow")
_ANGLES = tuple(
    f"jax.numpy.{name}" for name in ("arccos", "arcsin", "acos", "asin", "arctanh", "atanh")
)
_NORM = "jax.numpy.linalg.norm"
_MAXIMUM = ("jax.numpy.maximum", "jax.lax.max")
_CLIP = "jax.numpy.clip"
_SQUARES = ("jax.numpy.square", "jax.lax.square")


_Edge = tuple[str, Certainty, tuple[tuple[ast.expr, str], ...]]
"""Why a function is led to where its derivative is infinite, how surely, and which bounds keep away from there."""


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of((*_ROOTS, *_POWERS, *_ANGLES, _NORM)):
        edge = _edge(unit, call)
        if edge is None:
            continue
        reason, how_surely, moved = edge
        certainty = min(how_surely, unit.is_differentiated(call.node))
        if certainty is Certainty.NO or _is_stopped(unit, call.node):
            continue
        fixes: tuple[FixRef, ...] = ()
        if moved:
            title = "Stay off the edge"
            fixes = (FixRef("off-the-edge", title, Applicability.UNSAFE, number),)
        verb = "is" if certainty is Certainty.YES else "may be"
        yield Finding(
            span=call.span,
            message=f"the gradient of `{call.name}` {verb} NaN here: {reason}",
            certainty=certainty,
            related=call.related,
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    edge = _edge(unit, unit.calls[reference.data])
    if edge is None:
        return None
    span = unit.model.module.span
    moved = tuple([Edit(span(node), text) for node, text in edge[2]])
    return Fix(reference.title, moved, reference.applicability)


def _edge(unit: Unit, call: Call) -> _Edge | None:
    arguments = call.node.args
    if not arguments or call.guarded:
        return None
    if call.canonical == _NORM:
        return _of_pairs(unit, call, arguments[0]) if _has_axis(call.node) else None
    if call.canonical in _POWERS:
        power = arguments[1] if len(arguments) > 1 else None
        if not isinstance(power, ast.Constant) or not isinstance(power.value, float):
            return None
        return _of_clamped(unit, call, 0) if 0 < power.value < 1 else None
    if call.canonical in _ANGLES:
        return _of_clamped(unit, call, 1)
    return _of_clamped(unit, call, 0) or _of_squares(unit, call, arguments[0])


def _of_clamped(unit: Unit, outer: Call, edge: int) -> _Edge | None:
    """`sqrt(maximum(x, 0.0))`, `arccos(clip(x, -1.0, 1.0))`."""
    node = _written(unit, outer, outer.node.args[0])
    call = None if node is None else unit.call_at(node)
    if call is None:
        return None
    bounds: list[ast.expr] = []
    if call.canonical in _MAXIMUM and len(call.node.args) == 2:
        bounds = list(call.node.args)
    elif call.canonical == _CLIP:
        bounds = [*call.node.args[1:], *(keyword.value for keyword in call.node.keywords)]
    at_edge = [bound for bound in bounds if _number(bound) in (edge, -edge)]
    if not at_edge or (call.canonical in _MAXIMUM and edge):
        return None
    text = f"`{edits.source(unit, call.node)}` is {edge} where it clamps, and the derivative there infinite"
    return text, Certainty.MAYBE, tuple([(bound, _off(bound)) for bound in at_edge])


def _number(node: ast.expr) -> float | None:
    sign = 1.0
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node, sign = node.operand, -1.0
    value = node.value if isinstance(node, ast.Constant) else None
    return sign * value if isinstance(value, (int, float)) and value is not True else None


def _off(bound: ast.expr) -> str:
    number = _number(bound)
    if not number:
        return "1e-12"
    return "1.0 - 1e-6" if number > 0 else "-1.0 + 1e-6"


def _of_squares(unit: Unit, outer: Call, node: ast.expr) -> _Edge | None:
    """`sqrt(sum((x[:, None] - x[None]) ** 2, axis=-1))`."""
    written = _written(unit, outer, node)
    if not isinstance(written, ast.Call) or not _has_axis(written):
        return None
    call = unit.call_at(written)
    if call is not None and call.canonical == "jax.numpy.sum" and written.args:
        squares: ast.expr = written.args[0]
    elif isinstance(written.func, ast.Attribute) and written.func.attr == "sum" and call is None:
        squares = written.func.value
    else:
        return None
    found = _written(unit, outer, squares)
    if isinstance(found, ast.BinOp) and isinstance(found.op, ast.Pow) and _number(found.right) == 2:
        return _of_pairs(unit, outer, found.left)
    square = None if found is None else unit.call_at(found)
    if square is not None and square.canonical in _SQUARES and square.node.args:
        return _of_pairs(unit, outer, square.node.args[0])
    return None


def _of_pairs(unit: Unit, outer: Call, node: ast.expr) -> _Edge | None:
    """`x[:, None] - x[None, :]`: the difference of each row to each, itself included."""
    found = _written(unit, outer, node)
    if not isinstance(found, ast.BinOp) or not isinstance(found.op, ast.Sub):
        return None
    one, other = _spread(found.left), _spread(found.right)
    if one is None or other is None or one[0] != other[0] or one[1] == other[1]:
        return None
    sure = Certainty.YES if max(one[2], other[2]) > 2 else Certainty.MAYBE  # of numbers it is none
    return f"the distance of a row of `{one[0]}` to itself is 0", sure, ()


def _spread(node: ast.expr) -> tuple[str, int, int] | None:
    """A name that is indexed with one `None`, where, and with how many indices."""
    if isinstance(node, ast.Name):
        return node.id, 0, 0  # as if it stood first
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
        return None
    index = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    new = [n for n, one in enumerate(index) if isinstance(one, ast.Constant) and one.value is None]
    rest = [one for n, one in enumerate(index) if n not in new]
    whole = all(isinstance(one, ast.Slice) and _is_whole(one) for one in rest)
    return (node.value.id, new[0], len(index)) if len(new) == 1 and whole else None


def _is_whole(part: ast.Slice) -> bool:
    return part.lower is part.upper is part.step is None


def _has_axis(call: ast.Call) -> bool:
    return any(keyword.arg == "axis" for keyword in call.keywords) or (
        isinstance(call.func, ast.Attribute) and call.func.attr == "sum" and bool(call.args[-1:])
    )


def _written(unit: Unit, outer: Call, node: ast.expr) -> ast.expr | None:
    """An expression, or what its name was given before the call."""
    if not isinstance(node, ast.Name):
        return node
    place = edits.place_at(unit, outer.span.start)
    return None if place is None else edits.given_before(place, node.id)


def _is_stopped(unit: Unit, node: ast.expr) -> bool:
    outer = (unit.call_at(one) for one in edits.parents_of(unit, node) if isinstance(one, ast.Call))
    return any(call is not None and call.canonical.endswith("stop_gradient") for call in outer)


RULE = Rule(
    name="nonsmooth-at-zero-grad",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            def energy(x):
                return jnp.sum(jnp.sqrt(jnp.maximum(x, 0.0)))  # error: [nonsmooth-at-zero-grad]

            slope = jax.grad(energy)(jnp.array([-1.0, 1.0]))
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            def energy(x):
                return jnp.sum(jnp.sqrt(jnp.maximum(x, 1e-12)))

            slope = jax.grad(energy)(jnp.array([-1.0, 1.0]))
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            def energy(x):
                return jnp.sum(jnp.sqrt(jnp.maximum(x, 1e-12)))

            slope = jax.grad(energy)(jnp.array([-1.0, 1.0]))
            """
        ),
    ),
)

"""Hides a value that is not finite behind `jnp.where`, but not its gradient.

## Why is this bad?

`jnp.where(x > 0, jnp.sqrt(x), 0.0)` is 0 where `x` is 0, but its gradient there is NaN. Both sides are computed, and the
gradient of the side that is not picked is multiplied by zero: zero times infinity is NaN. The same goes for
`jnp.log`, a division, a power below one, `jnp.arccos` and `jnp.linalg.norm`. The cure is to make the argument harmless before: a second
`jnp.where` inside.

## Fix safety

Unsafe: where the condition holds the values are the same, and elsewhere the gradient is 0. Whether 1 is harmless
inside is for you to say.

## Limits

Reported where a derivative is taken of the code, in this file or by a caller, and the condition speaks of the same
name as the argument. An argument that is made harmless (`jnp.maximum(x, eps)`, `jnp.clip`, another `where`, `x + eps`,
`abs`, a square) is not reported.
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

_WHERE = ("jax.numpy.where", "jax.lax.select")
_RISKY = frozenset(
    (
        *(f"jax.numpy.{name}" for name in ("sqrt", "log", "log2", "log10", "arccos", "arcsin")),
        *("jax.numpy.acos", "jax.numpy.asin", "jax.numpy.reciprocal", "jax.numpy.linalg.norm"),
        *("jax.lax.sqrt", "jax.lax.rsqrt", "jax.lax.log", "jax.scipy.special.logit"),
    )
)
_BOUNDS = ("jnp.maximum", "jnp.clip", "jax.numpy.maximum", "jax.numpy.clip")


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(_WHERE):
        found = _risky(unit, call)
        if found is None:
            continue
        risky, argument = found
        condition = edits.source(unit, call.node.args[0])
        fixes: tuple[FixRef, ...] = ()
        if isinstance(argument, (ast.Name, ast.Attribute)):
            title = f"Make `{edits.source(unit, argument)}` harmless where it is not picked"
            fixes = (FixRef("double-where", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=unit.model.module.span(risky),
            message=(
                f"the gradient of `{edits.source(unit, risky)}` may be NaN where `{condition}` does not pick it: "
                "`where` hides the value, and not its gradient"
            ),
            certainty=Certainty.MAYBE,
            related=call.related,
            fixes=fixes,
        )


def _risky(unit: Unit, call: Call) -> tuple[ast.expr, ast.expr] | None:
    """A side that may not be finite, and the argument that makes it so."""
    arguments = call.node.args
    if not call.differentiated or len(arguments) != 3:
        return None
    condition = edits.names_in(arguments[0])
    for side in arguments[1:]:
        for node in _evaluated(side):
            argument = _argument(unit, node)
            if argument is None or not _is_bare(argument) or _is_kept_away(unit, argument):
                continue
            if edits.names_in(argument) & condition:
                return node, argument
    return None


def _evaluated(side: ast.expr) -> Iterator[ast.expr]:
    """The parts of an expression that are not in a function of their own."""
    yield side
    for child in ast.iter_child_nodes(side):
        if isinstance(child, ast.expr) and not isinstance(child, ast.Lambda):
            yield from _evaluated(child)


def _argument(unit: Unit, node: ast.expr) -> ast.expr | None:
    """What must not be zero or negative: an argument, a divisor, the base of a small power."""
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Div):
            return node.right
        power = node.right.value if isinstance(node.right, ast.Constant) else None
        if isinstance(node.op, ast.Pow) and isinstance(power, float) and power < 1:
            return node.left
        return None
    call = unit.call_at(node)
    if call is None or call.canonical not in _RISKY or not call.arguments:
        return None
    return call.node.args[0] if call.arguments[0].traced is Certainty.YES else None


def _is_bare(node: ast.expr) -> bool:
    """Whether nothing in an expression keeps it away from zero: names, attributes, elements, differences."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        return True
    if isinstance(node, ast.Subscript):
        return _is_bare(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        return _is_bare(node.left) or _is_bare(node.right)
    return False


def _is_kept_away(unit: Unit, node: ast.expr) -> bool:
    """Whether every name in it was given something that a lower bound keeps away from zero: `jnp.maximum(eps, x)`."""
    names = {n.id: n for n in ast.walk(node) if isinstance(n, ast.Name)}
    values = [name for text, name in names.items() if text not in ("jnp", "jax", "np")]
    return bool(values) and all(_is_bounded(unit, name) for name in values)


def _is_bounded(unit: Unit, name: ast.Name) -> bool:
    place = edits.place_at(unit, unit.model.module.span(name).start)
    given = None if place is None else edits.given_before(place, name.id)
    if not isinstance(given, ast.Call) or edits.source(unit, given.func) not in _BOUNDS:
        return False
    return not any(isinstance(one, ast.Constant) and one.value == 0 for one in given.args)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = unit.calls[reference.data]
    found = _risky(unit, call)
    if found is None:
        return None
    condition = edits.as_argument(unit, call.node.args[0])
    where = edits.source(unit, call.node.func)
    picked = any(one is found[0] for one in _evaluated(call.node.args[1]))
    value = edits.source(unit, found[1])
    inside = f"{value}, 1.0" if picked else f"1.0, {value}"
    edit = Edit(unit.model.module.span(found[1]), f"{where}({condition}, {inside})")
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="where-nan-gradient",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            def root(x):
                return jnp.where(x > 0, jnp.sqrt(x), 0.0)  # error: [where-nan-gradient]

            slope = jax.grad(root)(0.0)
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            def root(x):
                return jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1.0)), 0.0)

            slope = jax.grad(root)(0.0)
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            def root(x):
                safe = jnp.where(x > 0, x, 1.0)
                return jnp.where(x > 0, jnp.sqrt(safe), 0.0)

            slope = jax.grad(root)(0.0)
            """
        ),
    ),
)

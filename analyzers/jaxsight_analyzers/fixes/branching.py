"""How a branch becomes `jax.lax.cond`: which statements each side runs, what goes in and what comes out.

A branch after which the function goes on gives values to names: these are what the two sides return.
Where a side leaves the function, the other side runs all that follows, and both return the result.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.fixes import edits, regions, truths
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.liveness import names_of, read_after


class Plan(NamedTuple):
    """A branch as `cond(test, true, false, *operands)`."""

    node: ast.If
    test: truths.Written
    true: Side
    false: Side
    outputs: tuple[str, ...]  # the names that get what it gives; none where it is returned
    operands: tuple[str, ...]  # the names that a side reads before it binds them
    last: ast.stmt  # the last statement that it takes the place of

    @property
    def is_returned(self) -> bool:
        """Whether nothing follows: the function returns what it gives."""
        return not self.outputs


class Side(NamedTuple):
    """What one side runs."""

    statements: tuple[ast.stmt, ...]
    # For all of the statements, where they are a branch on a tracer again.
    inner: Plan | None = None


class _Around(NamedTuple):
    """What is known at a branch."""

    unit: Unit
    traced: frozenset[ast.AST]  # the branches that fail
    bound: frozenset[str]  # the names with a value
    declared: frozenset[str]  # the names of other scopes


def of(unit: Unit, node: ast.If) -> Plan | None:
    """How to write a branch with `jax.lax.cond`; None where that would not do the same."""
    places = edits.places_at(unit, unit.model.module.span(node).start)
    if not places or places[-1].node is not node:
        return None
    place = places[-1]
    live = read_after([(one.block, one.index) for one in places])
    if live is None:
        return None
    known = _Around(
        unit,
        frozenset(branch.node for branch in unit.branches),
        regions.bound_before(unit, node),
        regions.declared_around(unit, node),
    )
    rest = () if is_elif(unit, node) else place.block[place.index + 1 :]
    return _planned(known, node, tuple(rest), live)


def as_lambdas(unit: Unit, node: ast.IfExp, cond: str) -> str | None:
    """A ternary as a call of `jax.lax.cond`; None where a side is nothing that JAX computes with."""
    test, span = truths.written(unit, node.test), unit.model.module.span(node)
    sides = (node.body, node.orelse)
    if test is None or not all(_is_computed(side) for side in sides):
        return None
    if "#" in edits.text(unit, span) or not all(regions.may_compute(unit, side) for side in sides):
        return None
    written = [edits.as_argument(unit, side) for side in sides]
    return f"{cond}({test.text}, lambda: {written[0]}, lambda: {written[1]})"


def _is_computed(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return regions.is_number(node)
    return not isinstance(node, (ast.Lambda, ast.JoinedStr, ast.NamedExpr))


def is_elif(unit: Unit, node: ast.If) -> bool:
    """Whether a branch is the `elif` of another one."""
    start = unit.model.module.span(node).start
    return edits.text(unit, Span(start, start + 4)) == "elif"


def _planned(
    known: _Around, node: ast.If, rest: tuple[ast.stmt, ...], live: frozenset[str]
) -> Plan | None:
    test = truths.written(known.unit, node.test)
    if test is None:
        return None
    body, orelse = tuple(node.body), tuple(node.orelse)
    leaves = [names_of(side).leaves for side in (body, orelse)]
    if not any(leaves):
        return _assigning(known, node, test, live)
    if all(leaves):
        return _returning(known, node, test, body, orelse, node)
    if not rest:
        return None
    sides = [side if left else (*side, *rest) for side, left in zip((body, orelse), leaves)]
    return _returning(known, node, test, sides[0], sides[1], rest[-1])


def _assigning(
    known: _Around, node: ast.If, test: truths.Written, live: frozenset[str]
) -> Plan | None:
    sides = (node.body, node.orelse)
    if not all(regions.may_move(known.unit, side) for side in sides):
        return None
    names = [names_of(side) for side in sides]
    bound = list(dict.fromkeys([*names[0].bound, *names[1].bound]))
    outputs = tuple(name for name in bound if name in live)
    needed = {
        name
        for found in names
        for name in found.bound
        if name in found.exposed or (name in outputs and name not in found.surely)
    }
    operands = tuple(name for name in bound if name in needed)
    passed = {name for name in outputs if any(name not in found.surely for found in names)}
    if not outputs or not needed | passed <= known.bound or known.declared & set(bound):
        return None
    true = _side(known, node.body, (), frozenset(outputs))
    false = _side(known, node.orelse, (), frozenset(outputs))
    return Plan(node, test, true, false, outputs, operands, node)


def _returning(
    known: _Around,
    node: ast.If,
    test: truths.Written,
    body: tuple[ast.stmt, ...],
    orelse: tuple[ast.stmt, ...],
    last: ast.stmt,
) -> Plan | None:
    sides = (body, orelse)
    if not all(regions.may_move(known.unit, side, returns=True) for side in sides):
        return None
    if not all(regions.returns_values(side) for side in sides):
        return None
    names = [names_of(side) for side in sides]
    bound = list(dict.fromkeys([*names[0].bound, *names[1].bound]))
    needed = {name for found in names for name in found.bound if name in found.exposed}
    operands = tuple(name for name in bound if name in needed)
    if not needed <= known.bound or known.declared & set(bound):
        return None
    true = _side(known, body[:1], body[1:], frozenset())
    false = _side(known, orelse[:1], orelse[1:], frozenset())
    return Plan(node, test, true, false, (), operands, last)


def _side(
    known: _Around,
    first: Sequence[ast.stmt],
    rest: tuple[ast.stmt, ...],
    live: frozenset[str],
) -> Side:
    """A side, and what becomes of it where it is another branch on a tracer, as an `elif` is."""
    statements = (*first, *rest)
    only = first[0] if len(first) == 1 else None
    if isinstance(only, ast.If) and only in known.traced and is_elif(known.unit, only):
        return Side(statements, _planned(known, only, rest, live))
    return Side(statements)

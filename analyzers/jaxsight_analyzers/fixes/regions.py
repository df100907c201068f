"""Statements that may become the body of a function: whether they may, what goes in, and what comes out."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.liveness import names_of, read_after
from jaxsight_analyzers.semantic.parameters import all_arguments
from jaxsight_analyzers.semantic.trees import TRIES

_STAYS = (
    *(ast.Global, ast.Nonlocal, ast.Delete, ast.Raise, ast.Assert, ast.Import, ast.ImportFrom),
    *(ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef),
    *(*TRIES, ast.ClassDef),
)
"""What means something else in a function of its own, or under a trace that runs it always."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.Lambda)
_LOOPS = (ast.For, ast.While)
_EFFECTS = ("write", "io", "time", "random", "cache", "iterate")


def may_move(unit: Unit, statements: Sequence[ast.stmt], *, returns: bool = False) -> bool:
    """Whether statements do nothing but compute values for names; `returns` allows them to return."""
    parts = list(_parts(statements))
    if not all(_may_move(unit, part, returns) for part in parts):
        return False
    return _leaves_only_its_loops(statements) and not _has_effects(unit, statements)


def may_compute(unit: Unit, node: ast.expr) -> bool:
    """Whether an expression does nothing but compute a value."""
    parts = all(_may_move(unit, part, returns=False) for part in _parts([node]))
    return parts and not _has_effects(unit, [node])


def _has_effects(unit: Unit, nodes: Sequence[ast.AST]) -> bool:
    spans = [unit.model.module.span(node) for node in nodes]
    return any(
        effect.kind in _EFFECTS and _within(effect.span, span)
        for effect in unit.effects
        for span in spans
    )


def live_after(unit: Unit, statement: ast.stmt) -> frozenset[str] | None:
    """The names that may be read after a statement, as it left them; None where nobody can tell."""
    places = edits.places_at(unit, unit.model.module.span(statement).start)
    return read_after([(place.block, place.index) for place in places])


def bound_before(unit: Unit, statement: ast.stmt) -> frozenset[str]:
    """The names of the function that surely have a value before a statement."""
    found: set[str] = set()
    for place in edits.places_at(unit, unit.model.module.span(statement).start):
        if place.node is statement or not isinstance(place.node, _FUNCTIONS):
            found |= names_of(place.block[: place.index]).surely
        if place.node is statement:
            break
        if isinstance(place.node, _FUNCTIONS):
            found = {argument.arg for argument in all_arguments(place.node.args)}
        elif isinstance(place.node, ast.For):
            found |= set(names_of([ast.Expr(place.node.iter)]).surely)
            found |= edits.names_bound_in(place.node.target)
    return frozenset(found)


def declared_around(unit: Unit, statement: ast.stmt) -> frozenset[str]:
    """The names that belong to another scope than the function around a statement."""
    places = edits.places_at(unit, unit.model.module.span(statement).start)
    owners = [place.node for place in places if isinstance(place.node, _FUNCTIONS)]
    return frozenset(
        name
        for owner in owners[-1:]
        for part in ast.walk(owner)
        if isinstance(part, (ast.Global, ast.Nonlocal))
        for name in part.names
    )


def returns_values(statements: Sequence[ast.stmt]) -> bool:
    """Whether statements leave the function on every path, and hand a value to its caller."""
    if not names_of(statements).leaves:
        return False
    returned = [part for part in _parts(statements) if isinstance(part, ast.Return)]
    return bool(returned) and not any(_is_nothing(part.value) for part in returned)


def _is_nothing(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and not is_number(value))


def is_number(node: ast.expr) -> bool:
    """Whether a constant is one that JAX computes with."""
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float, complex))


def carried_by(unit: Unit, loop: ast.While) -> tuple[str, ...] | None:
    """The names that a loop hands from pass to pass and to what follows; None where it cannot be a function."""
    if loop.orelse or not may_move(unit, loop.body):
        return None
    live = live_after(unit, loop)
    if live is None:
        return None
    exposed = names_of([loop]).exposed
    bound = names_of(loop.body).bound
    carried = tuple(name for name in bound if name in exposed or name in live)
    if not carried or not set(carried) <= bound_before(unit, loop):
        return None
    return None if declared_around(unit, loop) & set(bound) else carried


def _parts(statements: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """All nodes but those inside of functions, which run in their own way."""
    for node in statements:
        yield node
        if not isinstance(node, _SCOPES):
            yield from _parts(list(ast.iter_child_nodes(node)))


def _may_move(unit: Unit, node: ast.AST, returns: bool) -> bool:
    if isinstance(node, _STAYS) or (isinstance(node, ast.Return) and not returns):
        return False
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        return isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) or _is_for_debugging(unit, node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return unit.knowledge.mutator(node.func.attr) is None or _is_of_library(unit, node)
    return True


def _is_for_debugging(unit: Unit, node: ast.expr) -> bool:
    """`jax.debug.print(...)` works where it is moved to."""
    return any(call.node is node for _, call in unit.calls_of(("jax.debug.print",)))


def _is_of_library(unit: Unit, node: ast.Call) -> bool:
    """Whether `module.name(...)` calls a function, and no method that changes an object."""
    return any(call.node is node for call in unit.calls)


def _leaves_only_its_loops(statements: Sequence[ast.AST]) -> bool:
    """Whether every `break` and `continue` belongs to a loop that is moved with it."""
    for node in statements:
        if isinstance(node, (ast.Break, ast.Continue)):
            return False
        if isinstance(node, (*_LOOPS, *_SCOPES)):
            continue
        if not _leaves_only_its_loops(list(ast.iter_child_nodes(node))):
            return False
    return True


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end

"""Whether a function that was compiled can be called again after something that it read has changed.

`stale-captured-global` asks: who compiles a function, calls it and only then changes what it read does no harm.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers import edits
from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.semantic import Unit

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def may_run_after(unit: Unit, read: Span, change: Span) -> bool:
    """Whether the function that reads something can run after the change, as far as names tell."""
    block: list[ast.stmt] | None = unit.whole.tree.body
    while block is not None:
        first, second = _place(unit, block, read), _place(unit, block, change)
        if first is None or second is None:
            return False
        if first != second:
            return _runs_after(block, first, second)
        inner = edits.blocks_of(block[first])
        block = next(
            (b for b in inner if None not in (_place(unit, b, read), _place(unit, b, change))), None
        )
    return False  # in two branches of one test


def _place(unit: Unit, block: list[ast.stmt], span: Span) -> int | None:
    return next((n for n, one in enumerate(block) if _holds(unit, one, span)), None)


def _runs_after(block: list[ast.stmt], reader: int, change: int) -> bool:
    if isinstance(block[change], _FUNCTIONS):
        return True  # which may be called at any time
    names = _bound_by(block[reader])
    for number in range(reader + 1, len(block)):
        statement = block[number]
        speaks = not names.isdisjoint(edits.names_in(statement))
        if speaks and number >= change:
            return True
        names = names | _handed_on(statement, names) if speaks else names - _bound_by(statement)
    return False


def _holds(unit: Unit, node: ast.stmt, span: Span) -> bool:
    own = unit.model.module.span(node)
    return own.start <= span.start < own.end


def _bound_by(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
        return {statement.name}
    value = getattr(statement, "value", None)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Call):
        return set()  # `x = jax.jit(lambda: ...)()`: nothing is left to be called
    return edits.names_bound_in(statement)


def _handed_on(statement: ast.stmt, names: set[str]) -> set[str]:
    """The names that stand for something that runs the functions of these names: not for what they return."""
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            called = {id(one.func) for one in _calls_at_once(node.value)}
            if any(
                isinstance(one, ast.Name) and one.id in names and id(one) not in called
                for one in ast.walk(node.value)
            ):
                found |= _bound_by(node)
    return found


def _calls_at_once(value: ast.expr) -> Iterator[ast.Call]:
    """The calls that an expression makes when it is evaluated: not those in a lambda."""
    later = {
        id(inner)
        for one in ast.walk(value)
        if isinstance(one, ast.Lambda)
        for inner in ast.walk(one.body)
    }
    return (one for one in ast.walk(value) if isinstance(one, ast.Call) and id(one) not in later)

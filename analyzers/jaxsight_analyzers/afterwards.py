"""Whether a function that was compiled can be called again after something that it read has changed.

`stale-captured-global` asks: who compiles a function, calls it and only then changes what it read does no harm.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from jaxsight_analyzers import edits
from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.semantic import Unit

_LIBRARIES = ("jax", "flax.nnx", "equinox")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


_Names = dict[ast.stmt, set[str]]  # those that a statement reads


def may_run_after(unit: Unit, read: Span, changes: Iterable[Span]) -> bool:
    """Whether the function that reads something can run after one of the changes, as far as names tell."""
    known: _Names = {}
    return any(_may_run_after(unit, read, change, known) for change in changes)


def _may_run_after(unit: Unit, read: Span, change: Span, known: _Names) -> bool:
    block: list[ast.stmt] | None = unit.whole.tree.body
    while block is not None:
        first, second = _place(unit, block, read), _place(unit, block, change)
        if first is None or second is None:
            return False
        if first != second:
            return _runs_after(unit, block, first, second, known)
        inner = edits.blocks_of(block[first])
        block = next(
            (b for b in inner if None not in (_place(unit, b, read), _place(unit, b, change))), None
        )
    return False  # in two branches of one test


def _place(unit: Unit, block: list[ast.stmt], span: Span) -> int | None:
    return next((n for n, one in enumerate(block) if _holds(unit, one, span)), None)


def _runs_after(unit: Unit, block: list[ast.stmt], reader: int, change: int, known: _Names) -> bool:
    changing = block[change]
    if isinstance(changing, _FUNCTIONS):  # which may be called at any time
        return not _only_decorates(unit, changing)
    names = _bound_by(block[reader])
    ran = not isinstance(block[reader], _FUNCTIONS) or hasattr(changing, "body")
    for number in range(reader + 1, len(block)):
        statement = block[number]
        mentioned = known.get(statement)
        if mentioned is None:
            mentioned = known[statement] = edits.names_in(statement)
        speaks = not names.isdisjoint(mentioned)
        if speaks and number >= change and ran:
            return True
        ran = ran or speaks
        names = (
            names | _handed_on(unit, statement, names) if speaks else names - _bound_by(statement)
        )
    return False


def _only_decorates(unit: Unit, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function is a decorator wherever the file speaks of it: it runs while the module is imported."""
    own = {id(node) for node in ast.walk(function)}
    decorators, others = 0, 0
    for node in ast.walk(unit.whole.tree):
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            decorating = [n for one in node.decorator_list for n in ast.walk(one)]
            decorators += sum(_is_name(n, function.name) for n in decorating)
        others += _is_name(node, function.name) and id(node) not in own
    return 0 < decorators == others


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


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


def _handed_on(unit: Unit, statement: ast.stmt, names: set[str]) -> set[str]:
    """The names that stand for something that runs the functions of these names: not for what they return."""
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            found.add(node.name)
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
            continue
        if not names.isdisjoint(_kept_in(unit, node.value)):
            found |= _bound_by(node)
    return found


def _kept_in(unit: Unit, value: ast.expr) -> set[str]:
    """The names of what an expression keeps: of a call only where it makes a function or an object."""
    if not isinstance(value, ast.Call):
        return edits.names_in(value)
    arguments = [*value.args, *(keyword.value for keyword in value.keywords)]
    if not _makes_something_to_call(unit, value.func):
        return set()
    return {name for argument in arguments for name in _kept_in(unit, argument)}


def _makes_something_to_call(unit: Unit, function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name == "partial" or name[:1].isupper():
        return True
    known = (unit.knowledge.function(f"{library}.{name}") for library in _LIBRARIES)
    return any(facts is not None and facts.transforms for facts in known)

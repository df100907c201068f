"""Splits that make one key more: `key, a, b = split(key, 3)` for `a, b = split(key)`, so that the key itself is a new one."""

from __future__ import annotations

import ast

from jaxsight_analyzers.diagnostic import Edit, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call


def widened(unit: Unit, use: ast.expr) -> tuple[Edit, ...] | None:
    """The edits that give a key anew where it is split into several names; None where it is used otherwise."""
    place = edits.place_at(unit, unit.model.module.span(use).start)
    statement = None if place is None else place.node
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    call, target = unit.call_at(statement.value), statement.targets[0]
    if call is None or call.canonical != "jax.random.split" or use not in call.node.args:
        return None
    plain = isinstance(target, ast.Tuple) and all(isinstance(n, ast.Name) for n in target.elts)
    if not plain or not isinstance(target, ast.Tuple) or not isinstance(use, ast.Name):
        return None
    return _with_first(unit, target, call, use.id)


def _with_first(unit: Unit, target: ast.Tuple, call: Call, key: str) -> tuple[Edit, ...] | None:
    names = [part.id for part in target.elts if isinstance(part, ast.Name)]
    span = unit.model.module.span
    if key in names or not names:
        return None
    if "_" in names:
        return (Edit(span(target.elts[names.index("_")]), key),)
    number = next((a for a in call.arguments if a.parameter == "num"), None)
    start, wider = span(target.elts[0]).start, str(len(names) + 1)
    if number is None:
        end = span(call.arguments[-1].node).end
        width = Edit(Span(end, end), f", {wider}")
    elif isinstance(number.node, ast.Constant):
        width = Edit(number.span, wider)
    else:
        return None
    return (Edit(Span(start, start), f"{key}, "), width)

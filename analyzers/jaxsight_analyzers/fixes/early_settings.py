"""Settings that come too late: moved to before what they should have preceded."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from jaxsight_analyzers.diagnostic import Applicability, Edit, FixRef, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call


def earliest(unit: Unit, setting: Call, matters: Callable[[Call], bool]) -> Call | None:
    """The first call of JAX for which a setting surely comes too late, of those to which it matters."""
    here = setting.span.start
    calls = [
        call
        for other in (unit.others if setting.enclosing == "<module>" else (unit,))
        for _, call in other.calls_from("jax")
        if call.enclosing == setting.enclosing and call.span.start < here and matters(call)
    ]
    for call in sorted(calls, key=lambda call: call.span.start):
        first = _first_of(unit, call.span.start, here)
        if first is not None and edits.runs_once_in(first.node, call.node):
            return call
    return None


def offered(
    unit: Unit, setting: Call, use: Call, kind: str, title: str, number: int
) -> tuple[FixRef, ...]:
    """The fix that sets it before that call, if it can be moved there."""
    moved = moved_before(unit, setting, use)
    return () if moved is None else (FixRef(kind, title, Applicability.UNSAFE, number),)


def _first_of(unit: Unit, start: int, here: int) -> edits.Place | None:
    """The statement at `start`, if the one at `here` comes after it whenever it runs."""
    one, other = edits.places_at(unit, start), edits.places_at(unit, here)
    if len(one) == len(other) == 1:
        return one[0]  # statements of the module
    return edits.first_of_two(unit, start, here)


def moved_before(unit: Unit, update: Call, use: Call) -> tuple[Edit, ...] | None:
    """The statement before the one with the use, if it has its line for itself and its names are bound there."""
    here, start = update.span.start, use.span.start
    place, first = edits.place_at(unit, here), _first_of(unit, start, here)
    if place is None or first is None or place.span != update.span:
        return None
    alone = edits.starts_its_line(unit, place.span) and edits.ends_its_line(unit, place.span)
    root: ast.AST = update.node.func
    while isinstance(root, ast.Attribute):
        root = root.value
    text = unit.whole.analysed.text
    bound = isinstance(root, ast.Name) and re.search(
        rf"(?m)^(?:import|from)\b.*\b{root.id}\b", text[: first.span.start]
    )
    if not alone or not bound or (place.parents and len(place.block) == 1):
        return None
    inserted = edits.insert_before(unit, first, edits.text(unit, place.span))
    return None if inserted is None else (inserted, _line_of(unit, place))


def _line_of(unit: Unit, place: edits.Place) -> Edit:
    analysed = unit.model.module.analysed
    start = analysed.line_starts[analysed.line_of(place.span.start)]
    last = analysed.line_of(place.span.end) + 1
    end = analysed.line_starts[last] if last < len(analysed.line_starts) else len(analysed.text)
    return Edit(Span(start, end), "")

"""Lists that are filled item by item and then stacked: what of them a loop of JAX does without."""

from __future__ import annotations

import ast
import re

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.diagnostic import Edit, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.semantic import Unit

STACKS = ("jax.numpy.stack", "jax.numpy.array", "jax.numpy.asarray")


@dataclass(frozen=True, slots=True)
class Filled:
    """A list that is made empty, appended to in one place, and then only stacked."""

    name: str
    empty: edits.Place  # where it is made
    append: ast.Expr
    value: ast.expr
    stacked: (
        Span  # of the call that stacks it, or of the statement that gives the list's name to it
    )
    is_statement: bool

    def without(self, unit: Unit) -> list[Edit]:
        """The edits after which its name stands for an array that is stacked already."""
        stacked = Edit(self.stacked, self.name)
        if self.is_statement:
            stacked = Edit(line_of(unit, self.stacked), "")
        return [Edit(line_of(unit, self.empty.span), ""), stacked]


def filled(unit: Unit, place: edits.Place, statement: ast.stmt, name: str) -> Filled | None:
    """The list that a statement in or at a place appends to; None where it is used for more."""
    assert isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    empty = _made_empty(unit, place, name)
    stacked = _stacked(unit, name, place.span.end)
    if empty is None or stacked is None:
        return None
    rebound = _rebound(unit, stacked, name)
    before = Span(empty.span.end, (rebound or stacked).start)
    uses = len(re.findall(rf"\b{name}\b", edits.text(unit, before)))
    if uses != 1 or (rebound is None and _count(unit, place, name) != 3):
        return None
    value, is_statement = statement.value.args[0], rebound is not None
    return Filled(name, empty, statement, value, rebound or stacked, is_statement)


def appended_to(statement: ast.stmt) -> str | None:
    """The list in `rows.append(row)`."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return None
    plain = len(call.args) == 1 and not call.keywords and not isinstance(call.args[0], ast.Starred)
    is_list = call.func.attr == "append" and isinstance(call.func.value, ast.Name)
    return call.func.value.id if plain and is_list else None  # type: ignore[attr-defined]


def line_of(unit: Unit, span: Span) -> Span:
    """All of the line that a statement stands on."""
    analysed = unit.model.module.analysed
    line = analysed.line_of(span.start)
    last = line + 1 >= len(analysed.line_starts)
    end = len(analysed.text) if last else analysed.line_starts[line + 1]
    return Span(analysed.line_starts[line], end)


def is_alone(unit: Unit, place: edits.Place) -> bool:
    """Whether a statement is all that stands on its line."""
    return edits.text(unit, line_of(unit, place.span)).strip() == edits.text(unit, place.span)


def _made_empty(unit: Unit, place: edits.Place, name: str) -> edits.Place | None:
    """The statement `rows = []` before the loop, on a line of its own."""
    for statement in place.block[: place.index]:
        empty = (
            isinstance(statement, ast.Assign)
            and isinstance(statement.value, ast.List)
            and not statement.value.elts
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
            and statement.targets[0].id == name
        )
        if empty:
            found = edits.place_at(unit, unit.model.module.span(statement).start)
            return found if found is not None and is_alone(unit, found) else None
    return None


def _stacked(unit: Unit, name: str, after: int) -> Span | None:
    """The call `jnp.stack(rows)` after the loop."""
    for _, call in unit.calls_of(STACKS):
        given = call.arguments
        if len(given) == 1 and isinstance(given[0].node, ast.Name) and given[0].node.id == name:
            return call.span if call.span.start > after else None
    return None


def _rebound(unit: Unit, stacked: Span, name: str) -> Span | None:
    """The statement `rows = jnp.stack(rows)`, on a line of its own."""
    place = edits.place_at(unit, stacked.start)
    statement = None if place is None else place.node
    if place is None or not isinstance(statement, ast.Assign) or not is_alone(unit, place):
        return None
    target = statement.targets[0]
    same = isinstance(target, ast.Name) and target.id == name and len(statement.targets) == 1
    return place.span if same and unit.model.module.span(statement.value) == stacked else None


def _count(unit: Unit, place: edits.Place, name: str) -> int:
    """How often a name stands in the function, or in the file, comments included."""
    owner = next((p for p in reversed(place.parents) if isinstance(p, ast.FunctionDef)), None)
    whole = unit.model.module.analysed.text
    if owner is not None:
        whole = edits.text(unit, unit.model.module.span(owner))
    return len(re.findall(rf"\b{name}\b", whole))

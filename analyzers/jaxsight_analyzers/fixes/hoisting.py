"""Compiled functions moved out of the loop or function that makes them anew: what they need says how far.

What is moved keeps its text; its lines are indented as far as where they go.
"""

from __future__ import annotations

import ast
import builtins
import re
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Edit, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.compilation_streams import Compilation
from jaxsight_analyzers.semantic.liveness import free_names, names_of
from jaxsight_analyzers.semantic.parameters import all_arguments

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BUILTINS = frozenset(dir(builtins))


class Hoisted(NamedTuple):
    """Where it goes, and the edits that move it there."""

    title: str
    edits: tuple[Edit, ...]


class _Target(NamedTuple):
    """The statement that it goes before."""

    place: edits.Place
    around: ast.AST  # the loop or function that it leaves
    at_top: bool


def hoisted(unit: Unit, compilation: Compilation) -> Hoisted | None:
    """The compiled function made once; None where it depends on what changes."""
    places = edits.places_at(unit, compilation.span.start)
    if not places:
        return None
    inner, node = places[-1], compilation.node
    is_decorated = isinstance(inner.node, ast.FunctionDef) and any(
        part is node for one in inner.node.decorator_list for part in ast.walk(one)
    )
    moved = inner.node if is_decorated else node
    if not isinstance(moved, (ast.FunctionDef, ast.Call)) or _has_long_text(moved):
        return None
    target = _target(unit, compilation, places, moved)
    if target is None:
        return None
    title = (
        "Compile once, before the loop" if compilation.in_loop else "Compile once, in the module"
    )
    if isinstance(moved, ast.FunctionDef):
        made = _statement(unit, inner, target, moved.name)
    else:
        made = _call(unit, inner, target, moved)
    return None if made is None else Hoisted(title, made)


def _target(
    unit: Unit,
    compilation: Compilation,
    places: list[edits.Place],
    moved: ast.FunctionDef | ast.Call,
) -> _Target | None:
    needed = _needed(moved)
    if compilation.in_loop:
        loop = compilation.loop
        place = next((one for one in places if one.node is loop), None)
        if place is None or not isinstance(loop, (ast.For, ast.While)):
            return None
        bound = edits.names_bound_in(loop)
        own = {moved.name} if isinstance(moved, ast.FunctionDef) else set[str]()
        return _Target(place, loop, at_top=False) if needed.isdisjoint(bound - own) else None
    owners = [place.node for place in places if isinstance(place.node, _FUNCTIONS)]
    if owners and owners[-1] is moved:
        owners.pop()
    if not owners or isinstance(owners[-1], ast.AsyncFunctionDef):
        return None
    if any(not needed.isdisjoint(_locals(owner)) for owner in owners):
        return None
    top = edits.top_place(unit, compilation.span.start)
    if top is None:
        return None
    known = _bound_before(unit, top) | _BUILTINS
    return _Target(top, owners[-1], at_top=True) if _needed_at_once(moved) <= known else None


def _locals(owner: ast.AST) -> set[str]:
    assert isinstance(owner, _FUNCTIONS)
    return {argument.arg for argument in all_arguments(owner.args)} | edits.names_bound_in(owner)


def _needed(moved: ast.FunctionDef | ast.Call) -> set[str]:
    if isinstance(moved, ast.Call):
        return set(names_of(moved).exposed)
    return free_names(moved) - {moved.name} | _needed_at_once(moved)


def _needed_at_once(moved: ast.FunctionDef | ast.Call) -> set[str]:
    """What is read where it is made, rather than when it runs."""
    if isinstance(moved, ast.Call):
        return _read_outside_lambdas(moved)
    given = moved.args
    annotations = [one.annotation for one in all_arguments(given)]
    parts = [
        *moved.decorator_list,
        *given.defaults,
        *given.kw_defaults,
        *annotations,
        moved.returns,
    ]
    return {name for part in parts if part is not None for name in _read_outside_lambdas(part)}


def _read_outside_lambdas(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Lambda):
        return set()
    if isinstance(node, ast.Name):
        return {node.id}
    return {name for child in ast.iter_child_nodes(node) for name in _read_outside_lambdas(child)}


def _bound_before(unit: Unit, top: edits.Place) -> set[str]:
    """The names that the module has when it comes to a statement of its own."""
    whole = unit.whole
    before = [one for one in whole.tree.body if whole.span(one).end <= top.span.start]
    return names_of(before).surely


def _has_long_text(moved: ast.AST) -> bool:
    """Whether it has a string of several lines, whose blanks are part of it."""
    return any(
        isinstance(node, (ast.Constant, ast.JoinedStr))
        and node.end_lineno != node.lineno
        and (isinstance(node, ast.JoinedStr) or isinstance(node.value, (str, bytes)))
        for node in ast.walk(moved)
    )


# How it is moved


def _call(
    unit: Unit, inner: edits.Place, target: _Target, node: ast.Call
) -> tuple[Edit, ...] | None:
    """The assignment that the call is the value of, else the call alone."""
    statement = inner.node
    if isinstance(statement, ast.Assign) and statement.value is node:
        name = statement.targets[0]
        if len(statement.targets) == 1 and isinstance(name, ast.Name):
            found = _statement(unit, inner, target, name.id)
            if found is not None:
                return found
    span = unit.model.module.span(node)
    name = edits.fresh_name(unit, _name_for(node))
    analysed, indent = unit.model.module.analysed, target.place.indent
    column = span.start - analysed.line_starts[analysed.line_of(span.start)]
    text = edits.text(unit, span)
    if "#" in text:
        return None
    known = _known(unit, target, text)
    if known is not None:
        return (Edit(span, known),)
    text = _indented(unit, text, inner.indent, indent, column, len(indent) + len(name) + 3)
    line = _inserted(unit, target, f"{name} = {text}")
    return None if line is None else (line, Edit(span, name))


def _known(unit: Unit, target: _Target, text: str) -> str | None:
    """The name that the module gives to the very same above."""
    above = unit.whole.analysed.text[: target.place.span.start] if target.at_top else ""
    found = re.search(rf"^(\w+) = {re.escape(text)}$", above, re.M)
    return None if found is None else found[1]


def _name_for(node: ast.Call) -> str:
    """`compiled_loss` for what is made of `loss`."""
    inner: ast.expr = node
    while isinstance(inner, ast.Call) and inner.args:
        inner = inner.args[0]
    return f"compiled_{inner.id}" if isinstance(inner, ast.Name) else "compiled"


def _statement(
    unit: Unit, inner: edits.Place, target: _Target, name: str
) -> tuple[Edit, ...] | None:
    """A statement moved with its lines and the comments above it, if nothing else binds its name."""
    if not _is_bound_once(target.around, name):
        return None
    if target.at_top and _is_known_elsewhere(unit, target.place, name):
        return None
    if not edits.starts_its_line(unit, inner.span) or len(inner.block) < 2:
        return None
    lines = _lines(unit, inner)
    text = edits.text(unit, lines).strip("\r\n").removeprefix(inner.indent)
    if ";" in text.partition("#")[0] and not isinstance(inner.node, ast.FunctionDef):
        return None
    text = _indented(unit, text, inner.indent, target.place.indent)
    line = _inserted(unit, target, text, is_block=isinstance(inner.node, ast.FunctionDef))
    return None if line is None else (line, Edit(_with_blank_line(unit, lines), ""))


def _is_bound_once(around: ast.AST, name: str) -> bool:
    bound = 0
    for node in ast.walk(around):
        if isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names:
            return False
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound += node.id == name
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            bound += node.name == name
        elif isinstance(node, ast.arg):
            bound += node.arg == name
    return bound == 1


def _is_known_elsewhere(unit: Unit, top: edits.Place, name: str) -> bool:
    whole = unit.whole.analysed.text
    rest = whole[: top.span.start] + whole[top.span.end :]
    return re.search(rf"\b{name}\b", rest) is not None


def _lines(unit: Unit, place: edits.Place) -> Span:
    """The lines of a statement, with the comments right above it."""
    analysed = unit.model.module.analysed
    first, last = analysed.line_of(place.span.start), analysed.line_of(place.span.end)
    while first > 0 and _line(unit, first - 1).strip().startswith("#"):
        first -= 1
    start, end = analysed.line_starts[first], analysed.line_starts[last]
    return Span(start, end + len(_line(unit, last)))


def _line(unit: Unit, number: int) -> str:
    """A line with its end."""
    analysed = unit.model.module.analysed
    starts = [*analysed.line_starts, len(analysed.text)]
    return analysed.text[starts[number] : starts[number + 1]]


def _with_blank_line(unit: Unit, lines: Span) -> Span:
    """What is taken away, with the empty lines after it where there are some before it, or around it below a header."""
    analysed = unit.model.module.analysed
    number = first = analysed.line_of(lines.start)
    while first > 0 and not _line(unit, first - 1).strip():
        first -= 1
    is_first = first > 0 and _line(unit, first - 1).rstrip().endswith(":")
    end = lines.end
    if is_first or first < number:
        while re.match(r"[ \t]*\r?\n", analysed.text[end:]):
            end = analysed.text.index("\n", end) + 1
    return Span(analysed.line_starts[first] if is_first else lines.start, end)


def _indented(unit: Unit, text: str, old: str, new: str, start: int = 0, now: int = 0) -> str:
    """Lines moved from one indentation to another; the first one has none.

    Those that are aligned with something on the first line, which began at the column `start`, move with it.
    """
    first, *rest = re.split(r"\r\n|\r|\n", text)
    moved = [first]
    for line in rest:
        depth = len(line) - len(line.lstrip())
        if 0 < start < depth:
            line = " " * (depth + now - start) + line.lstrip()
        elif line.startswith(old):
            line = new + line[len(old) :]
        moved.append(line if line.strip() else "")
    return edits.newline(unit).join(moved)


def _inserted(unit: Unit, target: _Target, text: str, *, is_block: bool = False) -> Edit | None:
    """The text before the target and the comments above it."""
    place, newline = target.place, edits.newline(unit)
    if not edits.starts_its_line(unit, place.span):
        return None
    start = _above_comments(unit, place)
    if target.at_top:
        return Edit(Span(start, start), text + newline * 3)
    line = unit.model.module.analysed.line_of(start)
    above = _line(unit, line - 1).strip() if line else ""
    before = newline if is_block and above and not above.endswith(":") else ""
    written = f"{before}{place.indent}{text}{newline * (1 + is_block)}"
    return Edit(Span(start, start), written)


def _above_comments(unit: Unit, place: edits.Place) -> int:
    """Where the comments right above a statement begin."""
    analysed = unit.model.module.analysed
    number = analysed.line_of(place.span.start)
    while number > 0 and _line(unit, number - 1).startswith(f"{place.indent}#"):
        number -= 1
    return analysed.line_starts[number]

"""Other names for sites: with the counter of the loop around them, or with a number."""

from __future__ import annotations

import ast

from jaxsight_analyzers.diagnostic import Edit, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.semantic import Unit


def name_of(call: ast.AST) -> ast.Constant | None:
    """The name of a site where it is written as a plain text."""
    if not isinstance(call, ast.Call):
        return None
    named = next((one.value for one in call.keywords if one.arg == "name"), None)
    first = call.args[0] if call.args else named
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first
    return None


def counter_around(unit: Unit, call: ast.AST) -> str | None:
    """The name of what counts the innermost loop around a site, where something does."""
    for place in reversed(edits.places_at(unit, unit.model.module.span(call).start)):
        if isinstance(place.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.While)):
            return None
        if isinstance(place.node, ast.For):
            return _counter_of(place.node)
    return None


def _counter_of(loop: ast.For) -> str | None:
    if not isinstance(loop.iter, ast.Call) or not isinstance(loop.iter.func, ast.Name):
        return None
    target, by = loop.target, loop.iter.func.id
    if by == "enumerate" and isinstance(target, ast.Tuple) and target.elts:
        target = target.elts[0]
    elif by != "range":
        return None
    is_name = isinstance(target, ast.Name) and target.id != "_"
    return target.id if isinstance(target, ast.Name) and is_name else None


def counted(unit: Unit, call: ast.AST) -> Edit | None:
    """The name of a site with the counter of the loop in it."""
    name, counter = name_of(call), counter_around(unit, call)
    if name is None or counter is None:
        return None
    span = unit.model.module.span(name)
    written = edits.text(unit, span)
    quote = written[-1]
    if written != f"{quote}{name.value}{quote}" or set(str(name.value)) & set("{}\\"):
        return None
    return Edit(span, f"f{quote}{name.value}_{{{counter}}}{quote}")


def numbered(unit: Unit, call: ast.AST) -> str | None:
    """A name of a site with a number, which the file does not use yet."""
    name = name_of(call)
    if name is None or not str(name.value).isidentifier():
        return None
    text = unit.model.module.analysed.text
    numbers = range(2, 100)
    return next((f"{name.value}_{n}" for n in numbers if f"{name.value}_{n}" not in text), None)


def renamed(unit: Unit, call: ast.AST, new: str) -> Edit | None:
    """The name of a site replaced by another."""
    name = name_of(call)
    if name is None:
        return None
    span = unit.model.module.span(name)
    quote = edits.text(unit, span)[-1]
    return Edit(Span(span.start, span.end), f"{quote}{new}{quote}")

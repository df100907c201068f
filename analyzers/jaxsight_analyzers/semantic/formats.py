"""Texts that are made of values: formats that only numbers have, given a tracer."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import makers
from jaxsight_analyzers.semantic.events import NumberUseSeen
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import items_of
from jaxsight_analyzers.semantic.values import (
    MISSING,
    STATIC,
    Kind,
    Value,
    constant_of,
    most_traced,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments

_FIELD = re.compile(
    r"{{|}}|{(?P<name>\w*)(?P<rest>[^{}!:]*)(?P<conversion>![rsa])?(?P<spec>:[^{}]*)?}"
)
_PERCENT = re.compile(
    r"%(?:\((?P<name>[^)]*)\))?[#0 +-]*(?P<width>\*|\d*)(?:\.(?P<digits>\*|\d*))?[hlL]?(?P<type>.)"
)


def text_with(values: Iterable[Value]) -> Value:
    """A text that values are written into: with a tracer among them, one that shows it."""
    most = most_traced((STATIC, *values))
    if most.traced is Certainty.NO:
        return STATIC
    return Value(Kind.STATIC, most.traced, most.origin, concrete=most.concrete, data=MISSING)


def of_fstring(run: Run, node: ast.JoinedStr, part: ast.FormattedValue, value: Value) -> None:
    """`f"{value:.3f}"`."""
    spec = part.format_spec
    written = spec.values if isinstance(spec, ast.JoinedStr) else ()
    if part.conversion == -1 and written:
        plain = [str(one.value) if isinstance(one, ast.Constant) else "..." for one in written]
        _note(run, node, part.value, f":{''.join(plain)}", value)


def of_format(run: Run, node: ast.Call, template: Value, arguments: Arguments) -> None:
    """`"{:.3f}".format(value)`."""
    text = constant_of(template)
    if not isinstance(text, str) or arguments.open:
        return
    count = 0
    for field in _FIELD.finditer(text):
        name, spec = field["name"], field["spec"]
        if name is None:
            continue
        place: str | int = name
        if not name or name.isdigit():
            place = int(name or count)
            count += 1
        if field["rest"] or field["conversion"] or not spec or spec == ":":
            continue
        if isinstance(place, str):
            value = arguments.keywords.get(place)
            operand = (arguments.keyword_nodes or {}).get(place)
        else:
            inside = place < len(arguments.positional)
            value = arguments.positional[place] if inside else None
            operand = arguments.nodes[place] if inside else None
        if value is not None and operand is not None:
            _note(run, node, operand, spec, value)


def of_percent(run: Run, node: ast.BinOp, template: Value, right: Value) -> None:
    """`"%.3f" % value`."""
    text = constant_of(template)
    if not isinstance(text, str):
        return
    fields = [field for field in _PERCENT.finditer(text) if field["type"] != "%"]
    if any(
        field["name"] is not None or "*" in (field["width"], field["digits"]) for field in fields
    ):
        return
    operands, values = [node.right], (right,)
    if isinstance(node.right, ast.Tuple):
        operands, values = node.right.elts, items_of(right) or ()
    if len(values) == len(fields) == len(operands):
        for field, operand, value in zip(fields, operands, values):
            if field["type"] in "diouxXeEfFgGc":
                _note(run, node, operand, field[0], value)


def _note(run: Run, node: ast.expr, operand: ast.expr, how: str, value: Value) -> None:
    if value.traced is Certainty.NO or run.frame.state.dead:
        return
    if not makers.needed(run, value, node, f"the format `{how}`"):
        event = NumberUseSeen(node, operand, "format", how, value, run.frame, run.guards)
        run.events.number_uses.append(event)

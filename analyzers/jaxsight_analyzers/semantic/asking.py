"""Operations that ask an operand for its truth, its hash or a number: no abstract tracer can tell these."""

from __future__ import annotations

import ast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import makers
from jaxsight_analyzers.semantic.events import AskedSeen
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import parts_of
from jaxsight_analyzers.semantic.values import NEVER, Kind, Value, constant_of

_CONTAINERS = {Kind.SEQUENCE: "list", Kind.SERIES: "list", Kind.HOST: "NumPy array"}
_NUMBERS = (Kind.ARRAY, Kind.TREE, Kind.KEY)
_INDICES = (*_NUMBERS, Kind.SEQUENCE)


def truth(run: Run, node: ast.expr, operand: ast.expr, operation: str, value: Value) -> None:
    """Note that Python asks for the truth of an operand: `not x`, `x and y`, `x < y < z`."""
    _note(run, node, operand, operation, value, sure=True)


def membership(run: Run, node: ast.Compare, left: Value, right: Value, written: ast.expr) -> None:
    """Note `x in xs`, which compares and asks for the truth of the results, or asks for a hash."""
    if isinstance(written, (ast.Set, ast.Dict)) or right.kind is Kind.MAPPING:
        key(run, node, node.left, "set" if isinstance(written, ast.Set) else "dict", left)
    elif left.kind is Kind.ARRAY and right.kind in (Kind.SEQUENCE, Kind.SERIES):
        items = parts_of(right) or ()
        numbers = [isinstance(constant_of(item), (int, float)) for item in items]
        if items and items[0] is not NEVER:
            _note(run, node, node.left, "in", left, sure=all(numbers))
    elif right.kind is Kind.ARRAY and not isinstance(constant_of(left), str):
        _note(run, node, written, "in", right, sure=True)


def _note(
    run: Run, node: ast.expr, operand: ast.expr, operation: str, value: Value, *, sure: bool
) -> None:
    if value.traced is not Certainty.NO and not value.concrete:
        if makers.needed(run, value, operand, f"`{operation}`"):
            return
        asked = AskedSeen(node, operand, operation, value, sure, run.frame, run.guards)
        run.events.truths.append(asked)


def index(run: Run, node: ast.Subscript, base: Value, value: Value) -> None:
    """Note `table[i]` where `i` is a tracer and `table` is no array of JAX."""
    if value.traced is Certainty.NO:
        return
    if base.kind is Kind.MAPPING:
        key(run, node, node.slice, "dict", value)
    elif not value.concrete and not base.optional:
        into = "tuple" if isinstance(node.value, ast.Tuple) else _CONTAINERS.get(base.kind)
        if isinstance(constant_of(base), str):
            into = "string"
        possible = _INDICES if base.kind is Kind.HOST else _NUMBERS
        if into is not None and value.kind in possible:
            if makers.needed(run, value, node.slice, "an index"):
                return
            numbers = _may_be_an_array(base)
            asked = AskedSeen(node, node.slice, into, value, True, run.frame, run.guards, numbers)
            run.events.indices.append(asked)


def _may_be_an_array(base: Value) -> bool:
    """Whether nothing speaks against it that a container holds numbers."""
    kinds = (Kind.STATIC, Kind.ARRAY, Kind.HOST, Kind.UNKNOWN)
    return base.kind is Kind.HOST or all(
        part.kind in kinds and not isinstance(constant_of(part), (str, bytes, type(None)))
        for part in parts_of(base) or (base,)
    )


def key(run: Run, node: ast.expr, written: ast.expr, into: str, value: Value) -> None:
    """Note that something is hashed: a key of a dict, an element of a set."""
    if value.traced is not Certainty.NO and value.kind in _INDICES:
        sure = value.kind is not Kind.TREE  # which may be None
        asked = AskedSeen(node, written, into, value, sure, run.frame, run.guards)
        run.events.indices.append(asked)

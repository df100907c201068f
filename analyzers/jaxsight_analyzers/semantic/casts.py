"""Numbers that do not fit: into the array that is updated, or into the dtype of the result."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import avals
from jaxsight_analyzers.semantic.avals import Aval, aval_of, kind_of
from jaxsight_analyzers.semantic.events import ScatterCastSeen, WrapSeen
from jaxsight_analyzers.semantic.values import Kind, Value, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.run import Run

_KINDS = ("bool", "integer", "float", "complex")
_MOST = {"uint4": 15, "uint8": 255, "uint16": 65535, "int8": 127, "int16": 32767}


def note_scatter(run: Run, node: ast.Call, function: ast.Attribute, arguments: Arguments) -> None:
    """Record `x.at[i].set(v)` where `v` is of a greater kind than `x` is."""
    into = avals.of_update(run, function.value)
    if into is None or into.dtype is None or into.weak or not arguments.positional:
        return
    if run.frame.state.dead or function.attr not in _METHODS:
        return
    given = aval_of(arguments.positional[0])
    if given is None or given.dtype is None or not _loses(into, given):
        return
    value = arguments.nodes[0]
    if isinstance(value, ast.Starred):
        return
    dtypes = into.dtype, given.dtype
    run.events.scatter_casts.append(ScatterCastSeen(node, function, value, *dtypes, run.guards))


_METHODS = ("set", "add", "subtract", "multiply", "mul", "min", "max", "power", "divide")


def _loses(into: Aval, given: Aval) -> bool:
    one, other = kind_of(into.dtype), kind_of(given.dtype)
    if one is None or other is None:
        return False
    return _KINDS.index(other) > _KINDS.index(one)


def note_wrap(run: Run, node: ast.BinOp, left: Value, right: Value) -> None:
    """Record `image - 128` and `image + 300` of small integers, which start again from the other end."""
    known, number = aval_of(left), constant_of(right)
    if known is None or known.weak or type(number) is not int or run.frame.state.dead:
        return
    most = _MOST.get(str(known.dtype))
    if most is None or left.kind is not Kind.ARRAY:
        return
    goes_below = isinstance(node.op, ast.Sub) and str(known.dtype).startswith("uint") and number > 0
    does_not_fit = isinstance(node.op, (ast.Add, ast.Sub, ast.Mult)) and abs(number) > most
    if goes_below or does_not_fit:
        run.events.wraps.append(WrapSeen(node, str(known.dtype), does_not_fit, run.guards))

"""Where a NumPy scalar makes an array of half precision one of single precision."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic.avals import aval_of, kind_of
from jaxsight_analyzers.semantic.events import PromotionSeen
from jaxsight_analyzers.semantic.values import Kind, Value

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.run import Run

_HALF = ("bfloat16", "float16")


def note(
    run: Run, node: ast.BinOp | ast.AugAssign, left: Value, right: Value, nodes: list[ast.expr]
) -> None:
    """Record an operation of an array of half precision and a scalar of NumPy's that is none of it."""
    array, scalar = (left, right) if left.kind is Kind.ARRAY else (right, left)
    if array.kind is not Kind.ARRAY or scalar.kind is not Kind.HOST or run.frame.state.dead:
        return
    known, other = aval_of(array), aval_of(scalar)
    if known is None or other is None or known.weak or known.dtype not in _HALF:
        return
    if kind_of(other.dtype) != "float" or other.dtype == known.dtype:
        return
    first, second = nodes
    operands = (first, second) if array is left else (second, first)
    run.events.promotions.append(PromotionSeen(node, *operands, str(known.dtype), run.guards))

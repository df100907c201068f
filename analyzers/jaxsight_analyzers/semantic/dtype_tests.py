"""Tests of dtypes that are never true: `x.dtype` is an `np.dtype`, `jnp.float32` is none."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import avals
from jaxsight_analyzers.semantic.events import DtypeIdentitySeen
from jaxsight_analyzers.semantic.values import Kind, Value

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.run import Run


def note(run: Run, node: ast.Compare, operands: list[Value]) -> None:
    """Record `x.dtype is jnp.float32` of an array."""
    for written, value, other in (
        (node.left, operands[0], operands[1]),
        (node.comparators[0], operands[1], operands[0]),
    ):
        if not _is_dtype_of_array(run, written) or run.frame.state.dead:
            continue
        if value.kind is Kind.STATIC and avals.dtype_of(run, other) is not None:
            run.events.dtype_identities.append(DtypeIdentitySeen(node, run.guards))


def _is_dtype_of_array(run: Run, node: ast.expr) -> bool:
    if not isinstance(node, ast.Attribute) or node.attr != "dtype":
        return False
    array = run.lookup(node.value.id) if isinstance(node.value, ast.Name) else None
    return array is not None and array.kind in (Kind.ARRAY, Kind.HOST) and not array.optional

"""Indices that lie outside of an array, which JAX does not say."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import avals
from jaxsight_analyzers.semantic.events import OutOfBoundsSeen
from jaxsight_analyzers.semantic.structures import items_of
from jaxsight_analyzers.semantic.values import Kind, Value, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.run import Run

CAUGHT = "index"
"""The guard of code whose `IndexError` is caught."""


def note(run: Run, node: ast.Subscript, base: Value, index: Value) -> None:
    """Record `x[5]` of an array of three, and an index of an array that is meant to raise `IndexError`."""
    if base.kind is not Kind.ARRAY or run.frame.state.dead:
        return
    is_update = isinstance(node.value, ast.Attribute) and node.value.attr == "at"
    known = avals.of_update(run, node) if is_update else avals.aval_of(base)
    if known is not None and known.shape is not None:
        for at, (number, part) in enumerate(_numbers(node, index)):
            if at >= len(known.shape):
                break
            size = known.shape[at]
            if number is not None and size is not None and not -size <= number < size:
                run.events.out_of_bounds.append(OutOfBoundsSeen(node, part, size, run.guards))
                return
    if CAUGHT in run.guards and not (is_update or isinstance(node.slice, ast.Slice)):
        run.events.out_of_bounds.append(OutOfBoundsSeen(node, node.slice, None, run.guards))


def _numbers(node: ast.Subscript, index: Value) -> list[tuple[int | None, ast.expr]]:
    """The written indices from the first axis on, as far as each is for one axis."""
    if not isinstance(node.slice, ast.Tuple):
        values, parts = [index], [node.slice]
    else:
        values, parts = list(items_of(index) or ()), node.slice.elts
    found: list[tuple[int | None, ast.expr]] = []
    for value, part in zip(values, parts):
        number = constant_of(value)
        if isinstance(part, ast.Slice):
            found.append((None, part))
        elif type(number) is int:
            found.append((number, part))
        else:
            break  # `None` and `...` are for no axis or several, an array for as many as it has
    return found

"""What stands between the brackets of a subscript: bounds of slices and masks must be known while tracing."""

from __future__ import annotations

import ast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import avals, makers
from jaxsight_analyzers.semantic.events import MaskSeen, SliceSeen
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import sequence
from jaxsight_analyzers.semantic.values import STATIC, Kind, Value, most_traced

_SLICED = (
    *(Kind.ARRAY, Kind.KEYS, Kind.TREE, Kind.HOST),
    *(Kind.SEQUENCE, Kind.SERIES, Kind.STATIC, Kind.UNKNOWN),
)

_MASKED = (Kind.ARRAY, Kind.TREE, Kind.UNKNOWN)


def index_of(run: Run, node: ast.Subscript, base: Value) -> Value:
    """The value of an index; notes slices whose bounds are tracers."""
    index = node.slice
    if isinstance(index, ast.Slice):
        return _slice(run, node, base, index)
    if not isinstance(index, ast.Tuple):
        return _part(run, node, base, index)
    if any(isinstance(part, ast.Starred) for part in index.elts):
        return run.evaluate(index)
    return sequence([_part(run, node, base, part) for part in index.elts])


def _part(run: Run, node: ast.Subscript, base: Value, part: ast.expr) -> Value:
    if isinstance(part, ast.Slice):
        return _slice(run, node, base, part)
    value = run.evaluate(part)
    if value.traced is not Certainty.NO and base.kind in _MASKED and not run.frame.state.dead:
        known = avals.aval_of(value)
        if known is not None and known.dtype == "bool":
            seen = MaskSeen(node, part, base, value, run.frame, run.guards)
            run.events.masks.append(seen)
    return value


def _slice(run: Run, node: ast.Subscript, base: Value, part: ast.Slice) -> Value:
    bounds = [bound for bound in (part.lower, part.upper, part.step) if bound is not None]
    values = [run.evaluate(bound) for bound in bounds]
    most = most_traced(values)
    if most.traced is Certainty.NO or run.frame.state.dead or base.kind not in _SLICED:
        return STATIC
    if makers.needed(run, most, part, "a slice"):
        return STATIC
    bound = next(bound for bound, value in zip(bounds, values) if value is most)
    inside = [n for b in bounds for n in ast.walk(b) if isinstance(n, ast.Name)]
    tracers = frozenset([n.id for n in inside if run.lookup(n.id).traced])
    run.events.slices.append(
        SliceSeen(node, part, bound, base, most, tracers, run.frame, run.guards)
    )
    return STATIC

"""Calls that lead out of a file: how an analysis tells the files it looked into what it runs them with.

Such a call is plain data. The file it leads to runs the function once more in that way, as if the
caller stood in it, so that what goes wrong there is found there. The analysis of the caller follows
calls through any number of files: each file's calls are complete without those of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, cast

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.diagnostic import Certainty, Related
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.model import SemanticModel
from jaxsight_analyzers.semantic.optimisers import Optimiser
from jaxsight_analyzers.semantic.routes import CalledInLoop, TracedHere, is_incoming
from jaxsight_analyzers.semantic.structures import entries_of, items_of
from jaxsight_analyzers.semantic.tasks import Activation, Way
from jaxsight_analyzers.semantic.values import (
    MISSING,
    NEVER,
    Kind,
    OptionalValue,
    Value,
    class_of,
    function_of,
    record_of,
)

Plain = tuple[object, ...]

MAX_CALLS = 16
"""A function is run in no more ways than this for the sake of other files."""

_CONSTANTS = (str, int, float, bool, type(None))
_ARRAYS = (Kind.ARRAY, Kind.KEY, Kind.KEYS, Kind.TREE, Kind.HOST, Kind.UNKNOWN)
_MAX_ITEMS = 32
_MAX_DEPTH = 4


class OutgoingCall(NamedTuple):
    """A way in which a function of another file runs, and the places that lead to it."""

    path: str
    qualname: str
    parameters: tuple[tuple[str, Plain], ...]
    way: Way
    related: tuple[Related, ...]


def outgoing(model: SemanticModel) -> tuple[OutgoingCall, ...]:
    """The calls that lead from a file into other files, and that those may want to know of."""
    found: list[OutgoingCall] = []
    for task in model.live:
        if not isinstance(task, Activation) or task.summary is None or task.scope.nested:
            continue
        home = task.scope.home
        if home is model.interpretation.module or "<" in task.scope.qualname:
            continue
        frame = task.summary.frame
        if frame is None or not _tells(task) or is_incoming(model, frame):
            continue
        parameters = tuple(
            [(name, plain(value, _MAX_DEPTH)) for name, value in task.parameters.items()]
        )
        related = tuple(_related(model, frame))
        found.append(OutgoingCall(home.name, task.scope.qualname, parameters, task.way, related))
    return _few(found)


def incoming(calls: Iterable[Iterable[OutgoingCall]]) -> dict[str, tuple[OutgoingCall, ...]]:
    """What leads into each file, by path, of what leads out of all files."""
    by_path: dict[str, list[OutgoingCall]] = {}
    for some in calls:
        for call in some:
            by_path.setdefault(call.path, []).append(call)
    return {path: _few(found) for path, found in by_path.items()}


def _few(calls: Iterable[OutgoingCall]) -> tuple[OutgoingCall, ...]:
    """Each way once, by the shortest route, in an order that does not depend on theirs."""
    best: dict[str, OutgoingCall] = {}
    for call in calls:
        way = repr(call[:4])
        known = best.get(way)
        if known is None or _length(call) < _length(known):
            best[way] = call
    counts: dict[tuple[str, str], int] = {}
    kept: list[OutgoingCall] = []
    for way in sorted(best):
        call = best[way]
        place = call.path, call.qualname
        counts[place] = counts.get(place, 0) + 1
        if counts[place] <= MAX_CALLS:
            kept.append(call)
    return tuple(kept)


def _length(call: OutgoingCall) -> tuple[int, str]:
    return len(call.related), repr(call.related)


def _tells(task: Activation) -> bool:
    """Whether the function's own file would not see as much."""
    abstract, _, concrete = task.way.tracing
    traced = any(value.traced is not Certainty.NO for value in task.parameters.values())
    told = any(_holds_optimiser(value) for value in task.parameters.values())
    return abstract or concrete or traced or task.way.hot or told or "model" in task.way.guards


def _related(model: SemanticModel, frame: Frame) -> Iterator[Related]:
    route = TracedHere(frame, None) if frame.tracer else CalledInLoop(frame)
    for place in route.places(model):
        if place.path is not None:
            yield place
            continue
        span = model.module.to_source(place.span)
        if span is not None:
            yield replace(place, span=span, path=model.module.source.path)


def plain(value: Value, depth: int) -> Plain:
    """A value as data that means the same in another file; what cannot be said so is unknown."""
    if isinstance(value, OptionalValue):
        return ("or None", plain(value.some, depth))
    kind = value.kind
    flags = (int(value.traced), value.concrete)
    if isinstance(value.data, Optimiser):
        return ("optimiser", value.data.plain)
    if kind is Kind.INSTANCE and depth and _holds_optimiser(value):
        return _plain_record(value, depth, flags)
    if kind is Kind.STATIC:
        if value.data is not MISSING and isinstance(value.data, _CONSTANTS):
            return ("constant", value.data)
        return ("static",)
    if kind in _ARRAYS:
        known = value.given
        return (kind.value, *flags) if known is None else (kind.value, *flags, known)
    if kind is Kind.SERIES and value.data is not NEVER:
        item = plain(cast("Value", value.data), depth - 1) if depth else None
        return (Kind.TREE.value, *flags) if item is None else (kind.value, item)
    items = items_of(value) if kind is Kind.SEQUENCE else None
    entries = entries_of(value)
    inside = items if entries is None else entries.values()
    if inside is not None:
        if depth == 0 or len(inside) > _MAX_ITEMS:
            return (Kind.TREE.value, *flags)
        parts = tuple([plain(item, depth - 1) for item in inside])
        if entries is None:
            return (kind.value, parts)
        if all(isinstance(key, _CONSTANTS) for key in entries):
            return (kind.value, tuple(entries), parts)
        return (Kind.TREE.value, *flags)
    if kind is Kind.IMPORTED:
        return (kind.value, str(value.data))
    owner, function = class_of(value), function_of(value)
    if owner is not None and "." not in owner.qualname:
        return (kind.value, owner.home.name, owner.name, *flags)
    if function is not None and function.qualname == function.name and not _is_made(value):
        return (kind.value, function.scope.home.name, function.name)
    kind = Kind.TREE if value.traced is Certainty.YES else Kind.UNKNOWN
    return (kind.value, *flags)


def _holds_optimiser(value: Value) -> bool:
    """Whether a value is an optimiser, or an object with one in a field."""
    known = record_of(value)
    fields = () if known is None else known.values
    return any(isinstance(one.data, Optimiser) for one in (value, *fields))


def _plain_record(value: Value, depth: int, flags: tuple[int, bool]) -> Plain:
    """An object by its fields: a training state, a state of the project's own."""
    known = record_of(value)
    assert known is not None
    owner = known.owner
    if owner is not None and "." in owner.qualname:
        return (Kind.UNKNOWN.value, *flags)
    parts = tuple([plain(part, depth - 1) for part in known.values])
    whose = None if owner is None else (owner.home.name, owner.name)
    said = (known.is_tuple, known.is_pytree, known.is_partial, known.is_module)
    return ("record", whose, known.names, parts, tuple(sorted(known.static)), said)


def _is_made(value: Value) -> bool:
    data = function_of(value)
    assert data is not None
    parts = (data.bound, data.bound_names, data.transformations, data.veiled)
    return any(parts) or data.environment is not None or data.self_value is not None

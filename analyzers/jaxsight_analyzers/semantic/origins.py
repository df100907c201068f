"""Where tracers come from, across calls: a function names its own parameters, its callers theirs."""

from __future__ import annotations

from collections.abc import Mapping

from jaxsight_analyzers.semantic.contexts import Summary, Transformation
from jaxsight_analyzers.semantic.structures import rebuilt
from jaxsight_analyzers.semantic.values import FunctionData, Origin, Value, given


def for_caller(value: Value, summary: Summary, originals: Mapping[str, Value]) -> Value:
    """A returned value whose tracers come from where the caller's do."""
    origins = {
        stand_in.origin: originals[name].origin
        for name, stand_in in summary.parameters.items()
        if stand_in.origin is not None and name in originals
    }
    return of_caller(value, origins) if origins else value


def differentiated(
    data: FunctionData, transformation: Transformation, values: Mapping[str, Value]
) -> tuple[tuple[str, Origin | None], ...]:
    """The arguments by which a function is differentiated, each with where its tracers come from."""
    if transformation.differentiated is None:
        return ()
    signature = data.node.args
    names = [a.arg for a in (*signature.posonlyargs, *signature.args)][transformation.bound :]
    chosen = [n for n in transformation.differentiated or {0} if -len(names) <= n < len(names)]
    return tuple([(names[n], values[names[n]].origin) for n in chosen if names[n] in values])


def with_origin(value: Value, origin: Origin) -> Value:
    """The value as what an argument of a function of its own brings."""
    made = rebuilt(value, lambda part: with_origin(part, origin))
    if made is not None:
        return made
    if value.origin is None and not value.traced:
        return value
    return _from(value, origin)


def of_caller(value: Value, origins: Mapping[Origin, Origin | None]) -> Value:
    """A returned value whose tracers come from where the caller's do."""
    made = rebuilt(value, lambda part: of_caller(part, origins))
    if made is not None:
        return made
    if value.origin is None or value.origin not in origins:
        return value
    return _from(value, origins[value.origin])


def _from(value: Value, origin: Origin | None) -> Value:
    moved = Value(
        value.kind,
        value.traced,
        origin,
        concrete=value.concrete,
        data=value.data,
        tokens=value.tokens,
    )
    return given(moved, value.given)

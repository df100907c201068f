"""Streams about Chex, merged over contexts."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Route, Span
from jaxsight_analyzers.semantic.applications import WrappedSeen
from jaxsight_analyzers.semantic.contexts import Frame, Transformation
from jaxsight_analyzers.semantic.events import CallSeen
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.streams import Places, is_meant, tracer_of
from jaxsight_analyzers.semantic.values import Value


class ValueAssert(NamedTuple):
    """An assertion about values, given a tracer."""

    node: ast.Call
    span: Span
    name: str
    argument: str
    traced: Certainty
    function: str  # what traces it
    helped: bool  # whether it works in functions that `chexify` wraps
    compiled_by: ast.AST | None  # where the function is compiled: the call, or the decorator
    definition: ast.AST | None  # the definition that is decorated
    related: tuple[Route, ...]


class Wrapped(NamedTuple):
    """A transformed function that is wrapped by what has to be inside of it."""

    node: ast.AST  # what wraps: the call, or the decorator
    span: Span
    by: str  # as people write it: `chex.assert_max_traces`
    qualified: str
    function: str
    definition: ast.AST
    inner: ast.AST  # the call or decorator of the transformation
    inner_by: str
    inner_qualified: str


def wrapped(seen: Iterable[WrappedSeen], places: Places) -> list[Wrapped]:
    """Each once."""
    return [
        Wrapped(
            event.node,
            places.span(event.node),
            display(event.qualified),
            event.qualified,
            event.data.name,
            event.data.node,
            event.inner.node,
            display(event.inner.qualified),
            event.inner.qualified,
        )
        for event in {one.node: one for one in seen if not is_meant(one.guards)}.values()
    ]


def value_asserts(seen: Iterable[CallSeen], places: Places) -> list[ValueAssert]:
    """Each assertion about values that is given a tracer, in the context in which that is most certain."""
    best: dict[ast.AST, tuple[Certainty, CallSeen, Value]] = {}
    for event in seen:
        facts = event.facts
        if facts is None or not facts.name.startswith("chex.") or is_meant(event.guards):
            continue
        if facts.tracers not in ("fails", "chexified"):
            continue
        if facts.tracers == "chexified" and "chexified" in event.guards:
            continue
        concrete = facts.name == "chex.assert_equal"  # a tracer with a value has a truth
        given = [one.value for one in event.arguments if not (concrete and one.value.concrete)]
        traced = max((value.traced for value in given), default=Certainty.NO)
        before = best.get(event.node)
        if traced is not Certainty.NO and (before is None or traced > before[0]):
            value = next(value for value in given if value.traced is traced)
            best[event.node] = traced, event, value
    return [_value_assert(event, traced, value, places) for traced, event, value in best.values()]


def _value_assert(event: CallSeen, traced: Certainty, value: Value, places: Places) -> ValueAssert:
    written = next(one.node for one in event.arguments if one.value is value)
    compiled = _compiled(event.frame)
    return ValueAssert(
        event.node,
        places.span(event.node),
        display(event.qualified),
        places.text(written),
        traced,
        tracer_of(event.frame),
        event.facts is not None and event.facts.tracers == "chexified",
        None if compiled is None else compiled[1].node,
        None if compiled is None else compiled[0].node,
        places.related(event.frame, value.origin),
    )


def _compiled(frame: Frame) -> tuple[Frame, Transformation] | None:
    """The outermost function around a call that is compiled, as far as that is known where the call stands."""
    found = None
    for each in frame.chain():
        for one in each.transformations:
            if one.compiles:
                found = each, one
    return found

"""Answers for rules about what leaves the device or the trace, and about what needs to be known there."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from jaxsight_analyzers.diagnostic import Certainty, Related, Route, Span
from jaxsight_analyzers.semantic.events import (
    MaskSeen,
    MethodSeen,
    NumberUseSeen,
    SliceSeen,
    StaticNeedSeen,
)
from jaxsight_analyzers.semantic.streams import Argument, Places, is_meant, tracer_of
from jaxsight_analyzers.semantic.values import Kind


class NumberUse(NamedTuple):
    """A use that needs the numbers in what is, or may be, a tracer."""

    node: ast.AST
    operand: ast.expr
    span: Span  # of the operand; of the whole of an f-string
    kind: str  # see `NumberUseSeen`
    how: str
    text: str  # of the operand
    traced: Certainty
    concrete: bool  # whether the tracer carries a value, as under plain `grad`
    function: str  # what traces it, such as `jax.jit`
    related: tuple[Related | Route, ...]


class TracedSlice(NamedTuple):
    """A slice with a bound that is, or may be, a tracer."""

    node: ast.Subscript
    part: ast.Slice
    span: Span  # of the slice
    base: str
    bound_node: ast.expr
    bound: str
    traced: Certainty
    tracers: frozenset[str]  # the names in the bounds that are tracers
    function: str  # what traces it, such as `jax.jit`
    related: tuple[Related | Route, ...]


class Mask(NamedTuple):
    """An index that is an array of booleans and is, or may be, a tracer."""

    node: ast.Subscript
    span: Span  # of the subscript
    text: str
    base: str
    mask_node: ast.expr
    mask: str
    is_whole: bool  # whether nothing else stands between the brackets
    traced: Certainty
    function: str  # what traces it, such as `jax.jit`
    related: tuple[Related | Route, ...]


class StaticNeed(NamedTuple):
    """A call of `jnp` that makes a tracer of what is none, where a value is needed while tracing."""

    node: ast.Call
    name: str  # of the function, by qualified name
    made: tuple[ast.AST, ...]  # the calls of `jnp` that made the value, this one first
    by: str  # what needs it: `int`, "a slice"
    use: ast.AST
    traced: Certainty
    function: str  # what traces the code, such as `jax.jit`
    related: tuple[Related | Route, ...]


class MethodCall:
    """A method called of an array or of what may be a container of arrays, in its most telling context."""

    def __init__(self, event: MethodSeen, places: Places) -> None:
        self._event = event
        self._places = places
        self.node = event.node
        self.facts = event.facts
        self.name = event.facts.name

    @property
    def span(self) -> Span:
        """Where the call stands."""
        return self._places.span(self.node)

    @property
    def base(self) -> ast.expr:
        """What the method is called of."""
        function = self.node.func
        assert isinstance(function, ast.Attribute)
        return function.value

    @property
    def base_text(self) -> str:
        """What stands there."""
        return self._places.text(self.base)

    @property
    def base_kind(self) -> Kind:
        """What it is."""
        return self._event.base.kind

    @property
    def traced(self) -> Certainty:
        """Whether what the method is called of is a tracer."""
        return self._event.base.traced

    @property
    def concrete(self) -> bool:
        """Whether that carries a value, as under plain `grad`."""
        return self._event.base.concrete or self._event.frame.eager

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """The arguments, those that are given by position first."""
        positional = {id(node) for node in self.node.args}
        event = self._event
        return tuple([Argument(a, event, positional, self._places) for a in event.arguments])

    @property
    def function(self) -> str:
        """What traces the code around it."""
        return tracer_of(self._event.frame)

    @property
    def related(self) -> tuple[Related | Route, ...]:
        """How it comes to run on tracers."""
        values = (self._event.base, *(a.value for a in self._event.arguments))
        origin = next((value.origin for value in values if value.traced), None)
        return self._places.related(self._event.frame, origin)


def methods(seen: Iterable[MethodSeen], places: Places) -> list[MethodCall]:
    """Each call once, in the context in which what it is called of is most surely an abstract tracer."""
    best: dict[ast.AST, tuple[tuple[Certainty, bool, Certainty], MethodSeen]] = {}
    for event in seen:
        if is_meant(event.guards):
            continue
        given = max((a.value.traced for a in event.arguments), default=Certainty.NO)
        rank = (event.base.traced, not event.base.concrete, given)
        before = best.get(event.node)
        if before is None or rank > before[0]:
            best[event.node] = rank, event
    return [MethodCall(event, places) for _, event in best.values()]


def number_uses(seen: Iterable[NumberUseSeen], places: Places) -> list[NumberUse]:
    """Each use once, in the context in which the operand is most surely an abstract tracer."""
    best: dict[tuple[ast.AST, str], tuple[tuple[Certainty, bool], NumberUseSeen]] = {}
    for event in seen:
        if is_meant(event.guards):
            continue
        rank = (event.value.traced, not event.value.concrete)
        place = event.node if isinstance(event.node, ast.JoinedStr) else event.operand
        before = best.get((place, event.kind))
        if before is None or rank > before[0]:
            best[place, event.kind] = rank, event
    return [_number_use(event, places) for _, event in best.values()]


def _number_use(event: NumberUseSeen, places: Places) -> NumberUse:
    in_text = isinstance(event.node, ast.JoinedStr)  # before 3.12 its parts have no place
    return NumberUse(
        event.node,
        event.operand,
        places.span(event.node if in_text else event.operand),
        event.kind,
        event.how,
        ast.unparse(event.operand) if in_text else places.text(event.operand),
        event.value.traced,
        event.value.concrete or event.frame.eager,
        tracer_of(event.frame),
        places.related(event.frame, event.value.origin),
    )


def slices(seen: Iterable[SliceSeen], places: Places) -> list[TracedSlice]:
    """Each slice with a bound that has no value, in the context in which that is surest."""
    found = _surest(seen, lambda event: event.part)
    return [_traced_slice(event, traced, places) for traced, event in found]


_Indexed = TypeVar("_Indexed", SliceSeen, MaskSeen)


def _surest(
    seen: Iterable[_Indexed], place_of: Callable[[_Indexed], ast.AST]
) -> list[tuple[Certainty, _Indexed]]:
    """What an index has no value for, once for each place, in the context in which that is surest."""
    best: dict[ast.AST, tuple[Certainty, _Indexed]] = {}
    for event in seen:
        if is_meant(event.guards) or event.value.concrete or event.frame.eager:
            continue
        traced = event.value.traced
        if event.base.kind is Kind.UNKNOWN:
            traced = min(traced, Certainty.MAYBE)
        place = place_of(event)
        before = best.get(place)
        if before is None or traced > before[0]:
            best[place] = traced, event
    return list(best.values())


def _traced_slice(event: SliceSeen, traced: Certainty, places: Places) -> TracedSlice:
    return TracedSlice(
        event.node,
        event.part,
        places.span(event.part),
        places.text(event.node.value),
        event.bound,
        places.text(event.bound),
        traced,
        event.tracers,
        tracer_of(event.frame),
        places.related(event.frame, event.value.origin),
    )


def static_needs(seen: Iterable[StaticNeedSeen], places: Places) -> list[StaticNeed]:
    """Each call once, with the first place that needs its value."""
    best: dict[ast.AST, tuple[Certainty, StaticNeedSeen]] = {}
    for event in seen:
        if is_meant(event.guards):
            continue
        traced = event.value.traced
        before = best.get(event.node)
        if before is None or traced > before[0]:
            best[event.node] = traced, event
    return [_static_need(event, traced, places) for traced, event in best.values()]


def _static_need(event: StaticNeedSeen, traced: Certainty, places: Places) -> StaticNeed:
    origin = event.value.origin
    assert origin is not None and isinstance(event.node, ast.Call)
    needed = places.related_at(event.use, "its value is needed here")
    return StaticNeed(
        event.node,
        origin.name,
        origin.made,
        event.by,
        event.use,
        traced,
        tracer_of(event.frame),
        (needed, *places.related(event.frame)),
    )


def masks(seen: Iterable[MaskSeen], places: Places) -> list[Mask]:
    """Each mask that has no values, in the context in which that is surest."""
    found = _surest(seen, lambda event: event.mask)
    return [_mask(event, traced, places) for traced, event in found]


def _mask(event: MaskSeen, traced: Certainty, places: Places) -> Mask:
    node = event.node
    return Mask(
        node,
        places.span(node),
        places.text(node),
        places.text(node.value),
        event.mask,
        places.text(event.mask),
        node.slice is event.mask,
        traced,
        tracer_of(event.frame),
        places.related(event.frame, event.value.origin),
    )

"""Answers for the rules about Flax NNX."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Related, Span
from jaxsight_analyzers.semantic.events import ObjectCallSeen
from jaxsight_analyzers.semantic.homes import root_and_rest
from jaxsight_analyzers.semantic.nnx_modules import (
    ContainerSeen,
    ObjectReadSeen,
    OverwrittenSeen,
    RawArraySeen,
)
from jaxsight_analyzers.semantic.nnx_state import (
    LEARNS,
    ChangedOutsideSeen,
    CounterSeen,
    StateLostSeen,
)
from jaxsight_analyzers.semantic.nnx_values import VariableUsedSeen
from jaxsight_analyzers.semantic.passing import UnsplitSeen
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.streams import Places, is_meant


class Container(NamedTuple):
    """A plain container of data that is an attribute of a module."""

    node: ast.expr
    span: Span
    name: str  # `self.layers`
    form: str  # "list", "tuple", "dict"
    holds: str  # "modules", "variables", "arrays"
    nested: bool
    texts_only: bool
    owner: str
    related: tuple[Related, ...]


def containers(seen: Iterable[ContainerSeen], places: Places) -> list[Container]:
    """Each once."""
    found: dict[ast.AST, Container] = {}
    for event in seen:
        if event.node in found or _is_expected(event.guards):
            continue
        filled = event.filled_at
        related = () if filled is None else (places.related_at(filled, "it is filled here"),)
        found[event.node] = Container(
            event.node,
            places.span(event.node),
            places.text(event.target),
            event.form,
            event.holds,
            event.nested,
            event.texts_only,
            event.owner,
            related,
        )
    return list(found.values())


class Overwritten(NamedTuple):
    """A variable that an array takes the place of."""

    node: ast.Attribute
    span: Span
    name: str  # `self.w`
    statement: ast.stmt
    owner: str
    variable: str
    trained: bool
    is_array: bool  # what is given


def overwritten(seen: Iterable[OverwrittenSeen], places: Places) -> list[Overwritten]:
    """Each once."""
    return [
        Overwritten(
            event.node,
            places.span(event.node),
            places.text(event.node),
            event.statement,
            event.owner,
            event.variable,
            event.trained,
            event.is_array,
        )
        for event in {e.node: e for e in seen if not _is_expected(e.guards)}.values()
    ]


class ObjectRead(NamedTuple):
    """An attribute of a variable or an optimiser."""

    node: ast.Attribute
    span: Span
    text: str
    base: str
    of: str  # the library's class
    holds_array: bool


def reads(seen: Iterable[ObjectReadSeen], places: Places) -> list[ObjectRead]:
    """Each once."""
    return [
        ObjectRead(
            event.node,
            places.span(event.node),
            places.text(event.node),
            places.text(event.node.value),
            event.of,
            event.holds_array,
        )
        for event in {e.node: e for e in seen if not _is_expected(e.guards)}.values()
    ]


class ObjectCall(NamedTuple):
    """A call of a method of what a library's class made."""

    node: ast.Call
    span: Span  # of what is called
    qualified: str
    base: str  # the object's text
    is_swapped: bool  # whether a module comes second, and no module first


def object_calls(seen: Iterable[ObjectCallSeen], places: Places) -> list[ObjectCall]:
    """Each once."""
    return [
        ObjectCall(
            event.node,
            places.span(event.node.func),
            event.qualified,
            places.text(event.node.func).rpartition(".")[0],
            _is_swapped(event),
        )
        for event in {e.node: e for e in seen if not _is_expected(e.guards)}.values()
    ]


def _is_swapped(event: ObjectCallSeen) -> bool:
    return event.modules[:2] == (False, True)


def _is_expected(guards: tuple[str, ...]) -> bool:
    """Whether a failure is expected, or the code looks at the version first."""
    return is_meant(guards) or "version" in guards


class StateLost(NamedTuple):
    """A transformation of JAX whose function changes variables of a copy."""

    node: ast.AST
    span: Span
    transformation: str  # by qualified name
    by: str  # as people write it
    root: str  # the argument: `model`
    what: str  # `model.count`
    function: str
    changed_by: str  # "the optimizer", "a variable", "a layer"
    certainty: Certainty
    learns: bool  # whether gradients are taken where it changes
    is_applied_here: bool  # whether the node is the application of the transformation
    related: tuple[Related, ...]


class Counter(NamedTuple):
    """A Python number in a module that a compiled function changes."""

    node: ast.Attribute
    span: Span
    name: str  # `self.steps`
    by: str  # as people write it
    start: ast.expr


def counters(seen: Iterable[CounterSeen], places: Places) -> list[Counter]:
    """Each once."""
    return [
        Counter(
            event.node,
            places.span(event.node),
            places.text(event.node),
            display(event.by),
            event.start,
        )
        for event in {e.node: e for e in seen if not _is_expected(e.guards)}.values()
    ]


_GRAVEST = ("the optimizer", "a variable", "a layer")


def lost(seen: Iterable[StateLostSeen], places: Places) -> list[StateLost]:
    """The gravest change for each application of a transformation."""
    best: dict[ast.AST, StateLostSeen] = {}
    for event in seen:
        if _is_expected(event.guards):
            continue
        before = best.get(event.node)
        if before is None or _rank(event) > _rank(before):
            best[event.node] = event
    return [_lost(event, places) for event in best.values()]


def _rank(event: StateLostSeen) -> tuple[object, ...]:
    return (-_GRAVEST.index(event.by), event.certainty, LEARNS in event.guards, event.what)


def _lost(event: StateLostSeen, places: Places) -> StateLost:
    node = event.node
    applied = event.transformation.node
    inner = node.func if node is applied and isinstance(node, ast.Call) else node
    related = [places.related_at(event.site, f"`{event.what}` changes here")]
    if node is not applied:
        by = display(event.transformation.qualified)
        related = [places.related_at(applied, f"`{event.function}` is given to `{by}` here")]
    return StateLost(
        node,
        places.span(inner),
        event.transformation.qualified,
        display(event.transformation.qualified),
        root_and_rest(event.what)[0],
        event.what,
        event.function,
        event.by,
        event.certainty,
        LEARNS in event.guards,
        node is applied,
        tuple(related),
    )


class ChangedOutside(NamedTuple):
    """A variable from around a traced function that it changes."""

    node: ast.AST
    span: Span
    root: str  # the name from around
    what: str
    by: str  # the transformation, as people write it
    transformation: ast.AST
    changed_by: str
    certainty: Certainty
    learns: bool
    related: tuple[Related, ...]


def outside(seen: Iterable[ChangedOutsideSeen], places: Places) -> list[ChangedOutside]:
    """Each place where a traced function changes something from around it."""
    best: dict[ast.AST, ChangedOutsideSeen] = {}
    for event in seen:
        before = best.get(event.node)
        rank = (event.certainty, event.what)
        if not _is_expected(event.guards) and (
            before is None or rank > (before.certainty, before.what)
        ):
            best[event.node] = event
    return [_outside(event, places) for event in best.values()]


def _outside(event: ChangedOutsideSeen, places: Places) -> ChangedOutside:
    applied = event.transformation
    by = display(applied.qualified)
    related = [places.related_at(applied.node, f"`{by}` traces the function here")]
    if event.site is not event.node:
        related.append(places.related_at(event.site, f"`{event.what}` changes here"))
    return ChangedOutside(
        event.node,
        places.span(event.node),
        event.root,
        event.what,
        by,
        applied.node,
        event.by,
        event.certainty,
        LEARNS in event.guards,
        tuple(related),
    )


class VariableUsed(NamedTuple):
    """A variable that is used as if it were the array in it."""

    node: ast.expr
    span: Span
    text: str
    by: str  # the operator, or the function by qualified name
    variable: str  # `Param`
    holds_array: bool


def used(seen: Iterable[VariableUsedSeen], places: Places) -> list[VariableUsed]:
    """Each once."""
    return [
        VariableUsed(
            event.node,
            places.span(event.node),
            places.text(event.node),
            event.by,
            event.variable,
            event.holds_array,
        )
        for event in {e.node: e for e in seen if not _is_expected(e.guards)}.values()
    ]


class RawArray(NamedTuple):
    """Random numbers that a module holds as they are, and not as a parameter."""

    span: Span  # of the value
    name: str  # `self.w`
    text: str
    owner: str


def raw_arrays(seen: Iterable[RawArraySeen], places: Places) -> list[RawArray]:
    """Each once."""
    return [
        RawArray(
            places.span(event.value), places.text(event.node), places.text(event.value), event.owner
        )
        for event in {e.node: e for e in seen if not _is_expected(e.guards)}.values()
    ]


class Unsplit(NamedTuple):
    """Streams of random numbers that are mapped over and were not split."""

    span: Span
    text: str


def unsplit(seen: Iterable[UnsplitSeen], places: Places) -> list[Unsplit]:
    """Each once."""
    return [
        Unsplit(places.span(event.node), places.text(event.node))
        for event in {e.node: e for e in seen if not _is_expected(e.guards)}.values()
    ]

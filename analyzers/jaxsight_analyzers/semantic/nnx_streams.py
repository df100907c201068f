"""Answers for the rules about Flax NNX."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Related, Span
from jaxsight_analyzers.semantic.events import ObjectCallSeen
from jaxsight_analyzers.semantic.nnx_modules import ContainerSeen, ObjectReadSeen, OverwrittenSeen
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

"""Answers for the rules about dataclasses of Flax and Chex."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.semantic.frozen import (
    AttributeFrozenSeen,
    PositionalFieldsSeen,
    UnknownFieldSeen,
)
from jaxsight_analyzers.semantic.streams import Places, is_meant


class FrozenAttribute(NamedTuple):
    """An attribute that is set of an instance whose class is frozen."""

    node: ast.Attribute
    span: Span
    name: str  # `state.step`
    statement: ast.stmt
    owner: str
    of_self: bool  # in a method of the class


def frozen_sets(seen: Iterable[AttributeFrozenSeen], places: Places) -> list[FrozenAttribute]:
    """Each once."""
    return [
        FrozenAttribute(
            event.node,
            places.span(event.node),
            places.text(event.node),
            event.statement,
            event.owner,
            _is_self(event),
        )
        for event in {one.node: one for one in seen if not is_meant(one.guards)}.values()
    ]


def _is_self(event: AttributeFrozenSeen) -> bool:
    scope, value = event.frame.scope, event.node.value
    is_method = scope is not None and scope.owner is not None
    return is_method and isinstance(value, ast.Name) and value.id == "self"


class PositionalFields(NamedTuple):
    """A dataclass that takes its fields by name, made with arguments by position."""

    node: ast.Call
    span: Span
    owner: str
    fields: tuple[str, ...]


def positional_fields(
    seen: Iterable[PositionalFieldsSeen], places: Places
) -> list[PositionalFields]:
    """Each call once."""
    return [
        PositionalFields(event.node, places.span(event.node), event.owner, event.fields)
        for event in {one.node: one for one in seen if not is_meant(one.guards)}.values()
    ]


class UnknownField(NamedTuple):
    """A field that is given and that the class does not have."""

    span: Span  # of the value
    field: str
    owner: str
    method: str
    is_sure: bool


def unknown_fields(seen: Iterable[UnknownFieldSeen], places: Places) -> list[UnknownField]:
    """Each argument once, as sure as the surest context of it."""
    told = sorted((one for one in seen if not is_meant(one.guards)), key=lambda one: one.is_sure)
    last = {one.argument: one for one in told}
    return [
        UnknownField(
            places.span(event.argument), event.field, event.owner, event.method, event.is_sure
        )
        for event in last.values()
        if places.module.owns(event.argument)
    ]

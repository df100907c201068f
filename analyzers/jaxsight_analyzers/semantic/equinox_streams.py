"""Answers for the rules about Equinox."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Span
from jaxsight_analyzers.semantic.equinox_leaves import UnfilteredSeen
from jaxsight_analyzers.semantic.equinox_modules import FrozenSetSeen
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.streams import Places, is_meant


class FrozenSet(NamedTuple):
    """An attribute of a module that is set where that raises."""

    node: ast.Attribute
    span: Span
    name: str  # `self.w`
    statement: ast.stmt
    owner: str
    undeclared: bool
    of_self: bool
    kind: str
    certainty: Certainty


def frozen_sets(seen: Iterable[FrozenSetSeen], places: Places) -> list[FrozenSet]:
    """Each once."""
    return [
        FrozenSet(
            event.node,
            places.span(event.node),
            places.text(event.node),
            event.statement,
            event.owner,
            event.undeclared,
            event.of_self,
            event.kind,
            event.certainty,
        )
        for event in {e.node: e for e in seen if not is_meant(e.guards)}.values()
    ]


class Unfiltered(NamedTuple):
    """A module with functions among its leaves, given where arrays are meant."""

    argument: ast.expr
    span: Span
    text: str
    by: str  # as people write it: `optax.adam`, `jax.jit`
    qualified: str
    field: str  # that holds the function; empty where that is not in sight
    applied: ast.AST | None  # of a transformation: where it is applied
    certainty: Certainty


def unfiltered(seen: Iterable[UnfilteredSeen], places: Places) -> list[Unfiltered]:
    """Each argument once, for the innermost that takes it."""
    found: dict[ast.AST, Unfiltered] = {}
    for event in seen:
        if is_meant(event.guards) or event.argument in found:
            continue
        found[event.argument] = Unfiltered(
            event.argument,
            places.span(event.argument),
            places.text(event.argument),
            display(event.by),
            event.by,
            event.held.field,
            None if event.transformation is None else event.transformation.node,
            event.held.certainty,
        )
    return list(found.values())

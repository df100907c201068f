"""Answers for the rules about Equinox."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Span
from jaxsight_analyzers.semantic.equinox_modules import FrozenSetSeen
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

"""Answers for the rules about Haiku."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Related, Span
from jaxsight_analyzers.semantic.haiku import HaikuAppliedSeen
from jaxsight_analyzers.semantic.streams import Places, is_meant


class HaikuApplied(NamedTuple):
    """A call of `init` or `apply` that fails."""

    node: ast.Call
    span: Span
    kind: str  # see `HaikuAppliedSeen`
    text: str  # of what is called: `net.apply`
    method: str
    function: str
    at: ast.expr | None
    used: str  # what draws, or keeps state, as it is written; empty where nothing does
    related: tuple[Related, ...]


def applied(seen: Iterable[HaikuAppliedSeen], places: Places) -> list[HaikuApplied]:
    """Each call once."""
    return [
        _applied(event, places)
        for event in {one.node: one for one in seen if not is_meant(one.guards)}.values()
        if places.module.owns(event.node)
    ]


def _applied(event: HaikuAppliedSeen, places: Places) -> HaikuApplied:
    used, related = "", ()
    if event.used is not None:
        used = ast.unparse(getattr(event.used, "func", event.used))
        related = (places.related_at(event.used, f"`{event.function}` calls `{used}` here"),)
    return HaikuApplied(
        event.node,
        places.span(event.node),
        event.kind,
        places.text(event.node.func),
        event.method,
        event.function,
        event.at,
        used,
        related,
    )

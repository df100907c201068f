"""Streams about how keys are made, merged over contexts."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Route, Span
from jaxsight_analyzers.semantic.events import ConstantKeySeen
from jaxsight_analyzers.semantic.streams import Places, is_meant, tracer_of


class ConstantKey(NamedTuple):
    """A key that is made from constants and used up in the function that makes it."""

    span: Span
    text: str
    by: str  # what uses it up first
    compiled: bool  # in compiled code
    function: str  # what traces it
    enclosing: str
    in_test: bool
    related: tuple[Route, ...]


def constant_keys(seen: Iterable[ConstantKeySeen], places: Places) -> list[ConstantKey]:
    """Each call that makes such a key, in compiled code rather than elsewhere, in the order of the text."""
    best: dict[ast.AST, ConstantKeySeen] = {}
    for event in seen:
        before = best.get(event.node)
        worse = before is None or (event.frame.compiled and not before.frame.compiled)
        if worse and not is_meant(event.guards):
            best[event.node] = event
    found = [
        ConstantKey(
            places.span(event.node),
            places.text(event.node),
            event.by,
            event.frame.compiled,
            tracer_of(event.frame),
            event.frame.name,
            event.frame.is_test,
            places.related(event.frame),
        )
        for event in best.values()
    ]
    return sorted(found, key=lambda key: key.span)

"""Streams about results and what becomes of them, merged over contexts."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Span
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.events import DroppedSeen
from jaxsight_analyzers.semantic.expressions import place_of
from jaxsight_analyzers.semantic.scopes import statements_below
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.states import root_of
from jaxsight_analyzers.semantic.streams import Places
from jaxsight_analyzers.semantic.trees import TRIES


class Dropped(NamedTuple):
    """A statement that does nothing, because what it returns is dropped."""

    node: ast.Call | ast.Attribute
    span: Span
    what: str  # the function as people write it; of a method `.set`
    target: ast.expr  # what stays as it is
    assignable: bool  # it can be assigned to here, with no effect outside of the function
    at_top: bool  # of the module, outside of functions
    certainty: Certainty


def dropped(seen: Iterable[DroppedSeen], places: Places) -> list[Dropped]:
    """Each statement once, as certain as in the context that knows least."""
    best: dict[ast.AST, DroppedSeen] = {}
    for event in seen:
        if _is_for_its_failure(event):
            continue
        before = best.get(event.node)
        if before is None or event.certainty < before.certainty:
            best[event.node] = event
    return [
        Dropped(
            event.node,
            places.span(event.node),
            display(event.what),
            event.target,
            _is_assignable(event.frame, event.target),
            event.frame.scope is None,
            event.certainty,
        )
        for event in best.values()
    ]


def _is_for_its_failure(event: DroppedSeen) -> bool:
    """Whether it is there to see if it fails: in a test, and where a failure is caught."""
    if "try" in event.guards or "raises" in event.guards:
        return True
    checks = not event.what.startswith(".")
    if checks and (event.frame.is_test or "test" in event.guards):
        return True
    body = getattr(event.frame.node, "body", None)
    if not isinstance(body, list):
        return False
    tries = [s for s in statements_below(body) if isinstance(s, TRIES) and s.handlers]  # type: ignore[arg-type]
    line: int = event.node.lineno
    return any(one.body[0].lineno <= line <= (one.body[-1].end_lineno or 0) for one in tries)


def _is_assignable(frame: Frame, target: ast.expr) -> bool:
    place = place_of(target)
    if place is None:
        return False
    root = root_of(place)
    own = frame.scope is None or root in frame.scope.local_names
    return own and (place == root or not frame.traced)

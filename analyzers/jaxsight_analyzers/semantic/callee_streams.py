"""The stream of what JAX refuses of the functions that it is given."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Route, Span
from jaxsight_analyzers.semantic.events import RefusedSeen
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.streams import Places

_SUSPENDED = ("generator", "async")
_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef)


class Refusal(NamedTuple):
    """Something given for a function that JAX refuses, or of whose result it does."""

    node: ast.AST  # the call, or the decorator
    argument: ast.AST
    span: Span  # of the argument
    text: str
    qualified: str  # what it is given to
    name: str  # the same as people write it
    parameter: str
    why: str  # "no function", "arity", "no pair", "swapped", "no axis", "numbers", "generator", "async"
    certainty: Certainty
    function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | None  # where this file has it
    related: tuple[Route, ...]  # how a generator or coroutine function comes to be traced


def refusals(seen: Iterable[RefusedSeen], places: Places) -> list[Refusal]:
    """Each argument once, in the context that is least sure of it."""
    best: dict[tuple[ast.AST, str], RefusedSeen] = {}
    for event in seen:
        if "try" in event.guards:
            continue
        place = (event.argument, event.parameter)
        before = best.get(place)
        if before is None or event.certainty < before.certainty:
            best[place] = event
    return [_refusal(event, places) for event in best.values()]


def _refusal(event: RefusedSeen, places: Places) -> Refusal:
    function = event.function
    known = isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    return Refusal(
        event.node,
        event.argument,
        places.span(event.argument),
        _text(event, places),
        event.qualified,
        display(event.qualified),
        event.parameter,
        event.why,
        event.certainty,
        function if known and places.module.owns(function) else None,  # type: ignore[arg-type]
        places.related(event.frame) if event.why in _SUSPENDED else (),
    )


def _text(event: RefusedSeen, places: Places) -> str:
    """What is given, as it is written; a generator or coroutine function by its name."""
    function = event.function
    if isinstance(function, _NAMED) and event.why in _SUSPENDED:
        return function.name
    return places.text(event.argument)

"""Streams about keys: what is used up again, and what is made of constants."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Route, Span
from jaxsight_analyzers.semantic.events import ConstantKeySeen, KeyReuseSeen
from jaxsight_analyzers.semantic.keys import KeyToken
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.streams import Places, is_meant, tracer_of


class KeyReuse(NamedTuple):
    """A key that is used up although it was used up before."""

    node: ast.AST
    span: Span
    key: str
    by: str
    earlier: Span
    earlier_by: str
    certainty: Certainty
    in_loop: bool
    repeated_by: str | None  # the function that runs the body many times, such as `jax.lax.scan`
    argument: ast.expr | None
    earlier_node: ast.AST


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


def key_reuses(seen: Iterable[KeyReuseSeen], places: Places) -> list[KeyReuse]:
    """Each place that uses a key again, once: what one iteration does before what the next one does."""
    best: dict[tuple[ast.AST, bool], KeyReuseSeen] = {}
    for event in seen:
        if not places.module.owns(event.earlier.node):
            continue  # in a function of another file that runs this one's closure
        place = (event.node, event.in_loop)
        before = best.get(place)
        if before is None or event.certainty > before.certainty:
            best[place] = event
    found: list[KeyReuse] = []
    for (node, in_loop), event in best.items():
        if not in_loop or (node, False) not in best:
            found.append(_key_reuse(event, places))
    return found


def _key_reuse(event: KeyReuseSeen, places: Places) -> KeyReuse:
    where = event.argument if event.argument is not None else event.node
    key = places.text(event.argument) if event.argument is not None else _key_name(event.token)
    return KeyReuse(
        event.node,
        places.span(where),
        key,
        event.by,
        places.span(event.earlier.node),
        event.earlier.by,
        event.certainty,
        event.in_loop,
        None if event.repeated_by is None else display(event.repeated_by),
        event.argument,
        event.earlier.node,
    )


def _key_name(token: KeyToken) -> str:
    return token.name or "the key"


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

"""Answers for rules about the types that bodies of loops and branches have to return, and trees that have to fit."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Related, Route, Span
from jaxsight_analyzers.semantic.events import TypesSeen
from jaxsight_analyzers.semantic.streams import Places, is_meant
from jaxsight_analyzers.semantic.tree_maps import NOTHING, TreesSeen


class BodyTypes(NamedTuple):
    """A loop or branch that fails because of what its bodies return."""

    node: ast.expr  # the call
    span: Span  # of what a loop starts with, else of the function's name
    name: str  # of the library's function
    argument: ast.expr | None  # what a loop starts with
    path: tuple[object, ...]  # to what differs in it
    kind: str  # "dtype", "shape" or "structure"
    one: str
    other: str
    functions: tuple[str, ...]  # the body of the loop, or the two branches that differ
    related: tuple[Related | Route, ...]


class UnlikeTrees(NamedTuple):
    """A call that fails because a tree is not built as the first one."""

    node: ast.Call
    span: Span  # of the tree that does not fit
    text: str  # its text
    name: str
    path: tuple[object, ...]  # to what differs
    one: str
    other: str
    related: tuple[Related | Route, ...]

    @property
    def is_none(self) -> bool:
        """Whether the first tree has None there, which is no leaf unless the call says so."""
        return self.one == NOTHING


def body_types(seen: Iterable[TypesSeen], places: Places) -> list[BodyTypes]:
    """Each call once, with the first difference."""
    found: dict[ast.AST, BodyTypes] = {}
    for event in seen:
        if event.node not in found and not is_meant(event.guards) and "missing" not in event.guards:
            found[event.node] = _body_types(event, places)
    return list(found.values())


def _body_types(event: TypesSeen, places: Places) -> BodyTypes:
    node, argument = event.node, event.argument
    where = argument or (node.func if isinstance(node, ast.Call) else node)
    related = [
        places.related_at(function, f"`{name}` is defined here")
        for function, name in zip(event.functions, event.names)
        if not isinstance(function, ast.Lambda)
    ]
    return BodyTypes(
        node,
        places.span(where),
        event.name,
        argument,
        event.mismatch.path,
        event.mismatch.kind,
        event.mismatch.one,
        event.mismatch.other,
        event.names,
        (*related, *places.related(event.frame)),
    )


def unlike_trees(seen: Iterable[TreesSeen], places: Places) -> list[UnlikeTrees]:
    """Each call once."""
    found: dict[ast.AST, UnlikeTrees] = {}
    for event in seen:
        if event.node in found or is_meant(event.guards) or "missing" in event.guards:
            continue
        found[event.node] = UnlikeTrees(
            event.node,
            places.span(event.tree),
            places.text(event.tree),
            event.name,
            event.mismatch.path,
            event.mismatch.one,
            event.mismatch.other,
            places.related(event.frame),
        )
    return list(found.values())

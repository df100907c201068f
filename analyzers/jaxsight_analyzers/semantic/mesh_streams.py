"""Answers for rules about meshes of devices."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.semantic.events import MeshEnteredSeen
from jaxsight_analyzers.semantic.streams import Places


class MeshEntered(NamedTuple):
    """`with mesh:`."""

    node: ast.expr
    span: Span  # of the mesh
    text: str
    bound: bool  # `with mesh as m:`


def meshes_entered(seen: Iterable[MeshEnteredSeen], places: Places) -> list[MeshEntered]:
    """Each place once, but for those under a check of a version."""
    found: dict[ast.AST, MeshEntered] = {}
    for event in seen:
        if "version" not in event.guards:
            node = event.node
            found[node] = MeshEntered(node, places.span(node), places.text(node), event.bound)
    return list(found.values())

"""Answers for rules about dtypes."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.semantic.events import (
    DtypeIdentitySeen,
    OutOfBoundsSeen,
    PromotionSeen,
    ScatterCastSeen,
    SpecComparedSeen,
    WrapSeen,
)
from jaxsight_analyzers.semantic.streams import Places, is_meant

_Seen = TypeVar("_Seen", ScatterCastSeen, WrapSeen, OutOfBoundsSeen, SpecComparedSeen)


class DtypeIdentity(NamedTuple):
    """`x.dtype is jnp.float32`, which is False whatever `x` is."""

    node: ast.Compare
    span: Span


class Promotion(NamedTuple):
    """An operation that leaves half precision because of a scalar of NumPy's."""

    node: ast.BinOp | ast.AugAssign
    array: ast.expr
    scalar: ast.expr
    dtype: str  # of the array


def promotions(seen: Iterable[PromotionSeen]) -> list[Promotion]:
    """Each operation once."""
    found: dict[ast.AST, Promotion] = {}
    for event in seen:
        found[event.node] = Promotion(event.node, event.array, event.scalar, event.dtype)
    return list(found.values())


def unexpected(seen: Iterable[_Seen]) -> list[_Seen]:
    """What was seen, each place once, but for what is expected to fail."""
    found: dict[ast.AST, _Seen] = {}
    for event in seen:
        if not is_meant(event.guards):
            found.setdefault(event.node, event)
    return list(found.values())


def dtype_identities(seen: Iterable[DtypeIdentitySeen], places: Places) -> list[DtypeIdentity]:
    """Each test once."""
    nodes = dict.fromkeys(event.node for event in seen)
    return [DtypeIdentity(node, places.span(node)) for node in nodes]

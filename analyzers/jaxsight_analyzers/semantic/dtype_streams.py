"""Answers for rules about dtypes."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.semantic.events import DtypeIdentitySeen
from jaxsight_analyzers.semantic.streams import Places


class DtypeIdentity(NamedTuple):
    """`x.dtype is jnp.float32`, which is False whatever `x` is."""

    node: ast.Compare
    span: Span


def dtype_identities(seen: Iterable[DtypeIdentitySeen], places: Places) -> list[DtypeIdentity]:
    """Each test once."""
    nodes = dict.fromkeys(event.node for event in seen)
    return [DtypeIdentity(node, places.span(node)) for node in nodes]

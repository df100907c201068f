"""A unit in which nothing was seen."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from jaxsight_analyzers.semantic import streams
from jaxsight_analyzers.semantic.model import SemanticModel
from jaxsight_analyzers.semantic.unit import Unit


class BlankUnit(Unit):
    """Notes what is asked of it: kinds of events, and calls by the names of functions and libraries."""

    def __init__(self, model: SemanticModel) -> None:
        super().__init__(model, 0, ())
        self.asked_kinds: set[str] = set()
        self.asked_names: set[str] = set()
        self.asked_libraries: set[str] = set()

    def _seen(self, kind: str) -> list[Any]:
        self.asked_kinds.add(kind)
        return []

    def calls_of(self, names: Collection[str]) -> Iterator[tuple[int, streams.Call]]:
        """None; the names are noted."""
        self.asked_names.update(names)
        return iter(())

    def calls_from(self, *libraries: str) -> Iterator[tuple[int, streams.Call]]:
        """None; the libraries are noted."""
        self.asked_libraries.update(libraries)
        return iter(())

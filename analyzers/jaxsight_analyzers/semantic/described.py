"""Objects of libraries that a module of the model describes: optimisers, checkpointers."""

from __future__ import annotations


class Described:
    """What a library's object is, as a module of the model describes it: told from others by its `signature`."""

    __slots__ = ()

    @property
    def signature(self) -> object:
        """What tells it from others for those who are given it."""
        raise NotImplementedError

    @property
    def words(self) -> str:
        """It in words, for the specifications of the model."""
        return type(self).__name__.lower()

    def joined(self, other: object) -> object:
        """What is left to say where paths meet, one with this and one with another of its type."""
        return self if other.signature == self.signature else None  # type: ignore[attr-defined]

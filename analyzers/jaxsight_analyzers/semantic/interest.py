"""Which functions there may be something to say of: those that a library's name can be reached from.

In a function that nobody is seen to call nothing is a tracer or a key but what a library makes. So one
that mentions no library, nor anything of the file that does, nor what only arrays of JAX have, has nothing to
tell on its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from jaxsight_analyzers.semantic import reveals
from jaxsight_analyzers.semantic.scopes import FunctionScope, Piece

_OF_ARRAYS = ("at", "block_until_ready")
"""What only JAX's arrays have: who names it speaks of one."""

_Mention = tuple[AbstractSet[str], Iterable[str], "Piece | FunctionScope"]


class Interest(NamedTuple):
    """What there may be something to say of, and the names through which it is reached."""

    functions: set[FunctionScope]
    names: frozenset[str]


def interesting(pieces: list[Piece]) -> Interest:
    """The functions and methods that mention a library, or something of the file that does, and so on."""
    names = {*reveals.NAMES, *_OF_ARRAYS}.union(*[piece.libraries for piece in pieces])
    found: set[Piece | FunctionScope] = set()
    waiting = list(_mentions(pieces))
    before = -1
    while len(found) != before:
        before = len(found)
        rest: list[_Mention] = []
        for mention in waiting:
            if names.isdisjoint(mention[0]):
                rest.append(mention)
            else:
                names.update(mention[1])
                found.add(mention[2])
        waiting = rest
    chosen = {
        scope
        for piece in pieces
        for scope in piece.scopes
        if isinstance(scope, FunctionScope) and not found.isdisjoint(_spoken_of_in(scope))
    }
    return Interest(chosen, frozenset(names))


def _mentions(pieces: list[Piece]) -> Iterable[_Mention]:
    names: set[str] = set()
    for piece in pieces:
        if piece.chunk.header is None:
            names = piece.names  # of a big class, for its members
        yield piece.mentions, names, piece
        for scope in piece.scopes:
            if isinstance(scope, FunctionScope) and scope.mentions:
                of_class = () if scope.owner is None else (scope.owner.name,)
                yield scope.mentions, (scope.name, *of_class), scope


def _spoken_of_in(scope: FunctionScope) -> tuple[Piece | FunctionScope, ...]:
    """What says what a function does and is: its body, and the chunks that it and its class lie in."""
    owner = scope.owner
    return (scope, scope.piece) if owner is None else (scope, scope.piece, owner.piece)

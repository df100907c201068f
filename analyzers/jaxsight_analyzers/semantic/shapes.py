"""The shape of a file: what an edit has to leave alone so that the same runs lead to the same ones.

Where only texts inside definitions change, the definitions, the roots and what is live stay what they
are, and nothing has to be found out anew.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionScope, Piece, Scope
from jaxsight_analyzers.semantic.tasks import Task


class PieceShape(NamedTuple):
    """What a chunk defines, and what it speaks of."""

    definitions: tuple[object, ...]
    libraries: frozenset[str]
    names: frozenset[str]
    mentions: tuple[frozenset[str], ...]  # of the chunk, then of each function


def shape_of(piece: Piece) -> PieceShape:
    """The shape of a chunk as it is now."""
    stable = [scope for scope in piece.scopes if is_stable(scope)]
    functions = [scope for scope in stable if isinstance(scope, FunctionScope)]
    return PieceShape(
        tuple([_definition(scope) for scope in stable]),
        frozenset(piece.libraries),
        frozenset(piece.names),
        (frozenset(piece.mentions), *[frozenset(f.mentions) for f in functions]),
    )


def is_stable(scope: Scope) -> bool:
    """Whether a definition keeps its cell from text to text."""
    return "<locals>" not in scope.qualname and scope.name != "<lambda>"


def _definition(scope: Scope) -> object:
    if isinstance(scope, ClassScope):
        assigned = tuple([(name, value is None) for name, value in scope.assigned.items()])
        return scope, tuple(scope.methods), assigned
    return scope


def speaks_of_the_same(before: PieceShape, now: PieceShape, names: frozenset[str]) -> bool:
    """Whether no function of a file becomes interesting, or ceases to be. `names` are those that are.

    What mentioned such names mentions all of them still, so that nothing loses what made it interesting;
    what mentioned none mentions none.
    """
    return (
        before.definitions == now.definitions
        and before.libraries == now.libraries
        and before.names == now.names
        and all(old & names <= new for old, new in zip(before.mentions, now.mentions))
        and all(
            bool(old & names) or new.isdisjoint(names)
            for old, new in zip(before.mentions, now.mentions)
        )
    )


def shape_of_task(task: Task, made: frozenset[object]) -> object:
    """What of a run decides on what is live: what it calls, in which ways, and covers, and what of `made`."""
    return (
        tuple(task.calls),
        frozenset(task.asked),
        frozenset([scope for scope in task.covers if is_stable(scope)]),
        made & task.called,
        made & task.covers,
    )

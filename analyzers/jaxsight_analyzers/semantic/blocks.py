"""The blocks of statements that an expression lies in, of the function or module whose code it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.streams import Places
from jaxsight_analyzers.semantic.trees import walk

Blocks = list[tuple[Sequence[ast.stmt], int]]
"""The outermost first, each with the number of the statement in it that leads on."""
LOOPS = (ast.For, ast.AsyncFor, ast.While)


def around(frame: Frame, node: ast.AST, places: Places) -> Blocks | None:
    """The blocks around an expression that a frame runs; those of a function begin with its definition."""
    scope = frame.scope
    if scope is None:
        chunk = places.module.chunks[places.module.number_of(node)]
        return _path(chunk.body, node)
    if isinstance(scope.node, ast.Lambda):
        return None
    inside = _path(scope.node.body, node)
    return None if inside is None else [([scope.node], 0), *inside]


def statement_of(blocks: Blocks) -> ast.stmt:
    """The statement that they lead to."""
    block, number = blocks[-1]
    return block[number]


def loops_in(blocks: Blocks) -> list[ast.stmt]:
    """The loops among them, the outermost first."""
    return [block[number] for block, number in blocks if isinstance(block[number], LOOPS)]


def _path(body: Sequence[ast.stmt], node: ast.AST) -> Blocks | None:
    for number, statement in enumerate(body):
        if not any(inner is node for inner in walk(statement)):
            continue
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            for block in _blocks_in(getattr(statement, name, None) or ()):
                below = _path(block, node)
                if below is not None:
                    return [(body, number), *below]
        return [(body, number)]
    return None


def _blocks_in(parts: Sequence[ast.AST]) -> Iterator[Sequence[ast.stmt]]:
    if parts and isinstance(parts[0], ast.stmt):
        yield parts  # type: ignore[misc]
    else:
        for part in parts:
            yield part.body  # type: ignore[attr-defined]

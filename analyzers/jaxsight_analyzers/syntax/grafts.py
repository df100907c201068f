"""What of a chunk that was parsed anew stays as it was: its nodes take the places of the new ones."""

from __future__ import annotations

import ast

from jaxsight_analyzers.syntax.chunk import Chunk
from jaxsight_analyzers.syntax.pieces import first_line

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def keep_methods(old: Chunk, new: Chunk) -> None:
    """Give a class the nodes of the methods that an edit left alone and where they were.

    The two count their lines from the same number, and nobody has seen the new nodes yet.
    """
    if new.heads is not None or old.heads is not None:
        return
    before = {
        (node.name, first_line(node), node.end_lineno): node
        for class_ in _classes(old)
        for node in class_.body
        if isinstance(node, _Function)
    }
    for class_ in _classes(new) if before else ():
        for place, node in enumerate(class_.body):
            if not isinstance(node, _Function):
                continue
            same = before.get((node.name, first_line(node), node.end_lineno))
            if same is None or same.__class__ is not node.__class__:
                continue
            if _lines(old, same) == _lines(new, node):
                class_.body[place] = same


def _classes(chunk: Chunk) -> list[ast.ClassDef]:
    return [node for node in chunk.body if isinstance(node, ast.ClassDef)]


def _lines(chunk: Chunk, node: _Function) -> str:
    """The text of the lines that a function stands on."""
    starts = chunk.line_starts
    last = (node.end_lineno or node.lineno) - chunk.base + 1
    end = starts[last] if last < len(starts) else len(chunk.analysed)
    return chunk.analysed[starts[first_line(node) - chunk.base] : end]

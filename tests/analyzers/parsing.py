"""What must hold between the chunks of a text and what the parser makes of the whole of it."""

from __future__ import annotations

import ast
import warnings
from typing import Any

from jaxsight_analyzers.syntax.chunks import Chunks, parse_chunks


def parsed(text: str) -> list[ast.stmt] | None:
    """The statements of a text; None if it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(f"\f{text[1:]}" if text.startswith("\ufeff") else text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def assert_as_parsed(chunks: Chunks) -> bool:
    """Whether a text is Python; if so, its chunks are what the parser makes of it."""
    text = chunks.source.text
    assert "".join([chunk.text for chunk in chunks.chunks]) == text
    starts = [0]
    for chunk in chunks.chunks[:-1]:
        starts.append(starts[-1] + len(chunk.text))
    assert chunks.starts == tuple(starts)
    wanted = parsed(text)
    if wanted is None:
        assert chunks.problems
        return False
    assert chunks.problems == ()
    moved: dict[int, int] = {}
    line = 1
    for chunk in chunks.chunks:
        assert not chunk.stale
        moved |= {id(node): line - chunk.base for node in chunk.body}
        line += chunk.lines
    assert all(id(node) in moved for node in chunks.body)
    body = chunks.body
    assert len(body) == len(wanted)
    for mine, theirs in zip(body, wanted):
        assert _same(mine, theirs, moved), f"{ast.dump(mine)} is not {ast.dump(theirs)}"
    again = parse_chunks(chunks.source).chunks
    assert [(c.text, c.level) for c in chunks.chunks] == [(c.text, c.level) for c in again]
    return True


def _same(mine: Any, theirs: Any, moved: dict[int, int], by: int = 0) -> bool:
    """Whether nodes are equal and at the same place; lines move as the statement that has them."""
    if mine.__class__ is not theirs.__class__:
        return False
    if mine.__class__ is list:
        pairs = zip(mine, theirs)
        return len(mine) == len(theirs) and all(_same(a, b, moved, by) for a, b in pairs)
    if not isinstance(mine, ast.AST):
        return mine == theirs or repr(mine) == repr(theirs)
    by = moved.get(id(mine), by)
    ours, fields = _fields(mine), _fields(theirs)
    if _is_docstring(mine) and _is_docstring(theirs):  # its words are of no interest
        ends = [(ours[name] + by, fields[name]) for name in _LINES]
        return (
            all(one == other for one, other in ends) and ours["col_offset"] == fields["col_offset"]
        )
    if ours.keys() != fields.keys():
        return False
    for name, field in fields.items():
        if name in _LINES:
            if ours[name] + by != field:
                return False
        elif not _same(ours[name], field, moved, by):
            return False
    return True


def _is_docstring(node: Any) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, (str, bytes))


def _fields(node: Any) -> dict[str, Any]:
    return node.__dict__


_LINES = ("lineno", "end_lineno")

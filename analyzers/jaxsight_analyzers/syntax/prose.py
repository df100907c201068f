"""Edits of what the analysis does not read: comments and docstrings. They leave the tree as it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from jaxsight_analyzers.syntax.chunk import Chunk
from jaxsight_analyzers.syntax.pieces import count_lines, first_line, line_starts, parse_text

_REST = re.compile(r"[ \t\f]*(?:#[^\r\n]*)?(?:[\r\n]|\Z)")
_NO_COMMENT = re.compile("[\n\r\0\ud800-\udfff]")  # ends it, or is no text for a parser
_BLOCKS = ("body", "orelse", "finalbody")


def rewritten(chunk: Chunk, start: int, end: int, new: str) -> Chunk | None:
    """A chunk with new text from one offset to another, and the tree it had; None if that may differ."""
    if not chunk.body or chunk.heads is not None or not chunk.is_whole:
        return None
    if not (_is_in_comment(chunk, start, end, new) or _is_in_docstring(chunk, start, end, new)):
        return None
    text = chunk.text[:start] + new + chunk.text[end:]
    return Chunk(text, chunk.body, chunk.base, header=chunk.header)


def _is_in_comment(chunk: Chunk, start: int, end: int, new: str) -> bool:
    """Whether an edit lies in a comment and leaves it one: behind a `#` that is in no string."""
    text = chunk.text
    if _NO_COMMENT.search(new) or _NO_COMMENT.search(text[start:end]):
        return False
    line = chunk.line_of(start)
    begin = chunk.line_starts[line]
    if "#" not in text[begin:start]:
        return False
    for node in _on_line(chunk, line):
        if isinstance(node, ast.JoinedStr) or _is_string(node):
            if getattr(node, "end_lineno", None) != line + chunk.base:
                return False
            begin = max(begin, chunk.span(node).end)
    return "#" in text[begin:start]


def _is_in_docstring(chunk: Chunk, start: int, end: int, new: str) -> bool:
    """Whether an edit lies in a string that is a statement, and leaves all that follows where it is."""
    text, line = chunk.text, chunk.line_of(start)
    for block in _blocks_on_line(chunk, line):
        for node in block:
            if not isinstance(node, ast.Expr) or not _is_string(node.value):
                continue
            span = chunk.span(node)
            if not span.start < start <= end < span.end or not _REST.match(text, span.end):
                continue
            old, now = text[span.start : span.end], text[span.start : start] + new
            now += text[end : span.end]
            stays = node is not block[-1] or _last_line(old) == _last_line(now)
            return stays and count_lines(old) == count_lines(now) and _is_docstring(now)
    return False


def _last_line(text: str) -> int:
    return len(text) - line_starts(text)[-1]


def _is_docstring(text: str) -> bool:
    """Whether a text is one string and nothing else."""
    try:
        body = parse_text(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    if len(body) != 1 or not isinstance(body[0], ast.Expr) or not _is_string(body[0].value):
        return False
    last = text[line_starts(text)[-1] :]
    return body[0].end_col_offset == len(last.encode()) and body[0].col_offset == 0


def _is_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))


def _on_line(chunk: Chunk, line: int) -> Iterator[ast.AST]:
    """The nodes that lie on a line, or around it; of a formatted string only the whole."""
    wanted = line + chunk.base
    waiting: list[ast.AST] = list(chunk.body)
    while waiting:
        node = waiting.pop()
        last = getattr(node, "end_lineno", None)
        if last is not None:
            first = first_line(node) if isinstance(node, ast.stmt) else node.lineno  # type: ignore[attr-defined]
            if not first <= wanted <= last:
                continue
        yield node
        if not isinstance(node, ast.JoinedStr):
            waiting.extend(ast.iter_child_nodes(node))


def _blocks_on_line(chunk: Chunk, line: int) -> Iterator[list[ast.stmt]]:
    """The lists of statements of which one lies on a line, or around it."""
    yield chunk.body
    for node in _on_line(chunk, line):
        for name in _BLOCKS:
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield block

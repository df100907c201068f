"""Big classes: their node is made of the nodes of their members."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, cast

from jaxsight_analyzers.syntax.chunk import Chunk
from jaxsight_analyzers.syntax.pieces import BIG_CLASS, State, first_line


def assembled(header: Chunk, members: Sequence[Chunk]) -> Chunk:
    """The chunk of a class whose node holds the statements of all members, and ends with them."""
    if not header.body or not members:
        return header
    node = cast(ast.ClassDef, header.body[0])
    body = [child for member in members for child in member.body]
    if not body:
        return header
    last = members[-1]
    end = header.base + header.lines + sum(member.lines for member in members[:-1])
    end += (body[-1].end_lineno or 0) - last.base
    same = len(node.body) == len(body) and all(a is b for a, b in zip(node.body, body))
    if same and node.end_lineno == end and node.end_col_offset == body[-1].end_col_offset:
        return header
    fields: dict[str, Any] = {**vars(node), "body": body, "end_lineno": end}
    fields["end_col_offset"] = body[-1].end_col_offset
    return Chunk(
        header.text,
        [ast.ClassDef(**fields)],
        header.base,
        analysed=None if header.analysed is header.text else header.analysed,
        heads=header.heads,
        state=header.state,
        problem=header.problem,
        stale=header.stale,
    )


def is_small(chunks: Sequence[Chunk]) -> bool:
    """Whether a class that is cut into members is too short for it."""
    if len(chunks) > BIG_CLASS or any(chunk.state is not State.GOOD for chunk in chunks):
        return False
    if len(chunks) == 1:
        return True
    node = chunks[0].body[0]
    return (node.end_lineno or 0) - first_line(node) < BIG_CLASS

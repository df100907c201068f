"""The only place with both our types and LSP types: positions, changes, edits."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from enum import Enum

from lsprotocol import types as lsp

from jaxsight_analyzers.diagnostic import Edit, Span
from jaxsight_analyzers.source import SourceFile
from jaxsight_server.client import Client
from jaxsight_server.session import Document, Snapshot

SOURCE = "jaxsight"


class Encoding(Enum):
    """How the client counts the columns of a line."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"

    def width(self, char: str) -> int:
        """How many columns a character takes."""
        code = ord(char)
        if self is Encoding.UTF32:
            return 1
        if self is Encoding.UTF16:
            return 2 if code > 0xFFFF else 1
        return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4


# -- positions


def line_and_column(source: SourceFile, offset: int, encoding: Encoding) -> tuple[int, int]:
    """A code-point offset as the client counts. Inside `\\r\\n` is before it."""
    if source.is_plain:
        starts = source.line_starts
        line = bisect_right(starts, offset) - 1
        return line, min(offset, len(source.text)) - starts[line]
    line = source.line_of(offset)
    span = source.line_span(line)
    before = source.text[span.start : min(offset, span.end)]
    if encoding is Encoding.UTF32 or before.isascii():
        return line, len(before)
    return line, sum(encoding.width(char) for char in before)


def position(source: SourceFile, offset: int, encoding: Encoding) -> lsp.Position:
    """A code-point offset as the client writes it."""
    return lsp.Position(*line_and_column(source, offset, encoding))


def offset(source: SourceFile, position: lsp.Position, encoding: Encoding) -> int:
    """The code-point offset of a client's position.

    What lies beyond a line is its end, what lies beyond the text is the text's end, and what lies
    inside a character is before it.
    """
    if position.line >= len(source.line_starts):
        return len(source.text)
    text = source.line_text(position.line)
    start = source.line_starts[position.line]
    if encoding is Encoding.UTF32 or text.isascii():
        return start + min(position.character, len(text))
    units = 0
    for column, char in enumerate(text):
        units += encoding.width(char)
        if units > position.character:
            return start + column
    return start + len(text)


def to_range(source: SourceFile, span: Span, encoding: Encoding) -> lsp.Range:
    """A span as the client writes it."""
    return lsp.Range(position(source, span.start, encoding), position(source, span.end, encoding))


def to_span(source: SourceFile, range_: lsp.Range, encoding: Encoding) -> Span:
    """A client's range as a span; one that ends before it starts is empty."""
    start = offset(source, range_.start, encoding)
    return Span(start, max(start, offset(source, range_.end, encoding)))


# -- changes


def changed(
    source: SourceFile,
    changes: Sequence[lsp.TextDocumentContentChangeEvent],
    encoding: Encoding,
) -> SourceFile:
    """The text after a client's changes, each meant for the text that the one before it left.

    Editors send many changes from the bottom up (a thousand cursors, replace all): those are
    resolved against one line index and applied at once.
    """
    pending: list[tuple[Span, str]] = []  # disjoint, from the bottom up
    for change in changes:
        if not isinstance(change, lsp.TextDocumentContentChangePartial):
            source, pending = SourceFile(source.path, _whole(change.text)), []
            continue
        span = to_span(source, change.range, encoding)
        if pending and span.end >= pending[-1][0].start:
            source, pending = _spliced(source, pending), []
            span = to_span(source, change.range, encoding)
        pending.append((span, change.text))
    return _spliced(source, pending) if pending else source


def _spliced(source: SourceFile, edits: Sequence[tuple[Span, str]]) -> SourceFile:
    if len(edits) == 1 and source.is_plain and edits[0][1].isascii():
        return source.edited(*edits[0])
    pieces: list[str] = []
    touched: list[str] = []
    end = len(source.text)
    for span, text in edits:
        pieces += (source.text[span.end : end], text)
        touched += (text, source.text[span.end : span.end + 1])
        end = span.start
    pieces.append(source.text[:end])
    text = "".join(reversed(pieces))
    # halves of characters meet at most where something was edited
    return SourceFile(source.path, _whole(text) if any(map(_HALF.search, touched)) else text)


_HALF = re.compile("[\ud800-\udfff]")


def _whole(text: str) -> str:
    """The text with surrogates joined: a client that counts UTF-16 may send half a character."""
    if text.isascii() or not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


# -- places in a snapshot


def document_of(snapshot: Snapshot, span: Span) -> tuple[Document, Span]:
    """The document that shows a span of the module, and where; one that leaves its cell is cut off."""
    if snapshot.joined is None:
        return snapshot.documents[0], span
    cell, inside = snapshot.joined.span_to_cell(span)
    return snapshot.documents[cell], inside


def location(snapshot: Snapshot, span: Span, encoding: Encoding) -> lsp.Location:
    """Where a span of the module is shown."""
    document, inside = document_of(snapshot, span)
    return lsp.Location(document.uri, to_range(document.source, inside, encoding))


def module_offset(
    snapshot: Snapshot, uri: str, where: lsp.Position, encoding: Encoding
) -> int | None:
    """The offset in the module of a position in one of its documents."""
    found = snapshot.document(uri)
    if found is None:
        return None
    index, document = found
    inside = offset(document.source, where, encoding)
    return inside if snapshot.joined is None else snapshot.joined.from_cell(index, inside)


def module_span(snapshot: Snapshot, uri: str, range_: lsp.Range, encoding: Encoding) -> Span | None:
    """The span in the module of a range in one of its documents."""
    start = module_offset(snapshot, uri, range_.start, encoding)
    end = module_offset(snapshot, uri, range_.end, encoding)
    return None if start is None or end is None else Span(start, max(start, end))


# -- edits


def text_edits(
    snapshot: Snapshot, edits: Iterable[Edit], encoding: Encoding
) -> dict[str, list[lsp.TextEdit]] | None:
    """Edits by document; None if one of them crosses documents or changes a magic."""
    by_uri: dict[str, list[lsp.TextEdit]] = {}
    for edit in edits:
        cell = 0
        if edit.path is not None:
            return None
        if snapshot.joined is not None:
            moved = snapshot.joined.edit_to_cell(edit)
            if moved is None:
                return None
            cell, edit = moved
        document = snapshot.documents[cell]
        text_edit = lsp.TextEdit(to_range(document.source, edit.span, encoding), edit.text)
        by_uri.setdefault(document.uri, []).append(text_edit)
    return by_uri


def workspace_edit(
    snapshot: Snapshot, edits: Iterable[Edit], encoding: Encoding, client: Client
) -> lsp.WorkspaceEdit | None:
    """Edits of a module as one change, bound to the versions it was made for where possible."""
    by_uri = text_edits(snapshot, edits, encoding)
    if not by_uri:
        return None
    if not client.versioned_edits:
        return lsp.WorkspaceEdit(changes=by_uri)
    versions = {document.uri: document.version for document in snapshot.documents}
    return lsp.WorkspaceEdit(
        document_changes=[
            lsp.TextDocumentEdit(
                lsp.OptionalVersionedTextDocumentIdentifier(uri, versions[uri]), list(changes)
            )
            for uri, changes in by_uri.items()
        ]
    )

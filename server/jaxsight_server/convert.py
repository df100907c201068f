"""The only place with both our types and LSP types: positions, diagnostics, edits."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from enum import Enum
from pathlib import PurePath
from types import MappingProxyType

from lsprotocol import types as lsp

from jaxsight_analyzers.diagnostic import Diagnostic, Edit, Severity, Span, Tag
from jaxsight_analyzers.source import SourceFile
from jaxsight_server.client import Client
from jaxsight_server.session import Snapshot
from jaxsight_server.uris import path_of, uri_of

SOURCE = "jaxsight"

_SEVERITIES = {
    Severity.ERROR: lsp.DiagnosticSeverity.Error,
    Severity.WARNING: lsp.DiagnosticSeverity.Warning,
    Severity.HINT: lsp.DiagnosticSeverity.Hint,
}
_TAGS = {
    Tag.DEPRECATED: lsp.DiagnosticTag.Deprecated,
    Tag.UNNECESSARY: lsp.DiagnosticTag.Unnecessary,
}


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


def position(source: SourceFile, offset: int, encoding: Encoding) -> lsp.Position:
    """A code-point offset as the client writes it. Inside `\\r\\n` is before it."""
    line = source.line_of(offset)
    if source.is_plain:
        return lsp.Position(line, min(offset, len(source.text)) - source.line_starts[line])
    span = source.line_span(line)
    before = source.text[span.start : min(offset, span.end)]
    if encoding is Encoding.UTF32 or before.isascii():
        return lsp.Position(line, len(before))
    return lsp.Position(line, sum(encoding.width(char) for char in before))


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
    pieces: list[str] = []
    touched: list[str] = []
    end = len(source.text)
    for span, text in edits:
        pieces += (source.text[span.end : end], text)
        touched += (source.text[max(span.start - 1, 0) : span.start], text)
        touched.append(source.text[span.end : span.end + 1])
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


def location(snapshot: Snapshot, span: Span, encoding: Encoding) -> lsp.Location:
    """Where a span of the module is shown; one that leaves its cell is cut off there."""
    if snapshot.joined is None:
        document = snapshot.documents[0]
        return lsp.Location(document.uri, to_range(document.source, span, encoding))
    cell, inside = snapshot.joined.span_to_cell(span)
    document = snapshot.documents[cell]
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


# -- diagnostics


def diagnostics(
    snapshot: Snapshot,
    found: Iterable[Diagnostic],
    encoding: Encoding,
    client: Client,
    others: Mapping[str, SourceFile] = MappingProxyType({}),
) -> dict[str, list[lsp.Diagnostic]]:
    """What was found, by document. Every document of the snapshot has an entry.

    `others` are the other files that related places may lie in, by path.
    """
    by_uri: dict[str, list[lsp.Diagnostic]] = {d.uri: [] for d in snapshot.documents}
    places = _Places(snapshot, encoding, others)
    for diagnostic in found:
        place = places.of(diagnostic.span)
        related = _related(diagnostic, places)
        by_uri[place.uri].append(_drawn(diagnostic, place.range, related, by_uri, client))
    return by_uri


class _Places:
    """Where spans are shown, each worked out once: many findings share what explains them."""

    def __init__(
        self, snapshot: Snapshot, encoding: Encoding, others: Mapping[str, SourceFile]
    ) -> None:
        self._snapshot = snapshot
        self._encoding = encoding
        self._others = others
        self._known: dict[tuple[Span, str | None], lsp.Location] = {}

    def of(self, span: Span, path: str | None = None) -> lsp.Location:
        """The place of a span of the module, or of another file."""
        known = self._known.get((span, path))
        if known is None:
            known = self._known[span, path] = self._made(span, path)
        return known

    def is_known(self, path: str | None) -> bool:
        """Whether there is a text that a place in that file lies in."""
        return path is None or path in self._others

    def _made(self, span: Span, path: str | None) -> lsp.Location:
        if path is None:
            return location(self._snapshot, span, self._encoding)
        document = self._snapshot.texts.documents.get(path)
        uri = uri_of(path) if document is None else document.uri
        return lsp.Location(uri, to_range(self._others[path], span, self._encoding))


def _drawn(
    diagnostic: Diagnostic,
    range_: lsp.Range,
    related: list[lsp.DiagnosticRelatedInformation],
    here: Container[str],
    client: Client,
) -> lsp.Diagnostic:
    message = diagnostic.message
    if related and not client.related:
        message = "\n".join((message, *(_in_words(one, here) for one in related)))
    tag, url = diagnostic.finding.tag, diagnostic.url
    return lsp.Diagnostic(
        range=range_,
        message=message,
        severity=_SEVERITIES[diagnostic.severity],
        code=diagnostic.rule,
        code_description=lsp.CodeDescription(url) if url and client.links_rules else None,
        source=SOURCE,
        tags=[_TAGS[tag]] if tag and client.tags else None,
        related_information=related if related and client.related else None,
        data={"rule": diagnostic.rule} if client.keeps_data else None,
    )


def _in_words(related: lsp.DiagnosticRelatedInformation, here: Container[str]) -> str:
    uri, line = related.location.uri, related.location.range.start.line + 1
    file = "" if uri in here else f"{PurePath(path_of(uri)).name}, "
    return f"{file}line {line}: {related.message}"


def _related(diagnostic: Diagnostic, places: _Places) -> list[lsp.DiagnosticRelatedInformation]:
    return [
        lsp.DiagnosticRelatedInformation(places.of(one.span, one.path), one.message)
        for one in diagnostic.related
        if places.is_known(one.path)
    ]


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

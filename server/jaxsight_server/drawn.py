"""Diagnostics as the client gets them, written as JSON: all of a file's go out at each keystroke."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from json.encoder import encode_basestring_ascii
from pathlib import PurePath
from types import MappingProxyType
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Diagnostic, Severity, Span, Tag
from jaxsight_analyzers.source import SourceFile
from jaxsight_server import convert
from jaxsight_server.client import Client
from jaxsight_server.convert import SOURCE, Encoding
from jaxsight_server.session import Snapshot
from jaxsight_server.transport import Json
from jaxsight_server.uris import path_of, uri_of

# as the protocol numbers them: see `lsprotocol.types.DiagnosticSeverity` and `DiagnosticTag`
_SEVERITIES = {Severity.ERROR: 1, Severity.WARNING: 2, Severity.HINT: 4}
_TAGS = {Tag.UNNECESSARY: 1, Tag.DEPRECATED: 2}


def diagnostics(
    snapshot: Snapshot,
    found: Iterable[Diagnostic],
    encoding: Encoding,
    client: Client,
    others: Mapping[str, SourceFile] = MappingProxyType({}),
) -> dict[str, Json]:
    """What was found, by document: a list for each document of the snapshot.

    `others` are the other files that related places may lie in, by path.
    """
    by_uri: dict[str, list[str]] = {d.uri: [] for d in snapshot.documents}
    places = _Places(snapshot, encoding, others)
    for diagnostic in found:
        span = diagnostic.span
        place = places.of(span)
        by_uri[place.uri].append(_drawn(diagnostic, place, places, by_uri, client))
    return {uri: Json(f"[{','.join(items)}]") for uri, items in by_uri.items()}


class _Place(NamedTuple):
    """Where a span is shown."""

    uri: str
    line: int
    range: str  # as JSON


class _Places:
    """Where spans are shown, each worked out once: many findings share what explains them."""

    def __init__(
        self, snapshot: Snapshot, encoding: Encoding, others: Mapping[str, SourceFile]
    ) -> None:
        self._snapshot = snapshot
        self._plain = snapshot.documents[0] if snapshot.joined is None else None
        self._encoding = encoding
        self._others = others
        self._known: dict[tuple[int, int, str | None], _Place] = {}

    def of(self, span: Span, path: str | None = None) -> _Place:
        """The place of a span of the module, or of another file."""
        key = span.start, span.end, path
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._made(span, path)
        return known

    def is_known(self, path: str | None) -> bool:
        """Whether there is a text that a place in that file lies in."""
        return path is None or path in self._others

    def _made(self, span: Span, path: str | None) -> _Place:
        if path is None:
            if self._plain is not None:
                return self._in_text(self._plain.uri, self._plain.source, span)
            document, inside = convert.document_of(self._snapshot, span)
            return self._in_text(document.uri, document.source, inside)
        document = self._snapshot.texts.documents.get(path)
        uri = uri_of(path) if document is None else document.uri
        return self._in_text(uri, self._others[path], span)

    def _in_text(self, uri: str, source: SourceFile, span: Span) -> _Place:
        line, column = convert.line_and_column(source, span.start, self._encoding)
        length = span.end - span.start
        if source.is_plain and span.end < _end_of_line(source, line):  # most are in one line
            last, end = line, column + length
        else:
            last, end = convert.line_and_column(source, span.end, self._encoding)
        start = f'{{"line":{line},"character":{column}}}'
        return _Place(uri, line, f'{{"start":{start},"end":{{"line":{last},"character":{end}}}}}')


def _end_of_line(source: SourceFile, line: int) -> int:
    starts = source.line_starts
    return starts[line + 1] if line + 1 < len(starts) else len(source.text)


def _drawn(
    diagnostic: Diagnostic, place: _Place, places: _Places, here: Container[str], client: Client
) -> str:
    message, tag, url = diagnostic.message, diagnostic.finding.tag, diagnostic.url
    known = [one for one in diagnostic.related if places.is_known(one.path)]
    related = [(one.message, places.of(one.span, one.path)) for one in known]
    if related and not client.related:
        message = "\n".join([message, *[_in_words(*one, here) for one in related]])
    rule = _quoted(diagnostic.rule)
    parts = [
        f'"range":{place.range},"message":{_quoted(message)},"code":{rule}',
        f'"severity":{_SEVERITIES[diagnostic.severity]},"source":"{SOURCE}"',
    ]
    if url and client.links_rules:
        parts.append(f'"codeDescription":{{"href":{_quoted(url)}}}')
    if tag and client.tags:
        parts.append(f'"tags":[{_TAGS[tag]}]')
    if related and client.related:
        parts.append(f'"relatedInformation":[{",".join([_information(*one) for one in related])}]')
    if client.keeps_data:
        parts.append(f'"data":{{"rule":{rule}}}')
    return f"{{{','.join(parts)}}}"


_quoted = encode_basestring_ascii  # what `json.dumps` makes of a string, without asking what it is


def _information(message: str, place: _Place) -> str:
    location = f'{{"uri":{_quoted(place.uri)},"range":{place.range}}}'
    return f'{{"location":{location},"message":{_quoted(message)}}}'


def _in_words(message: str, place: _Place, here: Container[str]) -> str:
    file = "" if place.uri in here else f"{PurePath(path_of(place.uri)).name}, "
    return f"{file}line {place.line + 1}: {message}"

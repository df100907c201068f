"""Diagnostics as JSON: what the protocol's own types read is what was written."""

from __future__ import annotations

import json
from pathlib import Path

from lsprotocol import converters
from lsprotocol import types as lsp

from jaxsight_analyzers.diagnostic import Diagnostic, Finding, Related, Severity, Span, Tag
from jaxsight_analyzers.source import SourceFile
from jaxsight_server import drawn
from jaxsight_server.client import Client
from jaxsight_server.convert import Encoding
from jaxsight_server.session import Document, Folder, Snapshot
from jaxsight_server.settings import Settings

URI = "file:///project/m%20o.py"
TEXT = 'a = "😀"; b = 1\nc = 2\n'
OTHER = "/project/été.py"
FOLDER = Folder("file:///project", Path("/project"), Settings())
SNAPSHOT = Snapshot(
    URI, (Document(URI, 1, SourceFile("/project/m o.py", TEXT)),), "", FOLDER, Settings(), 0
)
OTHERS = {OTHER: SourceFile(OTHER, "\n\nx\n")}
MESSAGE = 'says "no"\\ to\n`é`, \u2028 and 😀'
START = TEXT.index("b =")
FOUND = Diagnostic(
    "a-rule",
    "family",
    Severity.WARNING,
    Finding(
        Span(START, TEXT.index("2")),
        MESSAGE,
        related=(
            Related(Span(0, 1), "`a` is here"),
            Related(Span(2, 3), "and there", OTHER),
            Related(Span(2, 3), "in a file that is gone", "/project/gone.py"),
        ),
        tag=Tag.UNNECESSARY,
    ),
    url="https://example.org/a-rule",
)
RANGE = lsp.Range(lsp.Position(0, 10), lsp.Position(1, 4))


def read(client: Client, found: Diagnostic = FOUND) -> lsp.Diagnostic:
    """A diagnostic as a client reads it, who finds nothing in it that it does not know."""
    written = drawn.diagnostics(SNAPSHOT, [found], Encoding.UTF16, client, OTHERS)
    assert list(written) == [URI]
    (item,) = json.loads(written[URI])
    converter = converters.get_converter()
    known = converter.structure(item, lsp.Diagnostic)
    assert converter.unstructure(known) == item
    return known


def test_a_client_that_can_draw_all_of_it() -> None:
    able = Client(related=True, tags=True, links_rules=True, keeps_data=True)
    there = lsp.Location("file:///project/%C3%A9t%C3%A9.py", lsp.Range(_at(2, 0), _at(2, 1)))
    here = lsp.Location(URI, lsp.Range(_at(0, 0), _at(0, 1)))
    assert read(able) == lsp.Diagnostic(
        RANGE,
        MESSAGE,
        lsp.DiagnosticSeverity.Warning,
        code="a-rule",
        code_description=lsp.CodeDescription("https://example.org/a-rule"),
        source="jaxsight",
        tags=(lsp.DiagnosticTag.Unnecessary,),
        related_information=(
            lsp.DiagnosticRelatedInformation(here, "`a` is here"),
            lsp.DiagnosticRelatedInformation(there, "and there"),
        ),
        data={"rule": "a-rule"},
    )


def test_a_client_that_can_draw_little_is_told_in_words() -> None:
    words = f"{MESSAGE}\nline 1: `a` is here\nété.py, line 3: and there"
    severity = lsp.DiagnosticSeverity.Warning
    assert read(Client()) == lsp.Diagnostic(
        RANGE, words, severity, code="a-rule", source="jaxsight"
    )


def test_each_severity_and_tag_has_its_number() -> None:
    severities = {
        Severity.ERROR: lsp.DiagnosticSeverity.Error,
        Severity.WARNING: lsp.DiagnosticSeverity.Warning,
        Severity.HINT: lsp.DiagnosticSeverity.Hint,
    }
    tags = {
        Tag.DEPRECATED: lsp.DiagnosticTag.Deprecated,
        Tag.UNNECESSARY: lsp.DiagnosticTag.Unnecessary,
    }
    for severity in Severity:
        for tag in Tag:
            finding = Finding(Span(0, 1), "", tag=tag)
            item = read(Client(tags=True), Diagnostic("a-rule", "family", severity, finding))
            assert (item.severity, item.tags) == (severities[severity], (tags[tag],))


def _at(line: int, column: int) -> lsp.Position:
    return lsp.Position(line, column)

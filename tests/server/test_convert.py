"""Positions and changes, against a reference that is too simple to be wrong."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lsprotocol import types as lsp

from jaxsight_analyzers.source import SourceFile
from jaxsight_server import convert
from jaxsight_server.convert import Encoding

# characters that take different widths, and those that `str.splitlines` takes for line ends
CHARS = [
    "a",
    "\t",
    "é",
    "\u0301",
    "→",
    "😀",
    "\n",
    "\r\n",
    "\r",
    "\x0c",
    "\x0b",
    "\x1c",
    "\u2028",
    "\x85",
]
TEXTS = st.lists(st.sampled_from(CHARS), max_size=30).map("".join)
ENCODINGS = st.sampled_from(Encoding)


def reference_lines(text: str) -> list[str]:
    """The lines with their ends, as the protocol defines them."""
    parts = re.split(r"(\r\n|\n|\r)", text)
    return [line + end for line, end in zip(parts[::2], [*parts[1::2], ""], strict=True)]


def reference_units(text: str, encoding: Encoding) -> int:
    """How many columns a text takes."""
    codec = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding.value]
    size = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding.value]
    return len(text.encode(codec)) // size


def reference_offset(text: str, position: lsp.Position, encoding: Encoding) -> int:
    """The offset of a position, one character at a time."""
    lines = reference_lines(text)
    if position.line >= len(lines):
        return len(text)
    line = lines[position.line].rstrip("\r\n")
    column = max(
        n for n in range(len(line) + 1) if reference_units(line[:n], encoding) <= position.character
    )
    return sum(map(len, lines[: position.line])) + column


def reference_changed(
    text: str, change: lsp.TextDocumentContentChangePartial, encoding: Encoding
) -> str:
    start = reference_offset(text, change.range.start, encoding)
    end = max(start, reference_offset(text, change.range.end, encoding))
    return text[:start] + change.text + text[end:]


POSITIONS = st.builds(lsp.Position, st.integers(0, 8), st.integers(0, 12))
PARTIAL = st.builds(
    lsp.TextDocumentContentChangePartial,
    range=st.builds(lsp.Range, POSITIONS, POSITIONS),
    text=TEXTS,
)


@given(TEXTS, POSITIONS, ENCODINGS)
def test_offset_of_a_position_is_the_references(
    text: str, position: lsp.Position, encoding: Encoding
) -> None:
    assert convert.offset(SourceFile("", text), position, encoding) == reference_offset(
        text, position, encoding
    )


@given(TEXTS, ENCODINGS)
def test_position_of_every_offset_leads_back_to_it(text: str, encoding: Encoding) -> None:
    source = SourceFile("", text)
    for offset in range(len(text) + 1):
        inside_line_end = text[offset - 1 : offset + 1] == "\r\n" and offset > 0
        back = convert.offset(source, convert.position(source, offset, encoding), encoding)
        assert back == (offset - 1 if inside_line_end else offset)


@given(TEXTS, st.lists(PARTIAL, max_size=5), ENCODINGS)
@example(
    "a\nb\nc",
    [
        lsp.TextDocumentContentChangePartial(
            lsp.Range(lsp.Position(2, 0), lsp.Position(2, 1)), "x"
        ),
        lsp.TextDocumentContentChangePartial(
            lsp.Range(lsp.Position(0, 0), lsp.Position(0, 1)), "y\n"
        ),
        lsp.TextDocumentContentChangePartial(
            lsp.Range(lsp.Position(1, 0), lsp.Position(1, 1)), "z"
        ),
    ],
    Encoding.UTF16,
)
def test_changes_give_the_text_that_the_reference_gives(
    text: str, changes: list[lsp.TextDocumentContentChangePartial], encoding: Encoding
) -> None:
    expected = text
    for change in changes:
        expected = reference_changed(expected, change, encoding)
    assert convert.changed(SourceFile("", text), changes, encoding).text == expected


@given(TEXTS, st.lists(st.integers(0, 29), max_size=6), ENCODINGS)
def test_changes_from_the_bottom_up_are_applied_at_once_and_alike(
    text: str, columns: list[int], encoding: Encoding
) -> None:
    source = SourceFile("", text)
    places = sorted({min(column, len(text)) for column in columns}, reverse=True)
    changes = [
        lsp.TextDocumentContentChangePartial(lsp.Range(at, at), "+")
        for at in (convert.position(source, place, encoding) for place in places)
    ]
    expected = text
    for change in changes:
        expected = reference_changed(expected, change, encoding)
    assert convert.changed(source, changes, encoding).text == expected


def test_whole_document_replaces_what_came_before() -> None:
    insert = lsp.TextDocumentContentChangePartial(
        lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0)), "x"
    )
    changes = [insert, lsp.TextDocumentContentChangeWholeDocument("new\n"), insert]
    assert convert.changed(SourceFile("", "old"), changes, Encoding.UTF16).text == "xnew\n"


def test_two_halves_of_a_character_make_one() -> None:
    start, end = lsp.Position(0, 0), lsp.Position(0, 1)
    source = SourceFile("", "")
    for at, half in ((start, "\ud83d"), (end, "\ude00")):
        change = lsp.TextDocumentContentChangePartial(lsp.Range(at, at), half)
        source = convert.changed(source, [change], Encoding.UTF16)
    assert source.text == "😀"


def test_two_halves_meet_where_what_was_between_them_goes() -> None:
    source = SourceFile("", "é\ud83dx\ude00")
    change = lsp.TextDocumentContentChangePartial(
        lsp.Range(lsp.Position(0, 2), lsp.Position(0, 3)), ""
    )
    assert convert.changed(source, [change], Encoding.UTF16).text == "é😀"


@pytest.mark.parametrize(
    ("encoding", "column"), [(Encoding.UTF8, 6), (Encoding.UTF16, 3), (Encoding.UTF32, 2)]
)
def test_column_after_an_emoji_depends_on_the_encoding(encoding: Encoding, column: int) -> None:
    source = SourceFile("", "é😀x")
    assert convert.position(source, 2, encoding) == lsp.Position(0, column)
    assert convert.offset(source, lsp.Position(0, column), encoding) == 2

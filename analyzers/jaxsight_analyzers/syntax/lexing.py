"""Strings, comments and logical lines of a text that need not be Python (yet).

The standard tokenizer gives up at the first broken line and at a notebook's magics. This scanner
never does: it knows strings, comments, brackets and backslashes, which is all that suppressions
and notebooks need. An unclosed quote ends with its line, an unclosed triple quote with the text,
an unclosed bracket at the next line that begins with a statement keyword.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.diagnostic import Span

_TOKEN = re.compile(
    r'''
      (?P<comment>\#[^\r\n]*)
    | (?P<string>
          """(?:[^"\\]|\\[\s\S]|"(?!""))*(?:"""|\Z)
        | \'\'\'(?:[^'\\]|\\[\s\S]|'(?!\'\'))*(?:\'\'\'|\Z)
        | "(?:[^"\\\r\n]|\\(?:\r\n|[\s\S]))*(?:"|(?=[\r\n])|\\?\Z)
        | '(?:[^'\\\r\n]|\\(?:\r\n|[\s\S]))*(?:'|(?=[\r\n])|\\?\Z)
      )
    | (?P<joined>\\(?:\r\n|\r|\n))
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | (?P<newline>\r\n|\r|\n)
    ''',
    re.VERBOSE,
)
_LINE_END = re.compile(r"\r\n|\r|\n")
# No expression can begin a line with these, so brackets open there were never closed.
_STATEMENT = re.compile(
    r"[ \t]*(?:def|class|import|from|return|with|while|try|raise|del|assert|global|nonlocal|pass|break|continue|@)\b"
)


@dataclass(frozen=True, slots=True)
class Lexed:
    """Where comments and strings are, and on which line each logical line begins."""

    comments: tuple[Span, ...]
    strings: tuple[Span, ...]
    first_lines: tuple[int, ...]  # for each physical line, the first line of its logical line
    open_ended: frozenset[int]  # lines whose end lies in a string or after a backslash


class Open(NamedTuple):
    """What is not closed at a place of a text: what would close it, and where its logical line begins."""

    closers: str
    start: int


_CLOSERS = {"(": ")", "[": "]", "{": "}"}


def open_at(text: str, end: int) -> Open:
    """What is open at an offset, by the text before it."""
    brackets: list[str] = []
    quote = ""
    start = 0
    for match in _TOKEN.finditer(text, 0, end):
        kind = match.lastgroup
        if kind == "open":
            brackets.append(_CLOSERS[match.group()])
        elif kind == "close":
            if brackets:
                brackets.pop()
        elif kind == "newline":
            if not brackets or _STATEMENT.match(text, match.end()):
                brackets, start = [], match.end()
        elif kind == "string" and match.end() == end:
            found = match.group()
            mark = found[:3] if found[:3] in ('"""', "'''") else found[0]
            if len(found) < 2 * len(mark) or not found.endswith(mark):
                quote = mark
    return Open(quote + "".join(reversed(brackets)), start)


def lex(text: str) -> Lexed:
    """Scan a text. Never raises; linear in the length of the text."""
    comments: list[Span] = []
    strings: list[Span] = []
    first_lines = [0]
    open_ended: set[int] = set()
    depth = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "comment":
            comments.append(Span(match.start(), match.end()))
        elif kind == "open":
            depth += 1
        elif kind == "close":
            depth = max(0, depth - 1)
        elif kind == "newline":
            if depth and _STATEMENT.match(text, match.end()):
                depth = 0
            first_lines.append(first_lines[-1] if depth else len(first_lines))
        else:
            if kind == "string":
                strings.append(Span(match.start(), match.end()))
            for _ in _LINE_END.finditer(match.group()):
                open_ended.add(len(first_lines) - 1)
                first_lines.append(first_lines[-1])
    return Lexed(tuple(comments), tuple(strings), tuple(first_lines), frozenset(open_ended))

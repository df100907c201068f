"""Program text: `SourceFile` carries it."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.diagnostic import Span

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class SourceFile:
    """One file's text at one moment; the only carrier of program text.

    Lines end at `\\r\\n`, `\\r` or `\\n` and nowhere else: as Python's tokenizer and the language
    server protocol count them, which is not what `str.splitlines` does. `path` is for messages
    and configuration only: nothing in the analysers reads the disk.
    """

    path: str
    text: str

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        """The offset at which each line begins; there is always a first line."""
        if "\r" in self.text:
            return (0, *(match.end() for match in _LINE_END.finditer(self.text)))
        lines = self.text.split("\n")  # quicker
        return tuple(accumulate([len(line) + 1 for line in lines[:-1]], initial=0))

    @cached_property
    def is_plain(self) -> bool:
        """Whether each character takes one column in any encoding, and each line ends at `\\n`."""
        return self.text.isascii() and "\r" not in self.text

    def edited(self, span: Span, new: str) -> SourceFile:
        """This file with another text in a span of it. Where lines begin is carried over."""
        after = SourceFile(self.path, self.text[: span.start] + new + self.text[span.end :])
        starts = vars(self).get("line_starts")
        if starts is None or "\r" in new or "\r" in self.text:
            return after
        added: list[int] = []
        at = new.find("\n")
        while at >= 0:
            added.append(span.start + at + 1)
            at = new.find("\n", at + 1)
        longer = len(new) - (span.end - span.start)
        below = starts[bisect_right(starts, span.end) :]
        moved = tuple([start + longer for start in below]) if longer else below
        kept = starts[: bisect_right(starts, span.start)]
        vars(after)["line_starts"] = (*kept, *added, *moved)
        return after

    def line_of(self, offset: int) -> int:
        """The zero-based line that holds `offset`."""
        return bisect_right(self.line_starts, offset) - 1

    def position(self, offset: int) -> tuple[int, int]:
        """Zero-based line and column, in code points."""
        line = self.line_of(offset)
        return line, offset - self.line_starts[line]

    def offset(self, line: int, column: int) -> int:
        """The offset of a zero-based position, moved into the text where it lies outside."""
        if line >= len(self.line_starts):
            return len(self.text)
        start = self.line_starts[max(line, 0)]
        return min(start + max(column, 0), self.line_span(line).end)

    def line_span(self, line: int) -> Span:
        """A line without its terminator."""
        start = self.line_starts[line]
        end = self.line_starts[line + 1] if line + 1 < len(self.line_starts) else len(self.text)
        while end > start and self.text[end - 1] in "\r\n":
            end -= 1
        return Span(start, end)

    def line_text(self, line: int) -> str:
        """The text of a line without its terminator."""
        span = self.line_span(line)
        return self.text[span.start : span.end]


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """Where the text stops being Python, in the parser's words."""

    span: Span
    message: str

"""Chunks of a file: what each holds, and where its nodes lie.

A chunk holds the statements of whole lines, and the blank lines and comments before them. The
statements of a file are those of its chunks, in order. Between two versions of a file, chunks whose
text is untouched are the same objects. Trees are never mutated and hold no parent pointers; their
line numbers count from their chunk's `base`.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.source import SourceFile, SyntaxProblem
from jaxsight_analyzers.syntax.lexing import lex
from jaxsight_analyzers.syntax.pieces import (
    Level,
    State,
    count_lines,
    first_line,
    line_starts,
    shift_lines,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.fixes.mentions import Mentions

_LEAVES = frozenset((str, int, type(None), ast.Load, ast.Store))
"""What most fields of nodes hold in which no places lie."""


Question = Callable[[str], object]
"""A question to a text, answered by truth, that no two lines together answer otherwise than each does alone."""


class ClassPiece:
    """What ties the members of a big class to it, from version to version: compared by identity.

    A class that is renamed is another one, and so are its members, which go by its name.
    """

    __slots__ = ("indent", "name")

    def __init__(self, name: str, indent: str) -> None:
        self.name = name
        self.indent = indent


class Chunk:
    """Consecutive lines of a file and their statements. Immutable; compared by identity.

    `body` belongs to `analysed`: the text itself when it parses, else the text with lines
    repaired, or the text of the last good version. `base` is the number that the nodes' `lineno`
    give to the first line of `analysed`.

    A big class is a chunk of its own (`heads` is its piece), whose one statement has the
    statements of all members in its body, followed by a chunk for each member (`header` is the
    same piece). The class's node ends after its chunk does: its span is cut at the chunk's end.
    """

    __slots__ = (
        *("analysed", "base", "body", "header", "heads", "lines", "mentions", "problem", "stale"),
        *("state", "text"),
        *("_change", "_first", "_said", "_starts", "_to_us"),
    )

    def __init__(
        self,
        text: str,
        body: list[ast.stmt],
        base: int,
        *,
        analysed: str | None = None,
        header: ClassPiece | None = None,
        heads: ClassPiece | None = None,
        state: State = State.GOOD,
        problem: SyntaxProblem | None = None,
        stale: bool = False,
    ) -> None:
        self.text = text
        self.analysed = text if analysed is None else analysed
        self.body = body
        self.base = base
        self.header = header
        self.heads = heads
        self.state = state
        self.problem = problem  # its span is relative to `text`, its lines count from 1
        self.stale = stale  # `analysed` is not the text repaired, but an older one, or nothing
        self.lines = count_lines(text)
        self.mentions: dict[ast.stmt, Mentions] = {}  # of those statements that were asked for
        self._starts: tuple[int, ...] | None = None
        self._first: int | None = None
        self._change: tuple[int, int, int] | None = None
        self._to_us: tuple[Span, ...] | None = None
        self._said: dict[Question, bool] = {}

    @property
    def is_whole(self) -> bool:
        """Whether its text is analysed as it stands."""
        return self.analysed is self.text

    def says(self, question: Question) -> bool:
        """What a question to what is analysed of the text is answered, found out once."""
        answer = self._said.get(question)
        if answer is None:
            answer = self._said[question] = bool(question(self.analysed))
        return answer

    @property
    def comments_to_us(self) -> tuple[Span, ...]:
        """The comments of its text that mention the name of this tool."""
        if self._to_us is None:
            found = lex(self.text).comments if "jaxsight" in self.text else ()
            self._to_us = tuple([s for s in found if "jaxsight" in self.text[s.start : s.end]])
        return self._to_us

    @property
    def piece(self) -> ClassPiece | None:
        """The big class that it is a part of."""
        return self.heads or self.header

    @property
    def first(self) -> int:
        """The line number of the first statement, with its decorators. There must be one."""
        if self._first is None:
            self._first = first_line(self.body[0])
        return self._first

    def renumber(self, lines: int) -> None:
        """Move the numbers of a new chunk's lines. Nobody has seen its nodes yet."""
        if lines == 0:
            return
        self.base += lines
        self._first = None
        waiting: list[ast.AST] = list(self.body)
        if self.heads is not None:
            node = self.body[0]
            assert isinstance(node, ast.ClassDef)
            waiting = [*node.decorator_list, *node.bases, *node.keywords]
            node.lineno += lines
            node.end_lineno = (node.end_lineno or 0) + lines
        while waiting:
            inside = waiting.pop().__dict__
            if "lineno" in inside:
                inside["lineno"] += lines
                inside["end_lineno"] += lines
            for value in inside.values():
                kind = value.__class__
                if kind in _LEAVES:
                    continue
                if kind is list:
                    waiting += [item for item in value if isinstance(item, ast.AST)]
                elif isinstance(value, ast.AST):
                    waiting.append(value)

    @property
    def level(self) -> Level:
        """What the text is to its file."""
        if self.heads is not None:
            return Level.HEADER
        return Level.TOP if self.header is None else Level.MEMBER

    @property
    def line_starts(self) -> tuple[int, ...]:
        """The offset at which each line of `analysed` begins."""
        if self._starts is None:
            self._starts = line_starts(self.analysed)
        return self._starts

    def stand_in(self, old: Chunk) -> None:
        """Take over the tree of the last good version; for who makes the chunk, before anybody sees it."""
        self.body, self.base, self.analysed = old.body, old.base, old.analysed

    def line_of(self, offset: int) -> int:
        """The zero-based line of `analysed` that holds an offset."""
        return bisect_right(self.line_starts, offset) - 1

    def offset(self, lineno: int, utf8_column: int) -> int:
        """The code-point offset in `analysed` of a node's line and UTF-8 column."""
        starts = self.line_starts
        line = lineno - self.base
        if line >= len(starts):
            return len(self.analysed)
        start = starts[line]
        if self.analysed.isascii():
            return min(start + utf8_column, len(self.analysed))
        end = starts[line + 1] if line + 1 < len(starts) else len(self.analysed)
        text = self.analysed[start:end]
        if text.isascii():
            return start + utf8_column
        return start + len(text.encode("utf-8")[:utf8_column].decode("utf-8", "replace"))

    def span(self, node: ast.AST) -> Span:
        """Where a node lies in `analysed`."""
        return Span(
            self.offset(node.lineno, node.col_offset),  # type: ignore[attr-defined]
            self.offset(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
        )

    def text_of(self, node: ast.AST) -> str:
        """The analysed text of a node."""
        span = self.span(node)
        return self.analysed[span.start : span.end]

    def to_source(self, span: Span) -> Span | None:
        """Where a span of `analysed` lies in `text`; None if it touches what differs."""
        if self.analysed is self.text:
            return span
        start, end, delta = self._changed()
        if span.end <= start:
            return span
        if span.start >= end:
            return Span(span.start + delta, span.end + delta)
        return None

    def to_analysed(self, offset: int) -> int:
        """The offset in `analysed` nearest to an offset of `text`."""
        if self.analysed is self.text:
            return offset
        start, end, delta = self._changed()
        if offset <= start:
            return offset
        return offset - delta if offset >= end + delta else start

    def _changed(self) -> tuple[int, int, int]:
        """Where `analysed` and `text` begin and cease to differ, and by how much the rest moved."""
        if self._change is None:
            start, end = difference(self.analysed, self.text)
            self._change = start, end, len(self.text) - len(self.analysed)
        return self._change

    def after(self, gap: str, *, at_start: bool) -> Chunk:
        """The same chunk with blank lines and comments before it."""
        seen = f"\f{gap[1:]}" if at_start and gap.startswith("\ufeff") else gap
        lines = count_lines(gap)
        problem = self.problem
        if problem is not None:
            span = Span(problem.span.start + len(gap), problem.span.end + len(gap))
            problem = SyntaxProblem(span, shift_lines(problem.message, lines))
        whole = self.analysed is self.text and seen is gap
        return Chunk(
            gap + self.text,
            self.body,
            self.base - lines,
            analysed=None if whole else seen + self.analysed,
            header=self.header,
            heads=self.heads,
            state=self.state,
            problem=problem,
            stale=self.stale,
        )


class Chunks:
    """One version of a file."""

    __slots__ = ("_problems", "chunks", "source", "starts")

    def __init__(
        self, source: SourceFile, chunks: tuple[Chunk, ...], starts: tuple[int, ...]
    ) -> None:
        self.source = source
        self.chunks = chunks
        self.starts = starts  # of each chunk's text in the source
        self._problems: tuple[SyntaxProblem, ...] | None = None

    @property
    def body(self) -> list[ast.stmt]:
        """The statements of the module, in order."""
        return [node for chunk in self.chunks if chunk.header is None for node in chunk.body]

    @property
    def problems(self) -> tuple[SyntaxProblem, ...]:
        """Where the text is not Python, one for each broken chunk, in the parser's words."""
        if self._problems is None:
            self._problems = tuple(self._moved(self.chunks, self.starts))
        return self._problems

    def _moved(self, chunks: Iterable[Chunk], starts: Iterable[int]) -> Iterable[SyntaxProblem]:
        for chunk, start in zip(chunks, starts):
            problem = chunk.problem
            if problem is not None:
                lines = count_lines(self.source.text[:start]) if "line " in problem.message else 0
                span = Span(problem.span.start + start, problem.span.end + start)
                yield SyntaxProblem(span, shift_lines(problem.message, lines))

    def index_of(self, offset: int) -> int:
        """The number of the chunk that holds an offset of the source."""
        return max(bisect_right(self.starts, offset) - 1, 0)


def difference(old: str, new: str) -> tuple[int, int]:
    """Where the old text begins and ceases to differ from the new one."""
    if old == new:
        return len(old), len(old)
    most = min(len(old), len(new))
    start, high = 0, most
    while start < high:
        middle = (start + high + 1) // 2
        if new.startswith(old[start:middle], start):
            start = middle
        else:
            high = middle - 1
    suffix, high = 0, most - start
    while suffix < high:
        middle = (suffix + high + 1) // 2
        if new.endswith(old[len(old) - middle : len(old) - suffix], 0, len(new) - suffix):
            suffix = middle
        else:
            high = middle - 1
    return start, len(old) - suffix

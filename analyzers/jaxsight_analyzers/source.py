"""Program text: `SourceFile` carries it, `ParsedModule` is what the parser makes of it."""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_right
from functools import cached_property

from jaxsight_analyzers.data import dataclass, replace
from jaxsight_analyzers.diagnostic import Span

_LINE_END = re.compile(r"\r\n|\r|\n")
_OPENERS = {"(": ")", "[": "]", "{": "}"}


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
        return (0, *(match.end() for match in _LINE_END.finditer(self.text)))

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


@dataclass(frozen=True)
class ParsedModule:
    """Syntax of one file, whole, repaired, or as it last was.

    `tree` belongs to `analysed`, which is the source itself when it parses. Otherwise it is the
    source with one line repaired, or the text that last parsed; `to_source` says where a span of
    it lies in the source, and that it lies nowhere if it touches what differs.
    Trees are never mutated and hold no parent pointers.
    """

    source: SourceFile
    analysed: SourceFile
    tree: ast.Module
    problems: tuple[SyntaxProblem, ...] = ()

    @cached_property
    def _changed(self) -> tuple[int, int, int]:
        """Where `analysed` and `source` begin and cease to differ, and by how much the rest moved."""
        old, new = self.analysed.text, self.source.text
        if old is new or old == new:
            return len(old), len(old), 0
        start = _common_prefix(old, new)
        end = len(old) - _common_suffix(old[start:], new[start:])
        return start, end, len(new) - len(old)

    def to_source(self, span: Span) -> Span | None:
        """Where a span of the analysed text lies in the source; None if it touches a difference."""
        if self.analysed is self.source:
            return span
        start, end, delta = self._changed
        if span.end <= start:
            return span
        if span.start >= end:
            return Span(span.start + delta, span.end + delta)
        return None

    def to_analysed(self, offset: int) -> int:
        """The offset in the analysed text nearest to an offset of the source."""
        if self.analysed is self.source:
            return offset
        start, end, delta = self._changed
        if offset <= start:
            return offset
        return offset - delta if offset >= end + delta else start

    @cached_property
    def _ascii_lines(self) -> bool:
        return self.analysed.text.isascii()

    def offset(self, line: int, utf8_column: int) -> int:
        """The code-point offset of a one-based line and a UTF-8 column, as `ast` counts them."""
        start = self.analysed.line_starts[line - 1]
        if self._ascii_lines:
            return start + utf8_column
        text = self.analysed.line_text(line - 1)
        if text.isascii():
            return start + utf8_column
        return start + len(text.encode("utf-8")[:utf8_column].decode("utf-8", "replace"))

    def span(self, node: ast.AST) -> Span:
        """Where a node lies in the analysed text."""
        return Span(
            self.offset(node.lineno, node.col_offset),  # type: ignore[attr-defined]
            self.offset(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
        )

    def text_of(self, node: ast.AST) -> str:
        """The analysed text of a node."""
        span = self.span(node)
        return self.analysed.text[span.start : span.end]


def parse(source: SourceFile, previous: ParsedModule | None = None) -> ParsedModule:
    """Parse a file. Never raises: what does not parse is repaired, else the last good tree is kept.

    The repairs, in order: close the brackets of the broken line, make it `pass`, make it a block
    header, blank it (measured: these give a fresh tree for 94 % of the states of a text that is
    being typed).
    """
    if source.text.startswith("\ufeff"):  # to the parser a form feed is as good, and as long
        inner = parse(SourceFile(source.path, f"\x0c{source.text[1:]}"), previous)
        return replace(inner, source=source)
    tree, problem = _parse(source.text)
    if tree is not None:
        return ParsedModule(source, source, tree)
    assert problem is not None
    problems = (problem,)
    line = source.line_of(problem.span.start)
    for candidate in _candidate_lines(source, line):
        for text in _repairs(source, candidate):
            tree, _ = _parse(text)
            if tree is not None:
                return ParsedModule(source, SourceFile(source.path, text), tree, problems)
    if previous is not None:
        return ParsedModule(source, previous.analysed, previous.tree, problems)
    return _longest_prefix(source, line, problems)


def _parse(text: str) -> tuple[ast.Module | None, SyntaxProblem | None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are other tools' business
            return ast.parse(text), None
    except SyntaxError as error:
        source = SourceFile("", text)
        start = source.offset((error.lineno or 1) - 1, (error.offset or 1) - 1)
        return None, SyntaxProblem(Span(start, start), error.msg)
    except (ValueError, RecursionError, MemoryError) as error:  # NUL bytes; very deep nesting
        return None, SyntaxProblem(Span(0, 0), str(error) or type(error).__name__)


def _candidate_lines(source: SourceFile, line: int) -> list[int]:
    """The line the parser names, then the last one before it that is not empty: often the culprit."""
    before = line - 1
    while before >= 0 and not source.line_text(before).strip():
        before -= 1
    return [line, before] if before >= 0 else [line]


def _repairs(source: SourceFile, line: int) -> list[str]:
    span = source.line_span(line)
    text = source.line_text(line)
    indent = text[: len(text) - len(text.lstrip())]
    closers = _missing_closers(text)
    lines = [text + closers] if closers else []
    lines += [f"{indent}pass", f"{indent}if 1:", ""]
    return [source.text[: span.start] + new + source.text[span.end :] for new in lines]


def _missing_closers(line: str) -> str:
    """What a line lacks to close the brackets it opens. Strings are not told from code."""
    stack: list[str] = []
    for char in line:
        if char in _OPENERS:
            stack.append(_OPENERS[char])
        elif stack and char == stack[-1]:
            stack.pop()
    return "".join(reversed(stack))


def _longest_prefix(
    source: SourceFile, line: int, problems: tuple[SyntaxProblem, ...]
) -> ParsedModule:
    """The top-level statements before the broken one."""
    end, step = line, 1
    while end > 0:
        start = source.line_starts[end]
        before = end - 1
        if source.text[start : start + 1].strip():
            tree, problem = _parse(source.text[:start])
            if problem is None and tree is not None:
                kept = SourceFile(source.path, source.text[:start])
                return ParsedModule(source, kept, tree, problems)
            culprit = end if problem is None else source.line_of(problem.span.start)
            before = min(end - step, culprit)  # an open bracket or string is far above
            step *= 2  # few parses, however long the file
        end = before
    return ParsedModule(source, SourceFile(source.path, ""), ast.Module([], []), problems)


def _common_prefix(one: str, other: str) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_suffix(one: str, other: str) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle :] == other[len(other) - middle :]:
            low = middle
        else:
            high = middle - 1
    return low

"""A file as the parser leaves it: chunks, the places of their nodes, and what is not Python."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.source import SourceFile, SyntaxProblem
from jaxsight_analyzers.syntax.chunks import Chunk, Chunks, parse_chunks
from jaxsight_analyzers.syntax.ends import same_ends
from jaxsight_analyzers.syntax.grafts import keep_methods

_FIRST_FREE = 10_000_000  # beyond the lines of any file
MODULE_LINES = 1_000_000_000  # from a file's first line to that of the next file
_ROOM = 200  # lines that a chunk may grow before it is numbered anew


class Numbering:
    """Gives the lines of each chunk numbers that no other chunk's lines have, from edit to edit.

    A node is found in its chunk by its line number alone. A chunk that is parsed anew gets the
    numbers of the one it replaces as long as they suffice, so that a node that did not move in
    its statement keeps its number. Files that are looked at together are numbered apart, too.
    """

    def __init__(self, chunks: Sequence[Chunk], number: int = 0) -> None:
        self.number = number
        self._next = number * MODULE_LINES + _FIRST_FREE
        self._room: dict[int, int] = {}  # first line of a chunk's code -> lines that fit
        self._number_pieces(chunks)
        firsts = [chunk.first for chunk in chunks if chunk.body]
        for first, following in zip(firsts, [*firsts[1:], self._next]):
            self._room[first] = following - first

    def _number_pieces(self, chunks: Sequence[Chunk]) -> None:
        """Chunks of a broken file are parsed one by one: let them count from where they lie."""
        line = 1 + self.number * MODULE_LINES
        for chunk in chunks:
            if chunk.base != line and chunk.body:
                chunk.renumber(line - chunk.base)
            line += chunk.lines

    def renew(self, old: Chunks, new: Chunks) -> None:
        """Number the chunks that were parsed anew."""
        start, end = same_ends(old.chunks, new.chunks)
        before = old.chunks[start : len(old.chunks) - end]
        after = new.chunks[start : len(new.chunks) - end]
        fresh = [chunk for chunk in after if chunk not in before and chunk.body]
        if not fresh:
            return
        gone = [chunk for chunk in before if chunk not in after and chunk.body]
        numbered = {id(chunk.body[0]) for chunk in gone}
        headers = {chunk.heads: chunk for chunk in gone if chunk.heads is not None}
        places: dict[object, list[int]] = {}
        for chunk in gone:
            places.setdefault(_title(chunk), []).append(chunk.first)
        known = {chunk.first: chunk for chunk in gone}
        for chunk in fresh:
            header = headers.get(chunk.heads) if chunk.heads is not None else None
            if id(chunk.body[0]) in numbered or (header and _same_head(header, chunk)):
                kept = places.get(_title(chunk))
                if kept:
                    kept.remove(chunk.first)
        for chunk in fresh:
            header = headers.get(chunk.heads) if chunk.heads is not None else None
            if id(chunk.body[0]) in numbered or (header and _same_head(header, chunk)):
                continue
            self._number(chunk, places.get(_title(chunk)))
            if chunk.first in known:
                keep_methods(known[chunk.first], chunk)

    def _number(self, chunk: Chunk, places: list[int] | None) -> None:
        first = chunk.first
        lines = _last_line(chunk) - first + 1
        wanted = next((place for place in places or () if self._room.get(place, 0) >= lines), None)
        if wanted is not None and places is not None:
            places.remove(wanted)
        else:
            wanted = self._next
            self._room[wanted] = 2 * lines + _ROOM
            self._next += self._room[wanted]
        chunk.renumber(wanted - first)


def _title(chunk: Chunk) -> object:
    """What a chunk is known by from one version to the next."""
    statement = chunk.body[0]
    return type(statement), getattr(statement, "name", None), chunk.header, chunk.heads is not None


def _same_head(one: Chunk, other: Chunk) -> bool:
    """Whether the lines of a big class are the very ones: only its members are others."""
    return one.base == other.base and one.analysed == other.analysed


def _last_line(chunk: Chunk) -> int:
    if chunk.heads is not None:
        return chunk.base + chunk.lines
    return max(statement.end_lineno or statement.lineno for statement in chunk.body)


class ParsedModule:
    """Syntax of one file. Never mutated: the next version shares the chunks that did not change.

    `analysed` is the text that the trees belong to: the source where it parses, else with broken
    statements repaired or as they last were. Spans of nodes lie in it; `to_source` says where one
    lies in the source, and that it lies nowhere if it touches what differs.
    """

    def __init__(self, parsed: Chunks, numbering: Numbering) -> None:
        self.parsed = parsed
        self.numbering = numbering
        self.source = parsed.source
        self.chunks = parsed.chunks
        self._file = numbering.number
        numbered = [(c.first, number) for number, c in enumerate(parsed.chunks) if c.body]
        numbered.sort()
        self._firsts = [first for first, _ in numbered]
        self._numbers = [number for _, number in numbered]

    @property
    def problems(self) -> tuple[SyntaxProblem, ...]:
        """Where the text is not Python."""
        return self.parsed.problems

    @cached_property
    def tree(self) -> ast.Module:
        """The statements of the file."""
        return ast.Module(self.parsed.body, [])

    @cached_property
    def is_whole(self) -> bool:
        """Whether all of the text is analysed as it stands."""
        return all(chunk.analysed is chunk.text for chunk in self.chunks)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The offset of each chunk in the analysed text."""
        if self.is_whole:
            return self.parsed.starts
        return tuple(accumulate([len(c.analysed) for c in self.chunks[:-1]], initial=0))

    @cached_property
    def analysed(self) -> SourceFile:
        """The text that the trees belong to."""
        if self.is_whole:
            return self.source
        return SourceFile(self.source.path, "".join([chunk.analysed for chunk in self.chunks]))

    # Nodes

    def owns(self, node: ast.AST) -> bool:
        """Whether a node is of this file, among those of files that are looked at together."""
        return node.lineno // MODULE_LINES == self._file  # type: ignore[attr-defined]

    def number_of(self, node: ast.AST) -> int:
        """The number of the chunk that a node of this file lies in."""
        at = bisect_right(self._firsts, node.lineno) - 1  # type: ignore[attr-defined]
        return self._numbers[max(at, 0)] if self._numbers else 0

    def span(self, node: ast.AST) -> Span:
        """Where a node lies in the analysed text."""
        number = self.number_of(node)
        span, start = self.chunks[number].span(node), self.starts[number]
        if isinstance(node, ast.ClassDef) and self.chunks[number].heads is not None:
            return Span(start + span.start, self._end_of_class(number))
        return Span(start + span.start, start + span.end)

    def _end_of_class(self, number: int) -> int:
        """Where a class ends whose members are chunks of their own."""
        last = number
        piece = self.chunks[number].heads
        while last + 1 < len(self.chunks) and self.chunks[last + 1].header is piece:
            last += 1
        chunk = self.chunks[last]
        statement = chunk.body[-1] if chunk.body else self.chunks[number].body[0]
        return self.starts[last] + chunk.offset(
            statement.end_lineno or 0, statement.end_col_offset or 0
        )

    def text_of(self, node: ast.AST) -> str:
        """The analysed text of a node."""
        span = self.span(node)
        return self.analysed.text[span.start : span.end]

    def line_of(self, node: ast.AST) -> int:
        """The one-based line of the analysed text on which a node begins."""
        return self.analysed.line_of(self.span(node).start) + 1

    # Places

    def chunk_at(self, offset: int) -> int:
        """The number of the chunk that holds an offset of the analysed text."""
        return max(bisect_right(self.starts, offset) - 1, 0)

    def statements_around(self, offset: int) -> list[ast.stmt]:
        """The statements of the chunk that holds an offset of the analysed text."""
        return self.chunks[self.chunk_at(offset)].body

    def to_source(self, span: Span) -> Span | None:
        """Where a span of the analysed text lies in the source; None if it touches a difference."""
        if self.is_whole:
            return span
        number, last = self.chunk_at(span.start), self.chunk_at(max(span.start, span.end - 1))
        start, end = self._moved(number, span.start), self._moved(last, span.end)
        if number != last:
            return None if start is None or end is None else Span(start, end)
        chunk, before = self.chunks[number], self.starts[number]
        inside = chunk.to_source(Span(span.start - before, span.end - before))
        if inside is None:
            return None
        there = self.parsed.starts[number]
        return Span(there + inside.start, there + inside.end)

    def _moved(self, number: int, offset: int) -> int | None:
        before = self.starts[number]
        inside = self.chunks[number].to_source(Span(offset - before, offset - before))
        return None if inside is None else self.parsed.starts[number] + inside.start

    def to_analysed(self, offset: int) -> int:
        """The offset in the analysed text nearest to an offset of the source."""
        if self.is_whole:
            return offset
        number = self.parsed.index_of(offset)
        inside = self.chunks[number].to_analysed(offset - self.parsed.starts[number])
        return self.starts[number] + inside


def parse(
    source: SourceFile, previous: ParsedModule | None = None, number: int = 0
) -> ParsedModule:
    """Parse a file, and only what an edit touched if its previous version is known. Never raises.

    Only the newest version may be given: the two share what numbers the lines. Files that are
    looked at together have a `number` each.
    """
    if previous is None:
        parsed = parse_chunks(source)
        return ParsedModule(parsed, Numbering(parsed.chunks, number))
    parsed = parse_chunks(source, previous.parsed)
    previous.numbering.renew(previous.parsed, parsed)
    return ParsedModule(parsed, previous.numbering)

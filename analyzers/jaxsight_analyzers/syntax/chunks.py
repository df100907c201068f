"""Parse a file in chunks, so that an edit costs what it touches.

An edit replaces a run of chunks. Their new text is cut and parsed by itself, and the run grows
while its text could be the continuation of what is before it, or the beginning of what follows.
What does not parse is wrong or incomplete: wrong text is broken whatever follows, so the rest of
the file need not be looked at; incomplete text is tried together with more and more of it.
"""

from __future__ import annotations

from itertools import accumulate

from jaxsight_analyzers.source import SourceFile
from jaxsight_analyzers.syntax.building import Builder
from jaxsight_analyzers.syntax.chunk import Chunk as Chunk
from jaxsight_analyzers.syntax.chunk import Chunks as Chunks
from jaxsight_analyzers.syntax.chunk import ClassPiece as ClassPiece
from jaxsight_analyzers.syntax.chunk import difference
from jaxsight_analyzers.syntax.classes import assembled, is_small
from jaxsight_analyzers.syntax.pieces import (
    Level,
    State,
    attempt,
    begins,
    ends_line,
    first_code,
)
from jaxsight_analyzers.syntax.prose import rewritten


def parse_chunks(source: SourceFile, previous: Chunks | None = None) -> Chunks:
    """Parse a file, and only what an edit touches if its previous version is known. Never raises.

    What does not parse is repaired, else the last good version of that chunk stands in; other
    chunks are as they are.
    """
    text = source.text
    if previous is None:
        flat = _cold(text)
    elif previous.source.text == text:
        return Chunks(source, previous.chunks, previous.starts)
    else:
        flat = _edited(text, previous)
    starts = tuple(accumulate([len(chunk.text) for chunk in flat[:-1]], initial=0))
    return Chunks(source, tuple(flat), starts)


def _cold(text: str) -> list[Chunk]:
    builder = Builder((), at_start=True, at_end=True)
    tried = attempt(text)
    if tried.state is State.GOOD:
        chunks, _ = builder.good(text, tried, Level.TOP)
        return chunks or [Chunk(text, [], 1, analysed=tried.code)]
    return builder.broken(text, tried, Level.TOP)[0]


def _edited(text: str, previous: Chunks) -> list[Chunk]:
    old = previous.source.text
    start, end = difference(old, text)
    number = previous.index_of(start)
    prose = _prose(text[start : end + len(text) - len(old)], start, end, number, previous)
    if prose is not None:
        return [*previous.chunks[:number], prose, *previous.chunks[number + 1 :]]
    first = previous.index_of(max(start - 1, 0))
    last = previous.index_of(end) + 1
    begin = previous.starts[first]
    stop = previous.starts[last] if last < len(previous.starts) else len(old)
    region = _Region(list(previous.chunks), first, last, text[begin : stop + len(text) - len(old)])
    region.edited = end + len(text) - len(old) - begin
    _settle(region)
    _verify(region.flat)
    return region.flat


def _prose(new: str, start: int, end: int, number: int, previous: Chunks) -> Chunk | None:
    """The chunk of an edit that no tree holds; None for other edits, or next to broken text."""
    if any(chunk.problem is not None for chunk in previous.chunks):
        return None
    chunk, before = previous.chunks[number], previous.starts[number]
    if end > before + len(chunk.text):
        return None
    return rewritten(chunk, start - before, end - before, new)


class _Region:
    """A run of chunks that is replaced, and its new text."""

    __slots__ = ("edited", "first", "flat", "last", "text", "top")

    def __init__(self, flat: list[Chunk], first: int, last: int, text: str) -> None:
        self.flat = flat
        self.first = first
        self.last = last
        self.text = text
        self.edited: int | None = None  # the offset where the edit ends
        self.top = False  # its classes are parsed whole

    @property
    def at_end(self) -> bool:
        return self.last >= len(self.flat)

    def widen(self, first: int, last: int) -> None:
        """Take in neighbours, whose text is as it was."""
        before = "".join([chunk.text for chunk in self.flat[first : self.first]])
        after = "".join([chunk.text for chunk in self.flat[self.last : last]])
        self.text = before + self.text + after
        if self.edited is not None:
            self.edited += len(before)
        self.first, self.last = first, last

    def kind(self) -> tuple[Level, ClassPiece | None]:
        """What the text is to the file; takes in the rest of classes of which it is not a part."""
        run = self.flat[self.first : self.last]
        piece = run[0].piece
        if piece is not None and not self.top and all(chunk.header is piece for chunk in run):
            return Level.MEMBER, piece
        if piece is not None and not self.top and len(run) == 1:
            return Level.HEADER, piece
        first, last = self.first, self.last
        while self.flat[first].header is not None:
            first -= 1
        while last < len(self.flat) and self.flat[last].header is not None:
            last += 1
        if (first, last) != (self.first, self.last):
            self.widen(first, last)
        return Level.TOP, None

    def put(self, chunks: list[Chunk]) -> None:
        """Replace the run."""
        self.flat[self.first : self.last] = chunks
        self.last = self.first + len(chunks)


def _settle(region: _Region) -> None:
    """Replace a run of chunks by what its new text holds."""
    flat = region.flat
    while True:
        level, piece = region.kind()
        indent = piece.indent if piece is not None else ""
        if not region.at_end and not ends_line(region.text):
            region.widen(region.first, region.last + 1)
            continue
        if not first_code(region.text)[1]:
            if _settle_gap(region, level):
                break
            continue
        if not begins(region.text, "" if level is Level.HEADER else indent):
            before = flat[region.first - 1] if region.first > 0 else None
            if before is not None and (level is not Level.MEMBER or before.header is piece):
                region.widen(region.first - 1, region.last)
                continue
            if level is not Level.TOP:
                region.top = True
                continue
        olds = flat[region.first : region.last]
        builder = Builder(olds, at_start=region.first == 0, at_end=region.at_end, piece=piece)
        tried = attempt(region.text, level, indent)
        escapes = tried.state is State.ESCAPES
        if escapes and (level is Level.HEADER or _class_parses(region, builder)):
            region.top = True
            continue
        if tried.state is State.GOOD:
            chunks, gap = builder.good(region.text, tried, level)
            if gap is None:
                region.top = True
                continue
        else:
            chunks, gap = builder.broken(region.text, tried, level, region.edited)
        if gap:
            chunks.append(flat[region.last].after(gap, at_start=False))
            region.last += 1
        region.put(chunks)
        break
    _settle_classes(region)


def _settle_gap(region: _Region, level: Level) -> bool:
    """Give text without statements to the next chunk, or take in the one before it."""
    flat = region.flat
    if not region.at_end:
        before = flat[region.first - 1] if region.first > 0 else None
        emptied = level is Level.MEMBER and before is not None and before.heads is not None
        if level is Level.HEADER or (emptied and flat[region.last].header is None):
            region.top = True
            return False
        following = flat[region.last].after(region.text, at_start=region.first == 0)
        region.last += 1
        region.put([following])
        return True
    if region.first > 0:
        region.widen(region.first - 1, region.last)
        return False
    if level is not Level.TOP:
        region.top = True
        return False
    region.put([Chunk(region.text, [], 1)])
    return True


def _class_parses(region: _Region, builder: Builder) -> bool:
    """Whether a class parses although one of its members alone does not.

    Else the member is broken whatever follows, if the class is.
    """
    whole = _Region(region.flat, region.first, region.last, region.text)
    whole.top = True
    whole.kind()
    tried = attempt(whole.text)
    builder.escaped = State.WRONG if tried.state is State.WRONG else State.ESCAPES
    return tried.state is State.GOOD


def _settle_classes(region: _Region) -> None:
    """Give the classes whose members changed a node with all of them."""
    flat = region.flat
    index = region.first
    if index >= len(flat):
        index = len(flat) - 1
    if flat[index].header is None and index > 0:
        index -= 1  # the class before may have lost its last member
    while flat[index].header is not None:
        index -= 1
    while index < region.last:
        piece = flat[index].heads
        end = index + 1
        if piece is not None:
            while end < len(flat) and flat[end].header is piece:
                end += 1
            flat[index] = assembled(flat[index], flat[index + 1 : end])
            if is_small(flat[index:end]):
                small = _Region(flat, index, end, "")
                small.text = "".join([chunk.text for chunk in flat[index:end]])
                small.top = True
                before = len(flat)
                _settle(small)
                region.last += len(flat) - before
                end = small.last
        index = end


def _verify(flat: list[Chunk]) -> None:
    """Try the first broken chunk together with what follows, while the parser wants more of it."""
    index = 0
    while True:
        broken = [n for n, chunk in enumerate(flat) if chunk.problem is not None and n >= index]
        if not broken or flat[broken[0]].state is State.WRONG:
            return
        index = broken[0]
        first = index
        if flat[index].state is State.ESCAPES:
            while flat[first].header is not None:
                first -= 1
        if not _completed(flat, first, index):
            return
        index = first


def _completed(flat: list[Chunk], first: int, index: int) -> bool:
    level = flat[first].level
    if level is Level.HEADER:
        level = Level.TOP
    more = 1
    prefix = "if 1:\n" if level is Level.MEMBER else ""
    while True:
        end = min(index + 1 + more, len(flat))
        text = "".join([chunk.text for chunk in flat[first:end]])
        state = attempt(prefix + text).state
        if state is State.GOOD:
            region = _Region(flat, first, end, text)
            _settle(region)
            return all(chunk.state is State.GOOD for chunk in flat[region.first : region.last])
        if state is State.WRONG or end == len(flat):
            return False
        more *= 2

"""Make chunks of text: of text that parses by its statements, of other text by its looks."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import cast

from jaxsight_analyzers.syntax.chunk import Chunk, ClassPiece
from jaxsight_analyzers.syntax.classes import assembled
from jaxsight_analyzers.syntax.pieces import (
    Attempt,
    Level,
    Part,
    State,
    attempt,
    class_indent,
    cut,
    cut_class,
    first_code,
    header_end,
    line_starts,
    split,
)
from jaxsight_analyzers.syntax.repair import repair

_FOLLOWING = 8  # pieces after an incomplete one that may belong to it
_BROKEN_PIECES = 40  # of one text that are looked at one by one


class Builder:
    """Makes the chunks of a text that replace `olds`, and takes over those that are the same."""

    def __init__(
        self,
        olds: Sequence[Chunk],
        *,
        at_start: bool,
        at_end: bool,
        piece: ClassPiece | None = None,
    ) -> None:
        self.olds = olds
        self.at_start = at_start
        self.at_end = at_end
        self.piece = piece
        self.escaped = State.ESCAPES
        self._taken: set[Chunk] = set()
        self._treeless: set[Chunk] = set()
        self._same = {(old.text, old.piece, old.level, old.state): old for old in olds}
        self._classes = {(old.heads.name, old.heads.indent): old.heads for old in olds if old.heads}

    def good(self, text: str, tried: Attempt, level: Level) -> tuple[list[Chunk], str | None]:
        """The chunks of text that parses, and what is after its last statement.

        What is after it belongs to the last chunk at the end of the file. None: a class whose
        header cannot be a piece, or not the one it was.
        """
        if level is Level.HEADER:
            end = header_end(text)
            if end is None or self.piece is None or self._renames(tried.body):
                return [], None
            return [self._chunk(text[:end], tried.body, tried.base, heads=self.piece)], text[end:]
        starts = line_starts(text)
        parts, end = split(text, starts, tried.body, tried.base, self._indent(level))
        gap = text[end:]
        if gap and self.at_end and parts:
            last = parts.pop()
            parts.append(Part(last.start, len(text), last.body))
            gap = ""
        code = tried.code if tried.code is not None else text
        chunks: list[Chunk] = []
        for part in parts:
            line = _line_at(starts, part.start)
            if (
                level is Level.TOP
                and len(part.body) == 1
                and isinstance(part.body[0], ast.ClassDef)
            ):
                cutting = class_indent(part.body[0], text, starts, tried.base)
                if cutting is not None:
                    chunks += self._class(text, code, starts, tried.base, part, *cutting)
                    continue
            chunks.append(
                self._chunk(
                    text[part.start : part.end],
                    part.body,
                    tried.base + line,
                    analysed=code[part.start : part.end] if code is not text else None,
                    header=self.piece if level is Level.MEMBER else None,
                )
            )
        return chunks, gap

    def _class(
        self,
        text: str,
        code: str,
        starts: Sequence[int],
        base: int,
        part: Part,
        indent: str,
        end: int,
    ) -> list[Chunk]:
        node = cast(ast.ClassDef, part.body[0])
        piece = self._piece(node.name, indent)
        header = self._chunk(
            text[part.start : end],
            part.body,
            base + _line_at(starts, part.start),
            analysed=code[part.start : end] if code is not text else None,
            heads=piece,
        )
        parts, _ = split(text, starts, node.body, base, indent, end)
        last = parts.pop()
        parts.append(Part(last.start, part.end, last.body))
        members = [
            self._chunk(
                text[member.start : member.end],
                member.body,
                base + _line_at(starts, member.start),
                header=piece,
            )
            for member in parts
        ]
        return [assembled(header, members), *members]

    def _piece(self, name: str, indent: str) -> ClassPiece:
        """The class of that name that was here before, so that its members can be taken over."""
        return self._classes.pop((name, indent), None) or ClassPiece(name, indent)

    def _renames(self, body: list[ast.stmt]) -> bool:
        """Whether the header of a big class gives it another name, which its members go by."""
        return self.piece is not None and cast(ast.ClassDef, body[0]).name != self.piece.name

    def _chunk(
        self,
        text: str,
        body: list[ast.stmt],
        base: int,
        *,
        analysed: str | None = None,
        header: ClassPiece | None = None,
        heads: ClassPiece | None = None,
    ) -> Chunk:
        if self._same and heads is None:
            level = Level.TOP if header is None else Level.MEMBER
            same = self._take((text, header, level, State.GOOD))
            if same is not None:
                return same
        return Chunk(text, body, base, analysed=analysed, header=header, heads=heads)

    def broken(
        self, text: str, tried: Attempt, level: Level, edited: int | None = None
    ) -> tuple[list[Chunk], str]:
        """The chunks of text that does not parse, as few of them broken as can be, and what is
        after their last statement."""
        texts = [] if level is Level.HEADER else cut(text, self._indent(level))
        if len(texts) <= 1:
            chunks, gap = self._broken_piece(text, tried, level, edited)
        else:
            chunks, gap, bad = self._pieces(texts, level, edited)
            if bad > 1 and len(self.olds) == 1:
                mended = self._mended(text, tried, level, edited)
                if mended is not None:
                    return [mended], ""
        self._let_stand_in(chunks)
        return chunks, gap

    def _let_stand_in(self, chunks: list[Chunk]) -> None:
        """Give the broken chunks without a tree that of their last good versions, each to one only.

        What is still defined elsewhere would be defined twice.
        """
        waiting = [chunk for chunk in chunks if chunk in self._treeless]
        if not waiting:
            return
        defined = {_definition(chunk) for chunk in chunks} - {None}
        free = [
            old for old in self.olds if old not in self._taken and _definition(old) not in defined
        ]
        for chunk in waiting:
            old = _last_good(chunk, free)
            if old is not None:
                free.remove(old)
                self._taken.add(old)
                chunk.stand_in(old)
        self._treeless.difference_update(waiting)

    def _indent(self, level: Level) -> str:
        return self.piece.indent if level is Level.MEMBER and self.piece is not None else ""

    def _pieces(
        self, texts: list[str], level: Level, edited: int | None
    ) -> tuple[list[Chunk], str, int]:
        """The chunks of each piece, what is left over, and how many are broken."""
        chunks: list[Chunk] = []
        at_end = self.at_end
        index = bad = offset = 0
        gap = ""
        while index < len(texts):
            if bad == _BROKEN_PIECES:  # not Python at all: one broken chunk for all of the rest
                texts = [*texts[:index], "".join(texts[index:])]
            text, tried, taken = self._complete(gap, texts, index, level)
            index += taken
            self.at_end = at_end and index == len(texts)
            if not first_code(text)[1] and index < len(texts):
                gap = text
                continue
            if tried.state is State.GOOD:
                made, left = self.good(text, tried, level)
                gap = left or ""
            else:
                bad += 1
                here = edited - offset if edited is not None else -1
                inside = here if 0 <= here <= len(text) else None
                if bad > _BROKEN_PIECES:
                    made, gap = [self._stale(text, tried, level)], ""
                else:
                    made, gap = self._broken_piece(text, tried, level, inside)
            chunks += made
            offset += len(text) - len(gap)
        self.at_end = at_end
        return chunks, gap, bad

    def _complete(
        self, gap: str, texts: list[str], index: int, level: Level
    ) -> tuple[str, Attempt, int]:
        """A piece, or it and those after it that it needs to be complete."""
        indent = self._indent(level)
        text = gap + texts[index]
        tried = more = attempt(text, level, indent)
        longer = text
        for taken, following in enumerate(texts[index + 1 : index + 1 + _FOLLOWING], 2):
            if more.state is not State.INCOMPLETE:
                break
            longer += following
            more = attempt(longer, level, indent)
            if more.state is State.GOOD:
                return longer, more, taken
        return text, tried, 1

    def _broken_piece(
        self, text: str, tried: Attempt, level: Level, edited: int | None
    ) -> tuple[list[Chunk], str]:
        if level is Level.TOP:
            members = self._broken_class(text)
            if members is not None:
                return members
        return [self._mended(text, tried, level, edited) or self._stale(text, tried, level)], ""

    def _broken_class(self, text: str) -> tuple[list[Chunk], str] | None:
        """A big class member by member, if its header can be told from them."""
        cutting = cut_class(text)
        if cutting is None:
            return None
        head, rest, indent = cutting
        outer = self.piece
        tried = attempt(head, Level.HEADER, indent)
        fixed = None
        if tried.state is not State.GOOD and tried.problem is not None:
            fixed = repair(head, Level.HEADER, indent, tried.problem)
            if fixed is None:
                return None
        node = cast(ast.ClassDef, (fixed[1] if fixed else tried).body[0])
        self.piece = self._piece(node.name, indent)
        try:
            header = Chunk(
                head,
                [node],
                tried.base,
                analysed=fixed[0] if fixed else tried.code,
                heads=self.piece,
                state=State.INCOMPLETE if fixed else State.GOOD,
                problem=tried.problem,
            )
            members, gap, _ = self._pieces(cut(rest, indent), Level.MEMBER, None)
            self._let_stand_in(members)
        finally:
            self.piece = outer
        return [assembled(header, members), *members], gap

    def _mended(self, text: str, tried: Attempt, level: Level, edited: int | None) -> Chunk | None:
        """A broken chunk with a fresh tree."""
        state = self._state(tried, level)
        piece = None if level is Level.TOP else self.piece
        same = self._take((text, piece, level, state))
        if same is not None:
            return same
        assert tried.problem is not None
        indent = piece.indent if piece is not None else ""
        fixed = repair(text, level, indent, tried.problem, edited)
        if fixed is None or (level is Level.HEADER and self._renames(fixed[1].body)):
            return None
        return Chunk(
            text,
            fixed[1].body,
            fixed[1].base,
            analysed=fixed[0],
            header=piece if level is Level.MEMBER else None,
            heads=piece if level is Level.HEADER else None,
            state=state,
            problem=tried.problem,
        )

    def _state(self, tried: Attempt, level: Level) -> State:
        if level is Level.HEADER:  # what really follows is not what it was tried with
            return State.INCOMPLETE
        return self.escaped if tried.state is State.ESCAPES else tried.state

    def _stale(self, text: str, tried: Attempt, level: Level) -> Chunk:
        """A broken chunk for which its last good version is to stand in."""
        piece = None if level is Level.TOP else self.piece
        chunk = Chunk(
            text,
            [],
            1,
            analysed="",
            header=piece if level is Level.MEMBER else None,
            heads=piece if level is Level.HEADER else None,
            state=self._state(tried, level),
            problem=tried.problem,
            stale=True,
        )
        self._treeless.add(chunk)
        return chunk

    def _take(self, key: tuple[str, ClassPiece | None, Level, State]) -> Chunk | None:
        """The old chunk that is the very same, for one place only."""
        same = self._same.pop(key, None)
        if same is not None:
            self._taken.add(same)
        return same


def _last_good(chunk: Chunk, olds: list[Chunk]) -> Chunk | None:
    olds = [old for old in olds if old.piece is chunk.piece and old.level is chunk.level]
    line = _first_line(chunk.text)
    for old in olds:
        if _first_line(old.text) == line:
            return old
    return olds[0] if len(olds) == 1 else None


def _definition(chunk: Chunk) -> object:
    """The name that a chunk is there to define, and in which class; None for other statements."""
    node = chunk.body[0] if len(chunk.body) == 1 else None
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return chunk.header, node.name
    return None


def _line_at(starts: Sequence[int], offset: int) -> int:
    from bisect import bisect_right

    return bisect_right(starts, offset) - 1


def _first_line(text: str) -> str:
    start = first_code(text)[2]
    return text[start:].partition("\n")[0]

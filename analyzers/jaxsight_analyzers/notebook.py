"""Notebooks: one virtual module of all code cells, and the way back into the cells.

Between two cells stands a marker line, so that every place of the module, and every insertion
into it, belongs to one cell. Magics are replaced by Python of the same length, so offsets agree.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, cast

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.diagnostic import Edit, Span
from jaxsight_analyzers.source import SourceFile
from jaxsight_analyzers.syntax.lexing import lex

_MARKER = "# %% cell {number}\n"
# Cell magics whose body is Python that runs here. The body of any other is something else.
_PYTHON_MAGICS = frozenset({"time", "timeit", "capture", "prun", "memit", "mprun", "lprun"})
_CELL_MAGIC = re.compile(r"%%(\w+)")
_TIMED = re.compile(r"(%(?:time|timeit)[ \t]+)(?![-%!])")
_ASSIGNED = re.compile(r"[ \t]*[A-Za-z_][\w.,\[\] \t]*=[ \t]*(?=[%!](?![=%]))")
_HELP = re.compile(r"[ \t]*%{0,2}[\w.*]+\?{1,2}[ \t]*$")


class NotebookError(ValueError):
    """The text is no notebook. Says why in a sentence."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell as the notebook holds it. `kind` is nbformat's: code, markdown or raw."""

    source: str
    kind: str = "code"
    id: str | None = None


@dataclass(frozen=True, slots=True)
class VirtualModule:
    """The code cells as one module. Cells are counted from zero over all cells, text ones too."""

    cells: tuple[Cell, ...]
    text: str
    starts: tuple[int, ...]  # where each code cell begins in the text
    numbers: tuple[int, ...]  # which cell that is
    replaced: tuple[Span, ...]  # where the text differs from the cells: magics

    def to_cell(self, offset: int) -> tuple[int, int]:
        """The cell that holds an offset, and the offset in it."""
        if not self.numbers:
            return 0, 0
        index = max(bisect_right(self.starts, offset) - 1, 0)
        number = self.numbers[index]
        inside = offset - self.starts[index]
        return number, min(max(inside, 0), len(self.cells[number].source))

    def from_cell(self, number: int, offset: int) -> int | None:
        """The place of a cell's offset in the module; None for a cell that is not in it."""
        if number not in self.numbers:
            return None
        return self.starts[self.numbers.index(number)] + offset

    def span_to_cell(self, span: Span) -> tuple[int, Span]:
        """A span in its cell, cut off where the cell ends."""
        number, start = self.to_cell(span.start)
        last, end = self.to_cell(span.end)
        return number, Span(start, end if last == number else len(self.cells[number].source))

    def edit_to_cell(self, edit: Edit) -> tuple[int, Edit] | None:
        """An edit of the module as one of a cell; None if it crosses cells or changes a magic."""
        if not self.numbers or any(
            edit.span.overlaps(span) or _strictly_inside(edit.span, span) for span in self.replaced
        ):
            return None
        index = max(bisect_right(self.starts, edit.span.start) - 1, 0)
        number, base = self.numbers[index], self.starts[index]
        source = self.cells[number].source
        start, end = edit.span.start - base, edit.span.end - base
        if start == end < 0:  # an insertion before the first cell
            start, end = 0, 0
        if start == end == 0 and _CELL_MAGIC.match(source):  # a cell magic stays the first line
            start = end = source.find("\n") + 1 or len(source) + 1
        # In the module every cell ends in a line end, in the notebook most do not.
        padded = source if source.endswith("\n") else f"{source}\n"
        if start < 0 or end > len(padded):
            return None
        if end <= len(source):
            return number, Edit(Span(start, end), edit.text)
        after = padded[:start] + edit.text + padded[end:]
        after = after if padded is source else after.removesuffix("\n")
        return number, _narrowed(source, Span(0, len(source)), after)


def _strictly_inside(edit: Span, span: Span) -> bool:
    return span.start < edit.start < span.end


def join(cells: Iterable[Cell]) -> VirtualModule:
    """Make one module of the code cells. A cell in another language is left out."""
    every = tuple(cells)
    parts: list[str] = []
    starts: list[int] = []
    numbers: list[int] = []
    replaced: list[Span] = []
    length = 0
    for number, cell in enumerate(every):
        if cell.kind != "code" or _is_foreign(cell.source):
            continue
        marker = _MARKER.format(number=number + 1)
        text, spans = neutralised(cell.source)
        end = "" if text.endswith("\n") else "\n"
        starts.append(length + len(marker))
        numbers.append(number)
        replaced.extend(Span(starts[-1] + span.start, starts[-1] + span.end) for span in spans)
        parts += (marker, text, end)
        length += len(marker) + len(text) + len(end)
    return VirtualModule(every, "".join(parts), tuple(starts), tuple(numbers), tuple(replaced))


def _is_foreign(source: str) -> bool:
    match = _CELL_MAGIC.match(source)
    return match is not None and match[1] not in _PYTHON_MAGICS


def neutralised(text: str) -> tuple[str, tuple[Span, ...]]:
    """A cell's text with its magics replaced by Python of the same length, and where that is."""
    if not any(char in text for char in "%!?"):
        return text, ()
    source = SourceFile("", text)
    first_lines = lex(text).first_lines
    parts: list[str] = []
    spans: list[Span] = []
    for line, start in enumerate(source.line_starts):
        span = source.line_span(line)
        content = text[span.start : span.end]
        magic = _magic(content) if first_lines[line] == line else None
        if magic is not None:
            begin, end, content = magic
            spans.append(Span(start + begin, start + end))
        following = (
            source.line_starts[line + 1] if line + 1 < len(source.line_starts) else len(text)
        )
        parts += (content, text[span.end : following])
    return "".join(parts), tuple(spans)


def _magic(line: str) -> tuple[int, int, str] | None:
    """Where the magic of a line begins and ends, and the line without it; None if it has none."""
    indent = len(line) - len(line.lstrip())
    rest = line[indent:]
    if timed := _TIMED.match(rest):
        # `%time y = f(x)` keeps its statement: `0    ;y = f(x)`
        width = len(timed[1])
        return indent, indent + width, f"{line[:indent]}0{' ' * (width - 2)};{rest[width:]}"
    if rest.startswith(("%", "!", "?")) or _HELP.match(line):
        return indent, len(line), line[:indent] + _nothing(len(rest))
    if assigned := _ASSIGNED.match(line):
        begin = assigned.end()
        return begin, len(line), line[:begin] + _nothing(len(line) - begin)
    return None


def _nothing(length: int) -> str:
    """An expression statement of that many characters that does nothing."""
    return "0" if length < 2 else "0#" + " " * (length - 2)


def cells_of(text: str) -> tuple[Cell, ...]:
    """The cells of a notebook file. Raises `NotebookError` for what is none."""
    notebook = _notebook(text)
    cells: list[Cell] = []
    for raw in cast("list[Any]", notebook["cells"]):
        cell = cast("dict[str, Any]", raw if isinstance(raw, dict) else {})
        identity = cell.get("id")
        cells.append(
            Cell(
                _joined(cell.get("source", "")),
                str(cell.get("cell_type", "raw")),
                identity if isinstance(identity, str) else None,
            )
        )
    return tuple(cells)


def is_python(text: str) -> bool:
    """Whether a notebook's kernel runs Python; one that does not say is taken to."""
    metadata = _notebook(text).get("metadata")
    for key, name in (("kernelspec", "language"), ("language_info", "name")):
        table: Any = (
            cast("Mapping[str, Any]", metadata).get(key) if isinstance(metadata, dict) else None
        )
        language: Any = (
            cast("Mapping[str, Any]", table).get(name) if isinstance(table, dict) else None
        )
        if isinstance(language, str):
            return language.lower() in ("python", "ipython")
    return True


def _notebook(text: str) -> dict[str, Any]:
    try:
        notebook: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotebookError(f"is not a notebook: {error}") from None
    if not isinstance(notebook, dict) or not isinstance(
        cast("dict[str, Any]", notebook).get("cells"), list
    ):
        raise NotebookError("is not a notebook of format 4: it has no list of cells")
    return cast("dict[str, Any]", notebook)


def _joined(source: Any) -> str:
    if isinstance(source, list):
        return "".join(str(line) for line in cast("list[Any]", source))
    return source if isinstance(source, str) else ""


def cell_edits(module: VirtualModule, fixed: str) -> tuple[dict[int, list[Edit]], int]:
    """What a fixed module changes, by cell; and how many changes touch magics and so are left out."""
    by_cell: dict[int, list[Edit]] = {}
    refused = 0
    for edit in edits_between(module.text, fixed):
        moved = module.edit_to_cell(edit)
        if moved is None:
            refused += 1
        else:
            by_cell.setdefault(moved[0], []).append(moved[1])
    return by_cell, refused


def edits_between(old: str, new: str) -> tuple[Edit, ...]:
    """The edits that turn one text into the other, by lines, each as narrow as it can be."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    edits: list[Edit] = []
    offsets = [0]
    for line in before:
        offsets.append(offsets[-1] + len(line))
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag != "equal":
            text = "".join(after[new_start:new_end])
            edits.append(_narrowed(old, Span(offsets[start], offsets[end]), text))
    return tuple(edits)


def _narrowed(old: str, span: Span, text: str) -> Edit:
    start, end = span.start, span.end
    head = 0
    while start + head < end and head < len(text) and old[start + head] == text[head]:
        head += 1
    tail = 0
    while (
        end - tail > start + head
        and len(text) - tail > head
        and old[end - tail - 1] == text[len(text) - tail - 1]
    ):
        tail += 1
    return Edit(Span(start + head, end - tail), text[head : len(text) - tail])


def with_cells(text: str, changed: Mapping[int, Sequence[Edit]]) -> str:
    """A notebook file's text with edits made to some cells' sources. All else stays as it is."""
    cells = cells_of(text)
    spans = _source_spans(text)
    for number in sorted(changed, reverse=True):
        source = cells[number].source
        for edit in sorted(changed[number], reverse=True):
            source = source[: edit.span.start] + edit.text + source[edit.span.end :]
        span = spans[number]
        raw = text[span.start : span.end]
        text = text[: span.start] + _like(raw, source) + text[span.end :]
    return text


def _like(raw: str, source: str) -> str:
    """A source as JSON in the manner of another: string or list, its indentation and escapes."""
    ascii_only = raw.isascii() and ("\\u" in raw or source.isascii())
    if not raw.startswith("["):
        return json.dumps(source, ensure_ascii=ascii_only)
    lines = [json.dumps(line, ensure_ascii=ascii_only) for line in source.splitlines(keepends=True)]
    layout = re.match(r"\[(\s*)", raw)
    opening = layout[1] if layout else ""
    closing = raw[len(raw[:-1].rstrip()) : -1]
    between = "," + (opening if opening.strip(" \t") else " " if '", "' in raw else opening or " ")
    return f"[{opening}{between.join(lines)}{closing}]"


def _source_spans(text: str) -> list[Span]:
    """Where the source of each cell stands in the file, in order."""
    spans: list[Span] = []
    for key, at in _members(text, _skip(text, 0)):
        if key == "cells":
            for cell in _elements(text, at):
                places = dict(_members(text, cell))
                start = places.get("source")
                spans.append(
                    Span(start, _end(text, start)) if start is not None else Span(cell, cell)
                )
    return spans


_DECODER = json.JSONDecoder()


def _end(text: str, at: int) -> int:
    return _DECODER.raw_decode(text, at)[1]


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _members(text: str, at: int) -> list[tuple[str, int]]:
    """The keys of the object at an offset, and where their values begin."""
    found: list[tuple[str, int]] = []
    at = _skip(text, at + 1)
    while text[at] != "}":
        key, end = cast("tuple[str, int]", _DECODER.raw_decode(text, at))
        value = _skip(text, _skip(text, end) + 1)
        found.append((key, value))
        at = _skip(text, _end(text, value))
        at = _skip(text, at + 1) if text[at] == "," else at
    return found


def _elements(text: str, at: int) -> list[int]:
    """Where the elements of the array at an offset begin."""
    found: list[int] = []
    at = _skip(text, at + 1)
    while text[at] != "]":
        found.append(at)
        at = _skip(text, _end(text, at))
        at = _skip(text, at + 1) if text[at] == "," else at
    return found

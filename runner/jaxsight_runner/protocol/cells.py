"""Cells of notebooks: a notebook is run as one module, and its lines are told by cell.

Before each code cell stands a marker, `# %% cell 3`, cells counted from 1 over all cells, those of text too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from jaxsight_runner.data import dataclass

_MARKER = re.compile(r"# %% cell (\d+)$")
_FRAME = r'File "(?P<frame>[^"]+)", line (?P<number>\d+)'
_FILE = r"(?P<file>{path}|(?<![\w/\\.-]){name}):(?P<at>\d+)\b"
_LINES = r"(?<!\.py )\b(?P<word>lines?) (?P<lines>\d+(?:, \d+)*)\b"


@dataclass(frozen=True)
class CellStart:
    """Where a code cell begins in the module that is run."""

    cell: int  # from 1, over all cells
    line: int  # of the module, from 1


def cells_in(path: str, text: str) -> tuple[CellStart, ...]:
    """The code cells of a notebook's module; none of any other file."""
    if not path.endswith(".ipynb"):
        return ()
    found = ((_MARKER.match(line), number) for number, line in enumerate(text.split("\n"), 1))
    return tuple(CellStart(int(match[1]), number + 1) for match, number in found if match)


def place_in_cells(cells: Sequence[CellStart], line: int) -> tuple[int, int]:
    """The cell of a line of the module, and the line in it."""
    starts = [one.line for one in cells]
    one = cells[max(bisect_right(starts, line) - 1, 0)]
    return one.cell, max(line - one.line + 1, 1)


def by_cell(cells: Sequence[CellStart], path: str, text: str) -> str:
    """Words about a module's lines (`line 12`, `nb.ipynb:12`) as words about cells."""
    if not cells:
        return text

    def words(line: str) -> str:
        cell, inside = place_in_cells(cells, int(line))
        return f"cell {cell}, line {inside}"

    def told(match: re.Match[str]) -> str:
        if match["frame"]:
            of_it = match["frame"] == path
            return f'File "{path}", {words(match["number"])}' if of_it else match[0]
        if match["file"]:
            return f"{match['file']}, {words(match['at'])}"
        return " and ".join(map(words, match["lines"].split(", ")))

    name = re.escape(re.split(r"[/\\]", path)[-1])
    pattern = f"{_FRAME}|{_FILE.format(path=re.escape(path), name=name)}|{_LINES}"
    return re.sub(pattern, told, text)

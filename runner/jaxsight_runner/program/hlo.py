"""Reads the text of an optimised HLO module: which line an instruction comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from functools import cached_property
from typing import Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.failures import is_user_file
from jaxsight_runner.protocol import SourceLocation

_INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?([\w.\-]+) = ")
_METADATA = re.compile(r'source_file="([^"]*)" source_line=(\d+)')
_FRAME = re.compile(r"stack_frame_id=(\d+)")
_ENTRY = re.compile(r"^(\d+) (.*)$")
_FIELD = re.compile(r"(\w+)=(\d+)")
_TABLES = ("FileNames", "FunctionNames", "FileLocations", "StackFrames")


@dataclass
class _Tables:
    """The tables at the head of a module's text, by which newer compilers name source lines."""

    files: dict[int, str] = field(default_factory=dict[int, str])
    locations: dict[int, tuple[int, int]] = field(default_factory=dict[int, "tuple[int, int]"])
    frames: dict[int, tuple[int, int]] = field(default_factory=dict[int, "tuple[int, int]"])

    def read(self, table: str, number: int, text: str) -> None:
        """One entry of a table."""
        fields = {name: int(value) for name, value in _FIELD.findall(text)}
        if table == "FileNames":
            self.files[number] = text.strip('"')
        elif table == "FileLocations":
            self.locations[number] = (fields.get("file_name_id", 0), fields.get("line", 0))
        elif table == "StackFrames":
            self.frames[number] = (
                fields.get("file_location_id", 0),
                fields.get("parent_frame_id", 0),
            )

    @cached_property
    def _shift(self) -> int:
        return int(any(number == parent for number, (_, parent) in self.frames.items()))

    def place(self, number: int) -> Optional[SourceLocation]:
        """The innermost line of the user's on a stack.

        No frame calls itself: where one seems to, callers are counted from the one before.
        """
        seen: set[int] = set()
        while number in self.frames and number not in seen:
            seen.add(number)
            location, parent = self.frames[number]
            number = parent - self._shift
            file, line = self.locations.get(location, (0, 0))
            name = self.files.get(file, "")
            if name and is_user_file(name):
                return SourceLocation(name, line)
        return None


class Module:
    """One optimised module."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        self._tables = _tables(self.lines)

    def links(self) -> Iterator[tuple[int, str, SourceLocation]]:
        """Each instruction with a line of the user's: its own line from 1, its name, the source."""
        for number, line in enumerate(self.lines, 1):
            found = _INSTRUCTION.match(line)
            place = self.place(line) if found else None
            if found and place is not None:
                yield number, found[1], place

    def place(self, instruction: str) -> Optional[SourceLocation]:
        """The user's line that an instruction's metadata names."""
        frame = _FRAME.search(instruction)
        if frame is not None:
            place = self._tables.place(int(frame[1]))
            if place is not None:
                return place
        found = _METADATA.search(instruction)
        if found is not None and is_user_file(found[1]):
            return SourceLocation(found[1], int(found[2]))
        return None


def _tables(lines: list[str]) -> _Tables:
    tables, current = _Tables(), ""
    for line in lines:
        if line in _TABLES:
            current = line
            continue
        entry = _ENTRY.match(line)
        if entry is None:
            if line.strip() and not line.startswith("HloModule"):
                current = ""
            continue
        if current:
            tables.read(current, int(entry[1]), entry[2])
    return tables

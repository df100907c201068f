"""Reads the text of an optimised HLO module: which line an instruction comes from, what is sent between devices."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Optional

from jaxsight_runner.failures import is_user_file
from jaxsight_runner.protocol import Collective, SourceLocation

_INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?([\w.\-]+) = ")
_METADATA = re.compile(r'source_file="([^"]*)" source_line=(\d+)')
_FRAME = re.compile(r"stack_frame_id=(\d+)")
_ENTRY = re.compile(r"^(\d+) (.*)$")
_FIELD = re.compile(r"(\w+)=(\d+)")
_TABLES = ("FileNames", "FunctionNames", "FileLocations", "StackFrames")
_SHAPE = re.compile(r"\b(pred|bf16|f8\w*|[sufc]\d+)\[([\d,]*)\]")
_COLLECTIVE = re.compile(
    r" = (.*?) (all-reduce|all-gather|reduce-scatter|collective-permute|all-to-all|ragged-all-to-all"
    r"|collective-broadcast)(-start)?\("
)


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

    def collectives(self) -> tuple[Collective, ...]:
        """What devices send each other, by kind and line, with the bytes that one device receives."""
        sums: dict[tuple[str, Optional[SourceLocation]], tuple[int, int]] = {}
        for line in self.lines:
            found = _COLLECTIVE.search(line)
            if found is None:
                continue
            key = (found[2], self.place(line))
            count, size = sums.get(key, (0, 0))
            sums[key] = (count + 1, size + _received(found[1], found[2], bool(found[3])))
        made = [
            Collective(
                name, count, size, place.path if place else None, place.line if place else None
            )
            for (name, place), (count, size) in sums.items()
        ]
        return tuple(sorted(made, key=lambda one: (-one.bytes, one.operation)))


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


def _received(shapes: str, operation: str, is_start: bool) -> int:
    """Bytes of `f32[128,64]{1,0}` or of a tuple; some asynchronous operations name their operands first."""
    found = _SHAPE.findall(shapes)
    if is_start and operation in ("all-gather", "collective-permute"):
        found = found[len(found) // 2 :]
    total = 0
    for dtype, dims in found:
        bits = 8 if dtype == "pred" else int(re.sub(r"\D", "", dtype.partition("e")[0]) or 8)
        total += math.prod(int(dim) for dim in dims.split(",") if dim) * max(bits, 8) // 8
    return total

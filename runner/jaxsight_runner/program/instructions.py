"""The instructions of an optimised HLO module, and how often each of them runs in one call.

The text is no stable interface: what cannot be read is left out, and a loop whose turns nobody names is counted once
and said to be open-ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from typing import Optional

from jaxsight_runner.costs.jaxprs import Loops
from jaxsight_runner.data import dataclass
from jaxsight_runner.program.hlo import Module
from jaxsight_runner.protocol import SourceLocation

_COMPUTATION = re.compile(r"(ENTRY )?%?([\w.\-]+) .*\{$")
_START = re.compile(r"\s+(?:ROOT )?%?([\w.\-]+) = ")
_REMARK = re.compile(r"/\*.*?\*/")
_OPCODE = re.compile(r"\s*([\w\-]+)\(")
_SHAPE = re.compile(r"\b(pred|token|bf16|f8\w*|[sufc]\d+)\[([\d,]*)\]")
_NAME = re.compile(r"%([\w.\-]+)")
_CALLED = re.compile(r"\b(?:calls|to_apply|body|true_computation|false_computation)=%?([\w.\-]+)")
_BRANCHES = re.compile(r"\b(?:branch_computations|called_computations)=\{([^}]*)\}")
_TURNS = re.compile(r'known_trip_count"?[:=]\{"?n"?[:=]"?(\d+)')
_CONDITION = re.compile(r"\bcondition=%?([\w.\-]+)")
_WHOLE = re.compile(r"-?\d+")
_CALLERS = frozenset(("fusion", "call", "while", "conditional", "async-start", "custom-call"))
_DEPTH = 40  # of computations that call one another


@dataclass(frozen=True)
class Shape:
    """An array's dtype, in HLO's words, and dimensions."""

    dtype: str  # "f32"
    dims: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many elements."""
        size = 1
        for dim in self.dims:
            size *= dim
        return size

    @property
    def bytes(self) -> int:
        """What it takes in memory; types below a byte take one."""
        if self.dtype == "token":
            return 0
        digits = re.match(r"[a-z]+(\d+)", self.dtype)
        return self.size * max(int(digits[1]) if digits else 8, 8) // 8


@dataclass(frozen=True)
class Instruction:
    """One instruction."""

    name: str
    opcode: str
    results: tuple[Shape, ...]
    operands: tuple[str, ...]
    attributes: str  # what stands behind the operands
    place: Optional[SourceLocation]
    given: tuple[Shape, ...] = ()  # of the operands, where the text writes them out
    value: Optional[int] = None  # of a constant that is one whole number


@dataclass
class Computation:
    """A list of instructions that runs as one."""

    instructions: list[Instruction] = field(default_factory=list[Instruction])
    shapes: dict[str, tuple[Shape, ...]] = field(default_factory=dict[str, "tuple[Shape, ...]"])
    places: dict[str, Optional[SourceLocation]] = field(
        default_factory=dict[str, "Optional[SourceLocation]"]
    )

    def operands(self, one: Instruction) -> tuple[Shape, ...]:
        """The shapes of an instruction's operands."""
        if one.given:
            return one.given
        return tuple(shape for name in one.operands for shape in self.shapes.get(name, ()))

    def place(self, one: Instruction) -> Optional[SourceLocation]:
        """The line of an instruction; of one that the compiler added, the line of what it is given."""
        if one.place is not None:
            return one.place
        given = (self.places.get(name) for name in one.operands)
        return next((place for place in given if place is not None), None)


@dataclass(frozen=True)
class Running:
    """An instruction where it runs."""

    instruction: Instruction
    operands: tuple[Shape, ...]
    times: float  # in one call
    open_ended: bool  # inside a loop whose turns are not known
    place: Optional[SourceLocation]  # of the instruction, else of what calls it


@dataclass(frozen=True)
class _Around:
    times: float = 1.0
    open_ended: bool = False
    place: Optional[SourceLocation] = None
    depth: int = 0


class Executable:
    """An optimised module. `loops`: what the jaxpr knows of them, where the module does not say."""

    def __init__(self, text: str, loops: Optional[Loops] = None) -> None:
        self._module = Module(text)
        self._loops = loops or Loops({}, False)
        self._computations: dict[str, Computation] = {}
        self._entry = ""
        self.head = text[: text.find("\n")] if "\n" in text else text
        self._read()

    @property
    def devices(self) -> int:
        """For how many devices it was compiled."""
        count = 1
        for name in ("num_partitions", "replica_count"):
            found = re.search(rf"\b{name}=(\d+)", self.head)
            count *= int(found[1]) if found else 1
        return count

    def running(self) -> Iterator[Running]:
        """What one call runs. Of the branches of a condition all are named: an upper bound."""
        yield from self._body(self._entry, _Around())

    def inside(self, computation: str) -> Iterator[Running]:
        """What one run of a computation runs, as that of a fusion."""
        yield from self._body(computation, _Around())

    def _read(self) -> None:
        current = Computation()
        for line in self._module.lines:
            if line and not line[0].isspace():
                opened = _COMPUTATION.match(line)
                if opened and not line.startswith("HloModule"):
                    current = self._computations.setdefault(opened[2], Computation())
                    self._entry = opened[2] if opened[1] else self._entry
                continue
            one = self._instruction(line)
            if one is not None:
                current.instructions.append(one)
                current.shapes[one.name] = one.results
                current.places[one.name] = current.place(one)

    def _instruction(self, line: str) -> Optional[Instruction]:
        start = _START.match(line)
        if start is None:
            return None
        rest = _REMARK.sub("", line[start.end() :])
        end = _closing(rest, 0) if rest.startswith("(") else rest.find(" ")
        opcode = _OPCODE.match(rest, end)
        if end < 0 or opcode is None:
            return None
        last = _closing(rest, opcode.end() - 1)
        operands = rest[opcode.end() : last - 1]
        return Instruction(
            start[1],
            opcode[1],
            _shapes(rest[:end]),
            tuple(_NAME.findall(operands)),
            rest[last:],
            self._module.place(line),
            _shapes(operands),
            int(operands) if opcode[1] == "constant" and _WHOLE.fullmatch(operands) else None,
        )

    def _body(self, name: str, around: _Around) -> Iterator[Running]:
        computation = self._computations.get(name)
        if computation is None or around.depth > _DEPTH:
            return
        for one in computation.instructions:
            place = computation.places[one.name] or around.place
            yield Running(one, computation.operands(one), around.times, around.open_ended, place)
            if one.opcode in _CALLERS:
                inside = self._inside(one, place, around)
                for called in _called(one.attributes):
                    yield from self._body(called, inside)

    def _inside(
        self, one: Instruction, place: Optional[SourceLocation], around: _Around
    ) -> _Around:
        times, open_ended = around.times, around.open_ended
        if one.opcode == "while":
            turns = self._turns(one, place)
            times, open_ended = times * (turns or 1.0), open_ended or turns is None
        return _Around(times, open_ended, place, around.depth + 1)

    def _turns(self, one: Instruction, place: Optional[SourceLocation]) -> Optional[float]:
        """How often a loop turns: as the module says, as the jaxpr says of its line, as its condition counts to."""
        found = _TURNS.search(one.attributes)
        if found is not None:
            return float(found[1])
        if place is not None and place in self._loops.turns:
            return self._loops.turns[place]
        condition = _CONDITION.search(one.attributes)
        if condition is None or not self._loops.all_scans:
            return None
        limits = {limit for limit in self._constants(condition[1]) if limit > 0}
        return float(limits.pop()) if len(limits) == 1 else None

    def _constants(self, name: str) -> Iterator[int]:
        """The whole numbers in a computation."""
        computation = self._computations.get(name, Computation())
        for one in computation.instructions:
            if one.opcode == "constant" and one.value is not None:
                yield one.value
            for called in _called(one.attributes):
                yield from self._constants(called)


def _closing(text: str, start: int) -> int:
    """Behind the bracket that closes the one at `start`."""
    depth = 0
    for index in range(start, len(text)):
        if text[index] == "(":
            depth += 1
        elif text[index] == ")":
            depth -= 1
            if depth == 0:
                return index + 1
    return len(text)


def _shapes(text: str) -> tuple[Shape, ...]:
    return tuple(
        Shape(dtype, tuple(int(dim) for dim in dims.split(",") if dim))
        for dtype, dims in _SHAPE.findall(text)
    )


def _called(attributes: str) -> Iterator[str]:
    yield from _CALLED.findall(attributes)
    for names in _BRANCHES.findall(attributes):
        yield from (name.strip().lstrip("%") for name in names.split(","))

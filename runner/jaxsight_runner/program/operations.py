"""The operations of a compiled program by name, and the user's line that each of them runs for."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.program.hlo import Module
from jaxsight_runner.program.instructions import Executable
from jaxsight_runner.protocol import SourceLocation
from jaxsight_runner.sharding.work import work_of

_NAME = re.compile(r"HloModule ([\w.\-]+)")
_OPERATION = re.compile(r"\s+(ROOT )?%?([\w.\-]+) = ")
_COMPUTATION = re.compile(r"(?:ENTRY )?%?([\w.\-]+) \(.*\{$")
_CALLED = re.compile(r"\b(calls|to_apply|body)=%?([\w.\-]+)")
_TERMS = (
    10.0  # of the polynomials that compilers make of transcendental functions, or about so many
)
_DEPTH = 20  # of computations that call one another


@dataclass(frozen=True)
class Operation:
    """An operation, with the computation it calls: a fusion's, a call's, a loop's body."""

    place: Optional[SourceLocation]  # as it says itself
    called: Optional[str]
    fuses: bool
    root: bool


class Operations:
    """All operations of an optimised module; their names are unique in it."""

    def __init__(self, text: str) -> None:
        module = Module(text)
        self._text = text
        head = _NAME.match(text)
        self.name = head[1] if head else ""
        self._named: dict[str, Operation] = {}
        self._computations: dict[str, list[Operation]] = {}
        self._shares: dict[str, dict[SourceLocation, float]] = {}
        current: list[Operation] = []
        for line in module.lines:
            if line and not line[0].isspace():
                opened = _COMPUTATION.match(line)
                if opened:
                    current = self._computations.setdefault(opened[1], [])
                continue
            found = _OPERATION.match(line)
            if found:
                how, called = _CALLED.findall(line)[0] if _CALLED.search(line) else ("", None)
                operation = Operation(module.place(line), called, how == "calls", bool(found[1]))
                self._named[found[2]] = operation
                current.append(operation)

    def __contains__(self, name: str) -> bool:
        return name in self._named

    def place(self, name: str) -> Optional[SourceLocation]:
        """Where an operation comes from: as it says itself, else as the result of what it calls does."""
        return self._place(self._named[name], _DEPTH) if name in self._named else None

    def fused(self, name: str) -> set[SourceLocation]:
        """All lines that the compiler made this operation of."""
        operation = self._named.get(name)
        if operation is None or not operation.fuses or operation.called is None:
            return set()
        inner = self._computations.get(operation.called, [])
        return {item.place for item in inner if item.place}

    def shares(self, name: str) -> dict[SourceLocation, float]:
        """How much of a fusion's work is each line's, an estimate; nothing where it is one line's."""
        operation = self._named.get(name)
        if operation is None or operation.called is None or len(self.fused(name)) < 2:
            return {}
        if operation.called not in self._shares:
            found = work_of(self._executable.inside(operation.called), _TERMS).flops
            known = {place: flops for place, flops in found.items() if place is not None}
            total = sum(known.values())
            self._shares[operation.called] = {
                place: flops / total for place, flops in known.items() if total
            }
        return self._shares[operation.called]

    @cached_property
    def _executable(self) -> Executable:
        return Executable(self._text)

    def _place(self, operation: Operation, depth: int) -> Optional[SourceLocation]:
        if operation.place is not None or operation.called is None or not depth:
            return operation.place
        inner = self._computations.get(operation.called, [])
        ordered = sorted(inner, key=lambda item: not item.root)
        places = (self._place(item, depth - 1) for item in ordered)
        return next((place for place in places if place is not None), None)

"""What devices send each other: which operation, how often, how many bytes, along which axes of the mesh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Optional

from jaxsight_runner.costs.line_costs import text_at
from jaxsight_runner.program.instructions import Executable, Running
from jaxsight_runner.protocol import Collective
from jaxsight_runner.sharding.groups import axes_of, groups_of

_OPERATIONS = frozenset(
    (
        "all-reduce",
        "all-gather",
        "reduce-scatter",
        "collective-permute",
        "all-to-all",
        "ragged-all-to-all",
        "collective-broadcast",
    )
)
# of asynchronous ones the result of `-start` names the operands first
_OPERANDS_FIRST = frozenset(("all-gather-start", "collective-permute-start"))

_Key = tuple[str, Optional[str], Optional[int], int, tuple[str, ...]]


def collectives(
    executable: Executable, axes: Optional[Mapping[str, int]] = None
) -> tuple[Collective, ...]:
    """By kind, line and axes; what sends most comes first. `axes`: of the mesh, in its order."""
    found: list[Collective] = []
    seen: set[str] = set()
    for one in executable.running():
        made = _collective(one, executable.devices, axes or {}, one.instruction.name in seen)
        if made is not None:
            seen.add(one.instruction.name)
            found.append(made)
    return by_what_is_sent(found)


def by_what_is_sent(found: Iterable[Collective]) -> tuple[Collective, ...]:
    """Those of one kind, line and axes together; what sends most comes first."""
    sums: dict[_Key, Collective] = {}
    for one in found:
        key = (one.operation, one.path, one.line, one.group, one.axes)
        sums[key] = _sum(sums[key], one) if key in sums else one
    return tuple(sorted(sums.values(), key=lambda one: (-one.sent, one.operation, one.line or 0)))


def _collective(
    one: Running, devices: int, axes: Mapping[str, int], is_again: bool
) -> Optional[Collective]:
    """`is_again`: the instruction stands in a computation that runs in several places."""
    instruction, place = one.instruction, one.place
    operation = instruction.opcode.removesuffix("-start")
    if operation not in _OPERATIONS:
        return None
    size, groups = groups_of(instruction.attributes, devices)
    results = instruction.results
    if instruction.opcode in _OPERANDS_FIRST:
        results = results[len(results) // 2 :]
    received = float(sum(shape.bytes for shape in results))
    return Collective(
        operation=operation,
        count=0 if is_again else 1,
        times=one.times,
        open_ended=one.open_ended,
        bytes=received * one.times,
        sent=bytes_sent(operation, received, size) * one.times,
        group=size,
        axes=axes_of(groups, axes),
        path=place.path if place else None,
        line=place.line if place else None,
        text=text_at(place) if place else "",
    )


def bytes_sent(operation: str, received: float, group: int) -> float:
    """Bytes that one device of a ring of n sends, of a result of so many bytes on it.

    An all-reduce is a reduce-scatter and an all-gather, each of which passes on n - 1 of n parts. R. Thakur,
    R. Rabenseifner and W. Gropp, Optimization of collective communication operations in MPICH, 2005.
    """
    if group < 2:
        return 0.0
    passed = (group - 1) / group
    if operation == "all-reduce":
        return 2 * passed * received
    if operation == "reduce-scatter":
        return (group - 1) * received  # the operand is `group` times the result
    return received if operation.startswith("collective") else passed * received


def _sum(one: Collective, other: Collective) -> Collective:
    return replace(
        one,
        count=one.count + other.count,
        times=one.times + other.times,
        open_ended=one.open_ended or other.open_ended,
        bytes=one.bytes + other.bytes,
        sent=one.sent + other.sent,
    )

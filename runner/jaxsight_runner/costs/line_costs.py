"""What each line of the user's source costs: FLOPs, bytes, conversions, captured constants, the peak of memory."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import Any, Optional

from jaxsight_runner.costs.equations import EquationCost, bytes_of, cost_of, size_of
from jaxsight_runner.costs.jaxprs import (
    Operation,
    is_literal,
    live_equations,
    opened,
    operations,
    place_of,
    sub_jaxprs,
)
from jaxsight_runner.data import dataclass
from jaxsight_runner.inputs.spec import DTYPES
from jaxsight_runner.protocol import Constant, Conversion, LineCost, Peak, SourceLocation

_SHORT = {long: short for short, long in DTYPES.items()}
_WRITTEN = re.compile(r"astype|dtype|float\d+|bfloat16|int\d+|asarray|\.array\(|promote")
_SMALL = 1024  # bytes: constants below it are no news


@dataclass
class _Sum:
    """What the operations of one line come to."""

    flops: float = 0.0
    transcendentals: float = 0.0
    bytes: float = 0.0
    operations: int = 0
    open_ended: bool = False
    unknown: set[str] = field(default_factory=set[str])


def counted_operations(jaxpr: Any) -> list[Operation]:
    """The operations of a program; of alternative branches the one with most work."""

    def weigh(operation: Operation) -> float:
        cost = cost_of(operation.equation)
        return cost.flops + cost.transcendentals + 1e-3 * cost.bytes

    return operations(jaxpr, weigh)


def line_costs(found: Iterable[Operation], otherwise: SourceLocation) -> tuple[LineCost, ...]:
    """The cost of each line, the most expensive first; what has no line of the user's is `otherwise`'s."""
    sums: dict[SourceLocation, _Sum] = {}
    for operation in found:
        _add(sums.setdefault(operation.place or otherwise, _Sum()), operation)
    lines = [_line(place, total) for place, total in sums.items()]
    return tuple(sorted(lines, key=lambda line: (-_work(line), line.path, line.line)))


def _add(total: _Sum, operation: Operation) -> None:
    cost: EquationCost = cost_of(operation.equation)
    total.flops += cost.flops * operation.times
    total.transcendentals += cost.transcendentals * operation.times
    total.bytes += cost.bytes * operation.times
    total.operations += 1
    total.open_ended = total.open_ended or operation.loop is not None
    if not cost.known:
        total.unknown.add(operation.name)


def _line(place: SourceLocation, total: _Sum) -> LineCost:
    return LineCost(
        path=place.path,
        line=place.line,
        text=text_at(place),
        flops=total.flops,
        transcendentals=total.transcendentals,
        bytes=total.bytes,
        operations=total.operations,
        open_ended=total.open_ended,
        unknown=tuple(sorted(total.unknown)),
    )


def _work(line: LineCost) -> float:
    return line.flops + line.transcendentals + 1e-3 * line.bytes


def text_at(place: SourceLocation) -> str:
    """The source at a place, stripped; empty where it cannot be read."""
    return linecache.getline(place.path, place.line).strip()[:200]


def short_type(aval: Any) -> str:
    """`f32[128,64]`."""
    name = str(aval.dtype)
    return f"{_SHORT.get(name, name)}[{','.join(map(str, aval.shape))}]"


def conversions(found: Iterable[Operation], otherwise: SourceLocation) -> tuple[Conversion, ...]:
    """Where floating values change their dtype, with how many elements, the most first."""
    sums: dict[tuple[SourceLocation, str, str], float] = {}
    widens: dict[tuple[str, str], bool] = {}
    for operation in found:
        if operation.name != "convert_element_type" or is_literal(operation.equation.invars[0]):
            continue
        source, result = operation.equation.invars[0].aval, operation.equation.outvars[0].aval
        if str(source.dtype) == str(result.dtype) or not _is_float(result.dtype):
            continue
        names = (_name(source.dtype), _name(result.dtype))
        widens[names] = _is_float(source.dtype) and result.dtype.itemsize > source.dtype.itemsize
        key = (operation.place or otherwise, *names)
        sums[key] = sums.get(key, 0.0) + size_of(result) * operation.times
    made = [
        Conversion(
            path=place.path,
            line=place.line,
            text=text_at(place),
            from_dtype=source,
            to_dtype=result,
            elements=elements,
            widens=widens[source, result],
            written=bool(_WRITTEN.search(text_at(place))),
        )
        for (place, source, result), elements in sums.items()
    ]
    return tuple(sorted(made, key=lambda one: (-one.elements, one.path, one.line)))


def _is_float(dtype: Any) -> bool:
    """Whether a dtype is floating or complex; NumPy says "V" of bfloat16 and its small kin."""
    return dtype.kind in "fc" or "float" in str(dtype)


def _name(dtype: Any) -> str:
    return _SHORT.get(str(dtype), str(dtype))


def constants(jaxpr: Any) -> tuple[Constant, ...]:
    """The arrays that a program captured, the largest first, each with the line that uses it first."""
    seen: dict[int, Constant] = {}
    for value, variable, program in _captured(jaxpr):
        size = int(getattr(value, "nbytes", 0))
        if size >= _SMALL and id(value) not in seen:
            place = _first_use(program, variable)
            seen[id(value)] = Constant(
                short_type(value),
                size,
                place.path if place else None,
                place.line if place else None,
            )
    return tuple(sorted(seen.values(), key=lambda one: -one.bytes))


def _captured(jaxpr: Any) -> Iterator[tuple[Any, Any, Any]]:
    program = opened(jaxpr)
    for value, variable in zip(getattr(jaxpr, "consts", ()), program.constvars):
        yield value, variable, program
    for equation in program.eqns:
        for operand in equation.invars:
            if is_literal(operand) and size_of(operand.aval) > 1:
                yield operand.val, operand, program
        for nested in sub_jaxprs(equation):
            yield from _captured(nested)


def _first_use(program: Any, variable: Any) -> Optional[SourceLocation]:
    for equation in program.eqns:
        if any(operand is variable for operand in equation.invars):
            return place_of(equation) or next(
                (p for inner in sub_jaxprs(equation) for p in _places(inner)), None
            )
    return None


def _places(jaxpr: Any) -> Iterator[SourceLocation]:
    for equation in opened(jaxpr).eqns:
        place = place_of(equation)
        if place is not None:
            yield place


@dataclass(frozen=True)
class _High:
    """The most that lives at once inside a program, and where."""

    bytes: int
    place: Optional[SourceLocation]


def peak_memory(jaxpr: Any, otherwise: SourceLocation) -> Peak:
    """The most bytes that live at once when the equations run in order and nothing is fused.

    The arguments stay to the end, as those of a call do. An estimate: the compiler reuses and fuses.
    """
    program = opened(jaxpr)
    held = sum(bytes_of(variable.aval) for variable in (*program.invars, *program.constvars))
    high = _high(program, None)
    place = high.place or otherwise
    return Peak(held + high.bytes, place.path, place.line)


def _high(jaxpr: Any, used: Optional[Sequence[bool]]) -> _High:
    """The peak of what a program makes; its inputs are its caller's."""
    program = opened(jaxpr)
    kept = live_equations(program, used)[0]
    last = {
        variable: index
        for index, (equation, _) in enumerate(kept)
        for variable in equation.invars
        if not is_literal(variable)
    }
    results = {variable for variable in program.outvars if not is_literal(variable)}
    live = 0
    sizes: dict[Any, int] = {}
    highest = _High(0, None)
    for index, (equation, needed) in enumerate(kept):
        made = {v: bytes_of(v.aval) for v, is_used in zip(equation.outvars, needed) if is_used}
        inner = _inside(equation, needed)
        now = live + max(inner.bytes, sum(made.values()))
        if now > highest.bytes:
            highest = _High(now, inner.place or place_of(equation))
        sizes.update(made)
        live += sum(made.values())
        for variable in [*made, *equation.invars]:
            gone = not is_literal(variable) and last.get(variable, -1) <= index
            if gone and variable not in results:
                live -= sizes.pop(variable, 0)
    return highest


def _inside(equation: Any, needed: Sequence[bool]) -> _High:
    """The peak of the programs in an equation, which run one at a time."""
    highest = _High(0, None)
    for nested in sub_jaxprs(equation):
        outputs = len(opened(nested).outvars)
        high = _high(nested, needed if outputs == len(needed) else None)
        if high.bytes > highest.bytes:
            highest = high
    return highest

"""Reads jaxprs of every JAX from 0.4.30 on: what runs, how often, and from which line of the user's.

Only attributes of what `jax.make_jaxpr` returns are used, no module of JAX's inside. A primitive or a
parameter that is not known is passed on as it stands, so that a reader can say "unknown".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Optional, cast

from jaxsight_runner.data import dataclass
from jaxsight_runner.failures import is_user_file
from jaxsight_runner.protocol import SourceLocation

Jaxpr = Any  # `jax.core.Jaxpr`, closed or not, of the user's JAX
Equation = Any

_CALLS = frozenset(("jit", "pjit", "closed_call", "core_call", "remat2", "checkpoint", "remat"))
_CUSTOM = frozenset(("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"))
_NAMED = frozenset((*_CALLS, *_CUSTOM)) - {"remat2", "checkpoint", "remat"}
# their jaxprs say how two elements are combined, and run for no line of their own
_COMBINERS = ("reduce", "scatter", "select_and", "cum", "sort", "arg")


@dataclass(frozen=True)
class Operation:
    """One equation that computes something."""

    equation: Equation
    times: float  # how often it runs: the lengths of the scans around it, multiplied
    place: Optional[SourceLocation]  # the user's innermost line
    loop: Optional[SourceLocation] = None  # of a `while` around it, whose trips nobody knows

    @property
    def name(self) -> str:
        """The primitive's name."""
        return str(self.equation.primitive.name)


def opened(jaxpr: Jaxpr) -> Jaxpr:
    """The jaxpr inside a closed one."""
    return getattr(jaxpr, "jaxpr", jaxpr)


def is_literal(variable: Any) -> bool:
    """Whether an operand is written out in the equation."""
    return hasattr(variable, "val")


def sub_jaxprs(equation: Equation) -> list[Jaxpr]:
    """The programs among an equation's parameters, also those in tuples."""
    found: list[Jaxpr] = []
    for value in equation.params.values():
        items = cast("Sequence[Any]", value) if isinstance(value, (tuple, list)) else (value,)
        found += [item for item in items if hasattr(opened(item), "eqns")]
    return found


def operations(jaxpr: Jaxpr, weigh: Callable[[Operation], float]) -> list[Operation]:
    """What a program computes, in order, without what nothing needs.

    Of the branches of a `cond` the heaviest by `weigh` counts.
    """
    return list(_Walk(weigh).body(jaxpr, _Surroundings()))


@dataclass(frozen=True)
class _Surroundings:
    """Where a nested program stands."""

    times: float = 1.0
    place: Optional[SourceLocation] = None
    loop: Optional[SourceLocation] = None
    library: str = ""  # the file of a compiled function around it that is no user's


class _Walk:
    """Goes through the equations that live, into nested programs."""

    def __init__(self, weigh: Callable[[Operation], float]) -> None:
        self._weigh = weigh

    def body(
        self, jaxpr: Jaxpr, around: _Surroundings, used: Optional[Sequence[bool]] = None
    ) -> Iterator[Operation]:
        """The operations of one program, of whose results only the used ones count."""
        for equation, needed in live_equations(jaxpr, used)[0]:
            own = place_of(equation, around.library if around.place else "")
            yield from self._equation(equation, needed, around, own or around.place)

    def _equation(
        self,
        equation: Equation,
        used: Sequence[bool],
        around: _Surroundings,
        place: Optional[SourceLocation],
    ) -> Iterator[Operation]:
        name, times, loop = equation.primitive.name, around.times, around.loop
        inside = _Surroundings(times, place, loop, around.library)
        nested = sub_jaxprs(equation)
        if name == "scan":
            length = float(equation.params["length"])
            inside = _Surroundings(times * length, place, loop, around.library)
            yield from self.body(nested[0], inside, _Scan(equation).needed(used))
        elif name == "while":
            inside = _Surroundings(times, place, place or loop, around.library)
            for each in nested:
                yield from self.body(each, inside)
        elif name == "cond":
            branches = [list(self.body(each, inside, used)) for each in nested]
            yield from max(branches, key=self._weight)
        elif nested and not name.startswith(_COMBINERS) and name != "pallas_call":
            if name == "custom_linear_solve":  # its other programs are for derivatives
                nested = [equation.params["jaxprs"].solve]
            library = library_of(nested[0], around.library) if name in _NAMED else ""
            copies = _copies(equation, name)
            inside = _Surroundings(times * copies, place, loop, library)
            takes_all = len(opened(nested[0]).outvars) == len(used)
            yield from self.body(nested[0], inside, used if takes_all else None)
        else:
            yield Operation(equation, times, place, loop)

    def _weight(self, found: list[Operation]) -> float:
        return sum(self._weigh(each) * each.times for each in found)


def live_equations(
    jaxpr: Jaxpr, used: Optional[Sequence[bool]] = None
) -> tuple[list[tuple[Equation, list[bool]]], list[bool]]:
    """The equations that some used result needs, each with which of its results are; and the inputs needed.

    `jax.make_jaxpr` keeps the forward pass of what is recomputed; the compiler drops it, and so does this.
    """
    program = opened(jaxpr)
    wanted = used if used is not None else [True] * len(program.outvars)
    live = {v for v, is_used in zip(program.outvars, wanted) if is_used and not is_literal(v)}
    kept: list[tuple[Equation, list[bool]]] = []
    for equation in reversed(program.eqns):
        needed = [variable in live for variable in equation.outvars]
        if not any(needed) and not getattr(equation, "effects", None):
            continue
        kept.append((equation, needed))
        inputs = _needed_inputs(equation, needed)
        live.update(
            v for v, is_used in zip(equation.invars, inputs) if is_used and not is_literal(v)
        )
    return kept[::-1], [variable in live for variable in program.invars]


def _needed_inputs(equation: Equation, used: Sequence[bool]) -> Sequence[bool]:
    name, nested = equation.primitive.name, sub_jaxprs(equation)
    everything = [True] * len(equation.invars)
    if not nested or getattr(equation, "effects", None):
        return everything
    if name == "scan":
        return _Scan(equation).inputs(used)
    if name == "cond":
        chosen = [live_equations(each, used)[1] for each in nested]
        return [True, *(any(flags) for flags in zip(*chosen))]
    first = opened(nested[0])
    if len(first.invars) == len(equation.invars) and len(first.outvars) == len(used):
        return live_equations(first, used)[1] if name in _CALLS or name in _CUSTOM else everything
    return everything


class _Scan:
    """The parts of a `scan`, told from ranks: JAX 0.11 gave up the counts."""

    def __init__(self, equation: Equation) -> None:
        self._body = sub_jaxprs(equation)[0]
        self._constants, self._carried = scan_counts(equation)

    def needed(self, used: Sequence[bool]) -> list[bool]:
        """Which results of the body count: those used, and what of the carry they need in the next step."""
        wanted = list(used)
        while True:
            inputs = live_equations(self._body, wanted)[1]
            carry = inputs[self._constants : self._constants + self._carried]
            grown = [a or b for a, b in zip(wanted, carry)] + wanted[self._carried :]
            if grown == wanted:
                return wanted
            wanted = grown

    def inputs(self, used: Sequence[bool]) -> list[bool]:
        """Which inputs of the scan some used result needs."""
        wanted = self.needed(used)
        inputs = live_equations(self._body, wanted)[1]
        start, end = self._constants, self._constants + self._carried
        carry = [a or b for a, b in zip(inputs[start:end], wanted)]
        return [*inputs[:start], *carry, *inputs[end:]]


def scan_counts(equation: Equation) -> tuple[int, int]:
    """How many inputs of a `scan` are constants, and how many are carried."""
    body = opened(sub_jaxprs(equation)[0])
    carried = sum(
        len(inner.aval.shape) == len(outer.aval.shape)
        for inner, outer in zip(body.outvars, equation.outvars)
    )
    stacked = sum(
        len(inner.aval.shape) < len(outer.aval.shape)
        for inner, outer in zip(body.invars, equation.invars)
    )
    return len(body.invars) - stacked - carried, carried


def place_of(equation: Equation, library: str = "") -> Optional[SourceLocation]:
    """The innermost line of the user's that made an equation.

    `library`: the file of a compiled function that it is part of. JAX traces that once, so a line around the
    call may be another call's; what it calls back of the user's (as Equinox's `filter_jit` does) is inside it.
    """
    if library and _is_of_jax(library):
        return None
    traceback = getattr(equation.source_info, "traceback", None)
    for frame in traceback.frames if traceback is not None else ():  # the innermost first
        if frame.file_name == library:
            return None
        if is_user_file(frame.file_name):
            return SourceLocation(frame.file_name, int(frame.line_num))
    return None


@cache
def _is_of_jax(path: str) -> bool:
    """Whether a file is JAX's own, and not one of JAXopt beside it."""
    return Path(import_module("jax").__file__ or "").parent in Path(path).parents


def library_of(jaxpr: Jaxpr, otherwise: str) -> str:
    """The file of a compiled function that is a library's; empty where it is the user's."""
    info = getattr(opened(jaxpr), "debug_info", None)
    name = getattr(info, "func_filename", None)
    source = getattr(info, "func_src_info", None)  # "relu at /path/nn.py:12"
    if not name and isinstance(source, str) and " at " in source:
        name = source.split(" at ", 1)[1].rsplit(":", 1)[0]
    if not isinstance(name, str) or not name:
        return otherwise
    return "" if is_user_file(name) and Path(name).is_absolute() else name


def _copies(equation: Equation, name: str) -> int:
    """On how many devices a body runs that is written for one."""
    if name == "shard_map":
        return int(getattr(equation.params.get("mesh"), "size", 1))
    return int(equation.params.get("axis_size") or 1) if name == "xla_pmap" else 1


@dataclass(frozen=True)
class Loops:
    """What a jaxpr knows of its loops, for a compiled program that does not say how often they turn."""

    turns: Mapping[SourceLocation, float]  # of lines all of whose loops are scans of one length
    all_scans: bool  # none is a `while`: each counts from zero


def loops(jaxpr: Jaxpr) -> Loops:
    """The lengths of scans, by the line of the scan."""
    found: dict[SourceLocation, set[Optional[float]]] = {}
    pending, all_scans = [jaxpr], True
    while pending:
        for equation in opened(pending.pop()).eqns:
            pending += sub_jaxprs(equation)
            name, place = equation.primitive.name, place_of(equation)
            all_scans = all_scans and name != "while"
            if place is not None and name in ("scan", "while"):
                length = float(equation.params["length"]) if name == "scan" else None
                found.setdefault(place, set()).add(length)
    known = {place: next(iter(lengths)) for place, lengths in found.items() if len(lengths) == 1}
    turns = {place: length for place, length in known.items() if length is not None}
    return Loops(turns, all_scans)

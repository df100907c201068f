"""Which inputs a gradient cannot reach, and the lines that cut it off.

Dataflow over the program: an operation that rounds, compares, casts to integers or stops gradients passes
on values and no derivatives. An input whose every way to the results is cut has a gradient of zero
everywhere. Sets of inputs are the bits of a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from jaxsight_runner.costs.jaxprs import (
    Equation,
    Jaxpr,
    is_literal,
    library_of,
    live_equations,
    opened,
    place_of,
    scan_counts,
    sub_jaxprs,
)
from jaxsight_runner.data import dataclass
from jaxsight_runner.program.prepared import is_inexact
from jaxsight_runner.protocol import SourceLocation

_FLAT = frozenset(("stop_gradient", "round", "floor", "ceil", "sign", "nextafter"))
_ENTERED = frozenset(("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"))
_WORDS = {
    "convert_element_type": "a cast to integers",
    **dict.fromkeys(("gt", "ge", "lt", "le", "eq"), "a comparison"),
    "ne": "a test for truth, or `!=`,",
}
Flow = tuple[int, int]  # the inputs that a value depends on, and those that its derivative does


@dataclass(frozen=True)
class Cut:
    """One operation that lets no derivative through."""

    name: str  # of the primitive
    place: Optional[SourceLocation]
    inputs: int  # whose derivatives end here

    @property
    def words(self) -> str:
        """What cuts, on which line."""
        words = _WORDS.get(self.name, f"`{self.name}`")
        return words + (f" on line {self.place.line}" if self.place else "")


class Reach:
    """What the results of a program depend on."""

    def __init__(self, jaxpr: Optional[Jaxpr]) -> None:
        self._cuts: list[Cut] = []
        if jaxpr is None:  # nothing is known
            self._values = self._slopes = -1
            return
        program = opened(jaxpr)
        given = [(1 << i, 1 << i) for i in range(len(program.invars))]
        found = self._body(jaxpr, given, None, "")
        floats = [flow for v, flow in zip(program.outvars, found) if _is_float(v)]
        self._values = _union(flow[0] for flow in floats)
        self._slopes = _union(flow[1] for flow in floats)

    def is_used(self, index: int) -> bool:
        """Whether any floating result depends on an input."""
        return bool(self._values >> index & 1)

    def is_dead(self, index: int) -> bool:
        """Whether results depend on an input and no derivative does."""
        return self.is_used(index) and not self._slopes >> index & 1

    def cuts(self, index: int) -> list[Cut]:
        """Where derivatives with respect to an input end, in the order of the program, each line once."""
        found: dict[Optional[SourceLocation], Cut] = {}
        for cut in self._cuts:
            if cut.inputs >> index & 1:
                found.setdefault(cut.place, cut)
        return list(found.values())

    @property
    def last_cut(self) -> Optional[Cut]:
        """The last operation that passes on no derivative of any input."""
        return self._cuts[-1] if self._cuts else None

    def _body(
        self, jaxpr: Jaxpr, given: Sequence[Flow], place: Optional[SourceLocation], library: str
    ) -> list[Flow]:
        program = opened(jaxpr)
        known: dict[Any, Flow] = dict(zip(program.invars, given))

        def read(variable: Any) -> Flow:
            return (0, 0) if is_literal(variable) else known.get(variable, (0, 0))

        for equation, _ in live_equations(program)[0]:
            own = place_of(equation, library if place else "")
            inputs = [read(v) for v in equation.invars]
            known.update(
                zip(equation.outvars, self._equation(equation, inputs, own or place, library))
            )
        return [read(v) for v in program.outvars]

    def _equation(
        self,
        equation: Equation,
        inputs: list[Flow],
        place: Optional[SourceLocation],
        library: str,
    ) -> list[Flow]:
        name, nested = equation.primitive.name, sub_jaxprs(equation)
        if name == "scan":
            return self._scan(equation, nested[0], inputs, place, library)
        if name == "while":
            return self._while(equation, inputs, place, library)
        if name == "cond":
            branches = [self._body(each, inputs[1:], place, library) for each in nested]
            return [
                (inputs[0][0] | _union(f[0] for f in flows), _union(f[1] for f in flows))
                for flows in zip(*branches)
            ]
        if name in _ENTERED and len(opened(nested[0]).invars) == len(inputs):
            return self._body(nested[0], inputs, place, library_of(nested[0], library))
        values, slopes = _union(f[0] for f in inputs), _union(f[1] for f in inputs)
        floats = [_is_float(v) for v in equation.outvars]
        if slopes and (name in _FLAT or not any(floats)):
            self._cuts.append(Cut(name, place, slopes))
            slopes = 0
        return [(values, slopes if is_float else 0) for is_float in floats]

    def _scan(
        self,
        equation: Equation,
        body: Jaxpr,
        inputs: list[Flow],
        place: Optional[SourceLocation],
        library: str,
    ) -> list[Flow]:
        constants, carried = scan_counts(equation)
        end = constants + carried
        carry = inputs[constants:end]
        while True:
            found = self._body(body, [*inputs[:constants], *carry, *inputs[end:]], place, library)
            grown = [(a[0] | b[0], a[1] | b[1]) for a, b in zip(carry, found)]
            if grown == carry:
                return found
            carry = grown

    def _while(
        self,
        equation: Equation,
        inputs: list[Flow],
        place: Optional[SourceLocation],
        library: str,
    ) -> list[Flow]:
        parameters = equation.params
        first, second = parameters["cond_nconsts"], parameters["body_nconsts"]
        asked, fixed = inputs[:first], inputs[first : first + second]
        carry = inputs[first + second :]
        while True:
            goes_on = self._body(parameters["cond_jaxpr"], [*asked, *carry], place, library)[0][0]
            found = self._body(parameters["body_jaxpr"], [*fixed, *carry], place, library)
            grown = [(a[0] | b[0] | goes_on, a[1] | b[1]) for a, b in zip(carry, found)]
            if grown == carry:
                return carry
            carry = grown


def _union(sets: Any) -> int:
    found = 0
    for each in sets:
        found |= each
    return found


def _is_float(variable: Any) -> bool:
    aval = getattr(variable, "aval", None)
    return hasattr(aval, "dtype") and is_inexact(aval)

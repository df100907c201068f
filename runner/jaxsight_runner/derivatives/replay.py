"""Runs a program again, equation by equation, and remembers where NaN and infinity come from.

Every value is a cell: the number, the step that made it where it is not finite, and which of its elements
are zero because a `where` chose so. Loops, branches and compiled functions are entered, so that a step is
always one line of the user's.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.costs.jaxprs import (
    Equation,
    Jaxpr,
    library_of,
    opened,
    place_of,
    scan_counts,
    sub_jaxprs,
)
from jaxsight_runner.data import dataclass
from jaxsight_runner.derivatives.lifting import ENTERED, bind, wide, wide_bind
from jaxsight_runner.program.prepared import is_inexact
from jaxsight_runner.protocol import SourceLocation

_SAME_PLACE = frozenset(("neg", "copy", "convert_element_type", "real"))
_MOVED = frozenset(
    ("reshape", "broadcast_in_dim", "transpose", "squeeze", "expand_dims", "slice", "rev")
)


class TooLong(Exception):  # noqa: N818 - a limit is no error
    """The replay takes longer than it may."""


@dataclass(frozen=True)
class Step:
    """One equation as it ran."""

    equation: Equation
    inputs: tuple[Cell, ...]
    output: Any  # its first value that is not finite
    place: Optional[SourceLocation]

    @property
    def name(self) -> str:
        """The primitive's name."""
        return str(self.equation.primitive.name)


@dataclass(frozen=True)
class Cell:
    """A value, and what is known about it."""

    value: Any
    origin: Optional[Step] = None  # what made it, where it is not finite, or lost its precision
    hidden: Optional[Any] = None  # which elements are zero because a `where` chose so
    wide: Optional[Any] = None  # the same in double precision
    loss: float = 0.0  # how far the two are apart, relative

    def nans(self) -> bool:
        """Whether an element is NaN."""
        return _is_float(self.value) and bool(
            import_module("jax").numpy.any(self.value != self.value)
        )

    def is_finite(self) -> bool:
        """Whether all elements are finite; what is no float is."""
        return not _is_float(self.value) or bool(
            import_module("jax").numpy.all(import_module("jax").numpy.isfinite(self.value))
        )


class Replay:
    """One run of a program outside of any compiler."""

    def __init__(self, seconds: float, lossy: Optional[float] = None) -> None:
        """`lossy`: follow values in double precision, too, and remember what is that far from them."""
        self._jax = import_module("jax")
        self._end = time.monotonic() + seconds
        self._lossy = lossy

    def run(self, program: Jaxpr, values: Sequence[Any]) -> list[Cell]:
        """The results of a closed program."""
        return self._closed(program, [self._given(value) for value in values], None, "")

    def _given(self, value: Any) -> Cell:
        return Cell(value, wide=wide(value) if self._lossy is not None else None)

    def _closed(
        self, program: Jaxpr, cells: Sequence[Cell], place: Optional[SourceLocation], library: str
    ) -> list[Cell]:
        inner = opened(program)
        known: dict[Any, Cell] = {}
        constants = getattr(program, "consts", None) or ()
        known.update(zip(inner.constvars, map(self._given, constants)))
        known.update(zip(inner.invars, cells))

        def read(variable: Any) -> Cell:
            return self._given(variable.val) if hasattr(variable, "val") else known[variable]

        for equation in inner.eqns:
            if time.monotonic() > self._end:
                raise TooLong
            own = place_of(equation, library if place else "")
            found = self._equation(
                equation, [read(v) for v in equation.invars], own or place, library
            )
            known.update(zip(equation.outvars, found))
        return [read(variable) for variable in inner.outvars]

    def _equation(
        self,
        equation: Equation,
        cells: list[Cell],
        place: Optional[SourceLocation],
        library: str,
    ) -> list[Cell]:
        name, nested = equation.primitive.name, sub_jaxprs(equation)
        if name == "scan":
            return self._scan(equation, nested[0], cells, place, library)
        if name == "while":
            return self._while(equation, cells, place, library)
        if name == "cond":
            chosen = min(max(int(cells[0].value), 0), len(nested) - 1)
            return self._closed(nested[chosen], cells[1:], place, library)
        if name in ENTERED and nested and len(opened(nested[0]).invars) == len(cells):
            library = library_of(nested[0], library)
            return self._closed(nested[0], cells, place, library)
        return self._bound(equation, cells, place)

    def _bound(
        self, equation: Equation, cells: list[Cell], place: Optional[SourceLocation]
    ) -> list[Cell]:
        values = bind(equation, [cell.value for cell in cells])
        if self._lossy is not None:
            return self._shadowed(equation, cells, values, place)
        hidden = _hidden(equation, cells, values[0]) if len(values) == 1 else None
        found: list[Cell] = []
        for value in values:
            cell = Cell(value, None, hidden)
            if not cell.is_finite():
                cell = Cell(value, Step(equation, tuple(cells), value, place), hidden)
            found.append(cell)
        return found

    def _shadowed(
        self,
        equation: Equation,
        cells: list[Cell],
        values: list[Any],
        place: Optional[SourceLocation],
    ) -> list[Cell]:
        assert self._lossy is not None
        found: list[Cell] = []
        for value, exact in zip(values, wide_bind(equation, [cell.wide for cell in cells])):
            loss = distance(value, exact)
            step = Step(equation, tuple(cells), value, place) if loss > self._lossy else None
            found.append(Cell(value, step, None, exact, loss))
        return found

    def _scan(
        self,
        equation: Equation,
        body: Jaxpr,
        cells: list[Cell],
        place: Optional[SourceLocation],
        library: str,
    ) -> list[Cell]:
        constants, carried = scan_counts(equation)
        fixed, carry = cells[:constants], cells[constants : constants + carried]
        rows: list[list[Cell]] = []
        length = int(equation.params["length"])
        order = range(length)
        for index in reversed(order) if equation.params["reverse"] else order:
            here = [self._row(cell, index) for cell in cells[constants + carried :]]
            found = self._closed(body, [*fixed, *carry, *here], place, library)
            carry = found[:carried]
            rows.append(found[carried:])
        if equation.params["reverse"]:
            rows.reverse()
        columns = range(len(equation.outvars) - carried)
        return [
            *carry,
            *(
                self._stacked([row[i] for row in rows], equation.outvars[carried + i])
                for i in columns
            ),
        ]

    def _row(self, cell: Cell, index: int) -> Cell:
        value = cell.value[index]
        exact = cell.wide[index] if cell.wide is not None else None
        hidden = cell.hidden[index] if cell.hidden is not None else None
        if exact is not None:
            loss = distance(value, exact)
            return Cell(
                value, cell.origin if loss > (self._lossy or 0) else None, None, exact, loss
            )
        is_bad = cell.origin is not None and not Cell(value).is_finite()
        return Cell(value, cell.origin if is_bad else None, hidden)

    def _stacked(self, cells: Sequence[Cell], variable: Any) -> Cell:
        numpy = self._jax.numpy
        if not cells:
            return self._given(numpy.zeros(variable.aval.shape, variable.aval.dtype))
        origin = next((cell.origin for cell in cells if cell.origin is not None), None)
        value = numpy.stack([cell.value for cell in cells])
        if self._lossy is None:
            return Cell(value, origin)
        exact = numpy.stack([cell.wide for cell in cells])
        return Cell(value, origin, None, exact, distance(value, exact))

    def _while(
        self,
        equation: Equation,
        cells: list[Cell],
        place: Optional[SourceLocation],
        library: str,
    ) -> list[Cell]:
        parameters = equation.params
        first, second = parameters["cond_nconsts"], parameters["body_nconsts"]
        asked, fixed = cells[:first], cells[first : first + second]
        carry = cells[first + second :]
        while bool(
            self._closed(parameters["cond_jaxpr"], [*asked, *carry], place, library)[0].value
        ):
            carry = self._closed(parameters["body_jaxpr"], [*fixed, *carry], place, library)
        return carry


def distance(value: Any, exact: Any) -> float:
    """How far a value is from the exact one, relative to the largest element."""
    numpy = import_module("numpy")
    if not _is_float(exact) or not exact.size:
        return 0.0
    true = numpy.asarray(exact)
    if not numpy.all(numpy.isfinite(true)):
        return 0.0
    away = numpy.abs(numpy.asarray(wide(value)) - true)
    largest = float(numpy.max(numpy.abs(true)))
    return float(numpy.max(away)) / largest if largest else 0.0


def _hidden(equation: Equation, cells: Sequence[Cell], output: Any) -> Optional[Any]:
    """Which elements of a result are zero because a `where` did not choose what was there."""
    numpy, name = import_module("jax").numpy, equation.primitive.name
    if name == "select_n" and _is_float(output):
        return _unchosen(cells, output)
    if name == "mul" and any(cell.hidden is not None for cell in cells):
        masks = [cell.hidden for cell in cells if cell.hidden is not None]
        return numpy.logical_and(output == 0, masks[0] if len(masks) == 1 else masks[0] | masks[1])
    if not cells or cells[0].hidden is None:
        return None
    first = cells[0].hidden
    if name in _SAME_PLACE or name == "div":
        return numpy.broadcast_to(first, output.shape)
    if name in _MOVED:
        return bind(equation, [first])[0]
    if name in ("add_any", "add") and cells[1].hidden is not None:
        return first & cells[1].hidden
    if name == "reduce_sum":
        return numpy.all(first, axis=tuple(equation.params["axes"]))
    return None


def _unchosen(cells: Sequence[Cell], output: Any) -> Any:
    """A case that is zero throughout stands for "nothing comes from here"."""
    numpy = import_module("jax").numpy
    which = cells[0].value
    found = numpy.zeros(output.shape, bool)
    for index, case in enumerate(cells[1:]):
        chosen = numpy.broadcast_to(which == index, output.shape)
        if not bool(numpy.any(case.value != 0)):
            found = found | chosen
        elif case.hidden is not None:
            found = found | (chosen & case.hidden)
    return found


def _is_float(value: Any) -> bool:
    return (not hasattr(value, "dtype") and isinstance(value, (float, complex))) or (
        hasattr(value, "dtype") and is_inexact(value)
    )

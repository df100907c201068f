"""Derivatives by central differences with Richardson's extrapolation. Pure functions, no jax."""

from __future__ import annotations

import math
from collections.abc import Callable

from jaxsight_runner.data import dataclass

_STEPS = 9
_SHRINK = 2.0
_CLOSE = 1e-10


@dataclass(frozen=True)
class Slope:
    """A derivative at 0 along a line, how far to trust it, and what was seen on the way."""

    value: float
    uncertainty: float  # an estimate of the error, from how the extrapolations agree
    right: float  # one-sided slopes at the smallest step
    left: float
    largest: float  # magnitude of the function nearby, which bounds the rounding error
    step: float  # the middle step

    def rounding(self, epsilon: float) -> float:
        """What rounding of the function's values may do to the slope."""
        return 50 * epsilon * self.largest / self.step


def slope(function: Callable[[float], float], first_step: float) -> Slope:
    """The derivative of `function` at 0, by Ridders' table of central differences.

    Each row halves the step; each column removes one more even power of it. The entry whose
    neighbours agree best is the answer, and their disagreement its uncertainty.
    """
    centre = function(0.0)
    table: list[list[float]] = []
    best, uncertainty = math.nan, math.inf
    largest, step = abs(centre), first_step
    above = below = centre
    for row in range(_STEPS):
        above, below = function(step), function(-step)
        largest = max(largest, abs(above), abs(below))
        table.append([(above - below) / (2 * step)])
        factor = 1.0
        for column in range(1, row + 1):
            factor *= _SHRINK * _SHRINK
            entry = (table[row][column - 1] * factor - table[row - 1][column - 1]) / (factor - 1)
            table[row].append(entry)
            error = max(
                abs(entry - table[row][column - 1]), abs(entry - table[row - 1][column - 1])
            )
            if error <= uncertainty:
                best, uncertainty = entry, error
        step /= _SHRINK
    step *= _SHRINK
    middle = first_step / _SHRINK ** (_STEPS // 2)
    return Slope(
        best, uncertainty, (above - centre) / step, (centre - below) / step, largest, middle
    )


def noise(function: Callable[[float], float], largest: float) -> float:
    """What rounding inside of the function does to its values, from how they scatter close to 0.

    Fourth differences are free of what is smooth. What is more than noise, as a jump, counts as none.
    """
    values = [function(index * _CLOSE) for index in range(-4, 5)]
    for _ in range(4):
        values = [after - before for before, after in zip(values, values[1:])]
    found = max(abs(value) for value in values) / 8  # about the root of the sum of squared weights
    return found if found <= 1e-6 * largest else 0.0

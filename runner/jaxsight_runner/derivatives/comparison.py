"""Compares a gradient with differences, leaf by leaf, and judges what it sees.

The cost does not grow with the number of parameters: a direction is drawn through all elements of a leaf,
and through all leaves where there are many; only what disagrees is halved, down to the element.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.derivatives.differences import noise, slope
from jaxsight_runner.derivatives.differentiation import (
    Differentiable,
    Vector,
    direction,
    magnitude,
)
from jaxsight_runner.protocol import LeafVerdict

_MANY_LEAVES = 8  # above it, one direction for each leaf is enough
_VERY_MANY = 24  # above it, leaves are compared together, and halved where they disagree
_JITTERS = 4
_STEPS = (1e-2, 1e-4, 1e-6)
_COARSE = (5e-2, 5e-3)  # without a reference in double precision


@dataclass(frozen=True)
class Check:
    """One directional derivative, twice."""

    analytic: float
    numeric: float
    uncertainty: float
    scale: float
    tolerance: float
    rounding: float
    reliable: bool  # the reference is good enough to agree with
    settled: bool  # it is good enough to contradict: a chaotic function's never is
    kinked: bool

    @property
    def agrees(self) -> bool:
        """Whether the two are the same, as far as the reference can tell."""
        return abs(self.analytic - self.numeric) <= self.tolerance

    @property
    def error(self) -> float:
        """The relative difference."""
        apart = abs(self.analytic - self.numeric)
        share = apart / self.scale if self.scale else 0.0
        return 0.0 if apart <= self.rounding and share > 1e-5 else share  # nothing but rounding


@dataclass(frozen=True)
class LeafCheck:
    """What the checks of one leaf come to."""

    verdict: LeafVerdict
    worst: Optional[Check]
    element: Optional[tuple[int, ...]] = None
    message: Optional[str] = None


def check_direction(
    function: Differentiable, point: Vector, gradient: Vector, along: Vector, first_step: float
) -> Check:
    """The gradient's claim along a direction against differences of the function."""
    seen = slope(function.along(point, along), first_step)
    claimed = function.claimed(point, gradient, along)
    found = abs(seen.value) if math.isfinite(seen.value) else 0.0
    rounding = seen.rounding(function.epsilon)
    scale = max(magnitude(gradient, along), abs(claimed), found)
    if abs(claimed - seen.value) > max(function.tolerance * scale, rounding):
        # what cancels inside of the function is larger than its value, and rounds more
        scatter = noise(function.along(point, along), seen.largest)
        rounding = max(rounding, 20 * scatter / seen.step)
    full = function.epsilon < 1e-15
    trusted = seen.uncertainty <= max((1e-4 if full else 5e-3) * scale, rounding)
    tolerance = max(20 * seen.uncertainty if trusted else 0.0, function.tolerance * scale, rounding)
    gap = abs(seen.right - seen.left)
    kinked = gap > 1e-3 * scale + rounding
    reliable = trusted and math.isfinite(seen.value)
    settled = reliable and seen.uncertainty <= max(1e-4 * found, rounding)
    return Check(
        claimed, seen.value, seen.uncertainty, scale, tolerance, rounding, reliable, settled, kinked
    )


class Comparison:
    """The checks of all leaves of one function at one point."""

    def __init__(
        self,
        function: Differentiable,
        point: Vector,
        gradient: Vector,
        directions: int,
        seed: int,
    ) -> None:
        self.function = function
        self.point = point
        self.gradient = gradient
        self._rng = import_module("numpy").random.default_rng([seed, 2])
        self._directions = directions
        self._steps = _STEPS if function.epsilon < 1e-15 else _COARSE

    def leaves(self, wanted: Sequence[int]) -> dict[int, LeafCheck]:
        """Check leaves: each for itself, or together as long as they agree."""
        if len(wanted) <= _VERY_MANY:
            count = self._directions if len(wanted) <= _MANY_LEAVES else 1
            return {index: self.group([index], count) for index in wanted}
        found = self.group(wanted, self._directions)
        if found.verdict == "right":
            return dict.fromkeys(wanted, found)
        middle = len(wanted) // 2
        return {**self.leaves(wanted[:middle]), **self.leaves(wanted[middle:])}

    def group(self, leaves: Sequence[int], count: int) -> LeafCheck:
        """Check leaves along random directions, then with smaller steps, then beside the point."""
        checks = [self._best(leaves) for _ in range(count)]
        worst = max(
            checks, key=lambda check: check.error if check.error == check.error else math.inf
        )
        if all(check.agrees and check.reliable for check in checks):
            return LeafCheck("right", worst)
        # A derivative that differs by side, or is not linear as that of a maximum of equal values, is none.
        beside = self._beside(leaves)
        if sum(check.agrees and check.reliable for check in beside) >= _JITTERS - 1:
            return LeafCheck("kink", worst, message="not smooth at this point; right beside it")
        failed = [check for check in beside if check.settled and not check.agrees]
        settled = [check for check in checks if check.settled and not check.kinked]
        if len(failed) < 2 and all(check.agrees for check in settled):
            message = "the numerical reference does not settle here"
            if not math.isfinite(worst.numeric):
                message = "the function is not finite on both sides of this point"
            return LeafCheck("unsure", worst, message=message)
        if len(leaves) > 1:
            return LeafCheck("wrong", worst)
        return self._located(leaves[0], worst)

    def _best(self, leaves: Sequence[int], mask: Optional[Any] = None) -> Check:
        """One direction, with steps made smaller until the two agree."""
        along = direction(self.point, self._rng, leaves, mask)
        checks: list[Check] = []
        for step in self._steps:
            check = check_direction(self.function, self.point, self.gradient, along, step)
            checks.append(check)
            if check.agrees and check.reliable:
                return check
        settled = [check for check in checks if check.reliable] or checks
        return min(settled, key=lambda check: check.uncertainty)

    def _beside(self, leaves: Sequence[int]) -> list[Check]:
        """The same leaves at points nearby, where a kink is unlikely to be."""
        found: list[Check] = []
        for _ in range(_JITTERS):
            away = direction(self.point, self._rng)
            point = tuple(x + 1e-2 * v.astype(x.dtype) for x, v in zip(self.point, away))
            gradient = self.function.gradient(*point)
            along = direction(point, self._rng, leaves)
            checks = [
                check_direction(self.function, point, gradient, along, step)
                for step in self._steps[1:]
            ]
            found.append(next((c for c in checks if c.agrees and c.reliable), checks[-1]))
        return found

    def _located(self, index: int, worst: Check) -> LeafCheck:
        """The wrong element, found by halving, and by how much it is wrong."""
        numpy = import_module("numpy")
        shape = self.point[index].shape
        size = math.prod(shape)
        suspects: Any = numpy.arange(size)
        several = False
        check = worst
        while len(suspects) > 1:
            halves = suspects[: len(suspects) // 2], suspects[len(suspects) // 2 :]
            tried = [(self._masked(index, half, shape), half) for half in halves]
            wrong = [(c, half) for c, half in tried if not c.agrees]
            if not wrong:
                return LeafCheck("wrong", worst, None, _words(worst))  # only together
            several = several or len(wrong) > 1
            check, suspects = max(wrong, key=lambda pair: pair[0].error)
        if size <= 1:
            return LeafCheck("wrong", worst, None, _words(worst))
        element = tuple(int(item) for item in numpy.unravel_index(int(suspects[0]), shape))
        where = "as" if several else "only"
        return LeafCheck(
            "wrong", worst, element, f"{_words(check)}, {where} at element {_index(element)}"
        )

    def _masked(self, index: int, elements: Any, shape: Sequence[int]) -> Check:
        numpy = import_module("numpy")
        mask = numpy.zeros(math.prod(shape))
        mask[elements] = 1
        return self._best([index], mask.reshape(tuple(shape)))


def _index(element: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, element)) + "]"


def _words(check: Check) -> str:
    if not check.analytic:
        return f"0 where differences give {check.numeric:.4g}"
    if abs(check.numeric) > 1e-9 * check.scale:
        ratio = check.analytic / check.numeric
        digits = 4 if abs(ratio - 1) > 1e-3 else 7
        return f"{ratio:.{digits}g} times the numerical derivative"
    return f"{check.analytic:.4g} where differences give 0"

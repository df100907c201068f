"""Compares a gradient with differences, leaf by leaf, and judges what it sees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.derivatives.differences import slope
from jaxsight_runner.derivatives.differentiation import (
    Differentiable,
    Vector,
    direction,
    inner,
    magnitude,
)
from jaxsight_runner.protocol import LeafVerdict

_MANY_LEAVES = 8  # above it, one direction for each leaf is enough
_JITTERS = 4


@dataclass(frozen=True)
class Check:
    """One directional derivative, twice."""

    analytic: float
    numeric: float
    uncertainty: float
    scale: float
    tolerance: float
    reliable: bool
    kinked: bool

    @property
    def agrees(self) -> bool:
        """Whether the two are the same, as far as the reference can tell."""
        return abs(self.analytic - self.numeric) <= self.tolerance

    @property
    def error(self) -> float:
        """The relative difference."""
        return abs(self.analytic - self.numeric) / self.scale if self.scale else 0.0


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
    claimed = inner(gradient, along)
    found = abs(seen.value) if math.isfinite(seen.value) else 0.0
    rounding = seen.rounding(function.epsilon)
    scale = max(magnitude(gradient, along), abs(claimed), found)
    full = function.precision == "f64"
    trusted = seen.uncertainty <= max((1e-4 if full else 5e-3) * scale, rounding)
    tolerance = max(
        20 * seen.uncertainty if trusted else 0.0, (1e-6 if full else 2e-3) * scale, rounding
    )
    gap = abs(seen.right - seen.left)
    kinked = gap > 1e-3 * scale + rounding
    reliable = trusted and math.isfinite(seen.value)
    return Check(claimed, seen.value, seen.uncertainty, scale, tolerance, reliable, kinked)


class Comparison:
    """The checks of all leaves of one function at one point."""

    def __init__(
        self, function: Differentiable, gradient: Vector, directions: int, seed: int
    ) -> None:
        self.function = function
        self.gradient = gradient
        self._rng = import_module("numpy").random.default_rng([seed, 2])
        self._count = directions if len(function.point) <= _MANY_LEAVES else 1
        full = function.precision == "f64"
        self._steps = (1e-2, 1e-4, 1e-6) if full else (5e-2, 5e-3)

    def leaf(self, index: int) -> LeafCheck:
        """Check one leaf: along random directions, then with smaller steps, then beside the point."""
        checks = [self._best(index) for _ in range(self._count)]
        worst = max(
            checks, key=lambda check: check.error if check.error == check.error else math.inf
        )
        if all(check.agrees and check.reliable for check in checks):
            return LeafCheck("right", worst)
        if worst.kinked or not worst.reliable:
            beside = self._beside(index)
            if sum(check.agrees and check.reliable for check in beside) >= _JITTERS - 1:
                return LeafCheck("kink", worst, message="not smooth at this point; right beside it")
            failed = [check for check in beside if check.reliable and not check.agrees]
            if len(failed) < 2 and not any(c.reliable and not c.agrees for c in checks):
                return LeafCheck(
                    "unsure", worst, message="the numerical reference does not settle here"
                )
        return LeafCheck("wrong", worst, self._element(index), _words(worst))

    def _best(self, index: int, mask: Optional[Any] = None) -> Check:
        """One direction, with steps made smaller until the two agree."""
        along = direction(self.function.point, self._rng, index, mask)
        checks: list[Check] = []
        for step in self._steps:
            check = check_direction(self.function, self.function.point, self.gradient, along, step)
            checks.append(check)
            if check.agrees and check.reliable:
                return check
        settled = [check for check in checks if check.reliable] or checks
        return min(settled, key=lambda check: check.uncertainty)

    def _beside(self, index: int) -> list[Check]:
        """The same leaf at points nearby, where a kink is unlikely to be."""
        found: list[Check] = []
        for _ in range(_JITTERS):
            away = direction(self.function.point, self._rng)
            point = tuple(x + 1e-2 * v.astype(x.dtype) for x, v in zip(self.function.point, away))
            gradient = self.function.gradient(*point)
            along = direction(point, self._rng, index)
            checks = [
                check_direction(self.function, point, gradient, along, step)
                for step in self._steps[1:]
            ]
            found.append(next((c for c in checks if c.agrees and c.reliable), checks[-1]))
        return found

    def _element(self, index: int) -> Optional[tuple[int, ...]]:
        """The element with the wrong derivative, when it is one: found by halving."""
        numpy = import_module("numpy")
        shape = self.function.point[index].shape
        size = math.prod(shape)
        if size <= 1:
            return None
        suspects: Any = numpy.arange(size)
        while len(suspects) > 1:
            halves = suspects[: len(suspects) // 2], suspects[len(suspects) // 2 :]
            wrong = [half for half in halves if self._is_wrong(index, half, shape)]
            if len(wrong) != 1:
                return None  # none or many
            suspects = wrong[0]
        return tuple(int(item) for item in numpy.unravel_index(int(suspects[0]), shape))

    def _is_wrong(self, index: int, elements: Any, shape: Sequence[int]) -> bool:
        numpy = import_module("numpy")
        mask = numpy.zeros(math.prod(shape))
        mask[elements] = 1
        return not self._best(index, mask.reshape(tuple(shape))).agrees

    def is_dead(self, index: int) -> Optional[bool]:
        """Whether a leaf's gradient is zero here and around while the output depends on it.

        None: the output does not depend on it at all.
        """
        numpy = import_module("numpy")
        values: set[float] = {
            float(self.function.step(0.0, self.function.point, self.function.point))
        }
        along = direction(self.function.point, self._rng, index)
        for t in (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0):
            point = tuple(x + t * v.astype(x.dtype) for x, v in zip(self.function.point, along))
            values.add(float(self.function.step(0.0, point, along)))
            found = numpy.asarray(self.function.gradient(*point)[index])
            if numpy.any(found != 0):
                return False
        return True if len(values) > 1 else None


def _words(check: Check) -> str:
    if check.numeric:
        return f"{check.analytic / check.numeric:.4g} times the numerical derivative"
    return f"{check.analytic:.4g} where the numerical derivative is 0"

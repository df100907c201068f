"""What the numbers of an array are like, added up over several calls."""

from __future__ import annotations

import math
import sys
from typing import Any, Optional

from jaxsight_runner.data import dataclass

_MOST = 1 << 24
"""Of larger arrays every so many elements are looked at."""


@dataclass
class Tally:
    """Counts and sums; those of elements that are not finite are left out of the sums."""

    elements: int = 0
    finite: int = 0
    zeros: int = 0
    low: float = math.inf
    high: float = -math.inf
    total: float = 0.0
    squares: float = 0.0  # of the distances from `origin`
    origin: float = 0.0

    def add(self, array: Any) -> None:
        """Take an array of NumPy's into account; what has no order, complex numbers, is only counted."""
        numpy = sys.modules["numpy"]
        flat = array.reshape(-1)
        if flat.size > _MOST:
            flat = flat[:: -(-flat.size // _MOST)]
        if flat.dtype.kind not in "biu":
            flat = flat.astype(numpy.complex128 if flat.dtype.kind == "c" else numpy.float64)
        self.elements += flat.size
        self.zeros += int(flat.size - numpy.count_nonzero(flat))
        finite = flat[numpy.isfinite(flat)] if flat.dtype.kind in "fc" else flat
        if flat.dtype.kind != "c" and finite.size:
            self._sum(finite)
        self.finite += int(finite.size)

    def _sum(self, finite: Any) -> None:
        numpy = sys.modules["numpy"]
        # A truth value is a number here: in a report it would be none.
        self.low = min(self.low, +finite.min().item())
        self.high = max(self.high, +finite.max().item())
        if not self.finite:
            self.origin = float(finite.mean(dtype=numpy.float64))
        away = finite.astype(numpy.float64) - self.origin
        self.total += float(away.sum())
        self.squares += float((away * away).sum())

    @property
    def mean(self) -> Optional[float]:
        """Of the finite elements."""
        return self.origin + self.total / self.finite if self._is_ordered else None

    @property
    def std(self) -> Optional[float]:
        """Of the finite elements."""
        if not self._is_ordered:
            return None
        away = self.total / self.finite
        return math.sqrt(max(self.squares / self.finite - away * away, 0.0))

    @property
    def range(self) -> Optional[tuple[float, float]]:
        """The least and the greatest finite element."""
        return (self.low, self.high) if self._is_ordered else None

    @property
    def _is_ordered(self) -> bool:
        return self.finite > 0 and self.low <= self.high

    def share_of_zeros(self) -> Optional[float]:
        """Of all elements."""
        return self.zeros / self.elements if self.elements else None

    def share_of_non_finite(self) -> Optional[float]:
        """Of all elements."""
        return (self.elements - self.finite) / self.elements if self.elements else None


def spread(
    tally: Tally, dtype: str
) -> tuple[Optional[tuple[float, float]], Optional[tuple[float, float]]]:
    """Range and normal distribution to draw such numbers from again.

    The range alone where the numbers fill it evenly, or where there are few.
    """
    limits = tally.range
    if limits is None or dtype == "bool" or dtype[0] == "c":
        return None, None
    if dtype[0] in "iu":
        return limits, None
    low, high = _inwards(*limits)
    mean, std = tally.mean, tally.std
    assert mean is not None and std is not None
    width = high - low
    even = (
        abs(std - width / math.sqrt(12)) < 0.1 * std and abs(mean - (low + high) / 2) < 0.1 * width
    )
    if tally.elements < 8 or not std or even:
        return (low, high), None
    return (low, high), (_digits(mean), _digits(std))


def _inwards(low: float, high: float) -> tuple[float, float]:
    """Four digits, not wider than it was: a probability stays one."""
    first, last = _digits(low), _digits(high)
    first = first if first >= low else _digits(low + abs(low) * 1e-3)
    last = last if last <= high else _digits(high - abs(high) * 1e-3)
    return (first, last) if low <= first <= last <= high else (low, high)


def _digits(value: float) -> float:
    return float(f"{value:.4g}")

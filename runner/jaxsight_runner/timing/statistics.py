"""What samples of time say. Pure functions over sequences of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from typing import Literal

from jaxsight_runner.protocol import Interval

CONFIDENCE = 0.95
MINIMUM_SAMPLES = 6  # fewer cannot bound a median with 95 % confidence, whatever they are
_RESAMPLES = 1000
_STUDENT = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179)


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie, interpolated."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """A confidence interval of the median, whatever the distribution.

    Between two order statistics: the number of samples below the median is binomial with p = 1/2.
    Fewer than six samples give their whole range, whose confidence is lower.
    """
    ordered = sorted(values)
    rank = _rank(len(ordered), (1 - confidence) / 2)
    return ordered[rank], ordered[len(ordered) - 1 - rank]


def _rank(count: int, tail: float) -> int:
    """The index of the lower order statistic: the largest k with P(Binomial <= k) <= tail.

    Zero where even the smallest sample is not low enough.
    """
    if count > 200:  # the normal approximation, one rank on the safe side
        return math.floor((count - 1.96 * math.sqrt(count)) / 2) - 1
    total, limit = 0, tail * 2**count
    for k in range(count // 2 + 1):
        total += math.comb(count, k)
        if total > limit:
            return max(k - 1, 0)
    return 0


def half_width(values: Sequence[float]) -> float:
    """Half the confidence interval as a share of the median."""
    low, high = median_interval(values)
    middle = median(values)
    return (high - low) / 2 / middle if middle > 0 else math.inf


def outliers(values: Sequence[float]) -> int:
    """How many lie beyond three interquartile ranges of the quartiles."""
    first, third = quantile(values, 0.25), quantile(values, 0.75)
    reach = 3 * (third - first)
    return sum(1 for value in values if value < first - reach or value > third + reach)


def drift(values: Sequence[float]) -> float:
    """How much slower the last third is than the first, as a share."""
    third = max(1, len(values) // 3)
    start = median(values[:third])
    return median(values[-third:]) / start - 1 if start > 0 else 0.0


def summarise(values: Sequence[float]) -> Interval:
    """The interval a report shows; samples in seconds."""
    low, high = median_interval(values)
    return Interval(
        median=median(values),
        low=low,
        high=high,
        unit="s",
        confidence=CONFIDENCE,
        samples=len(values),
        minimum=min(values),
        p90=quantile(values, 0.9),
        outliers=outliers(values),
        drift=drift(values),
    )


def pair_ratios(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """How many times as long the first of each pair took."""
    return [first / second for first, second in zip(one, other) if second > 0]


def ratio_interval(ratios: Sequence[float], confidence: float = 0.99) -> tuple[float, float]:
    """A bootstrap interval of the median ratio.

    What comes and goes on a machine hits both of a pair, so that the ratio of a pair is known better
    than either time (measured: with other work on all cores, a seventh of the width that the ratio
    of the two medians has). Two pairs that were taken together, in opposite order, are drawn together.
    """
    numpy = import_module("numpy")
    rounds = numpy.asarray(ratios[: len(ratios) // 2 * 2]).reshape(-1, 2)
    rng = numpy.random.default_rng(0)
    drawn = rng.integers(0, len(rounds), (_RESAMPLES, len(rounds)))
    medians = numpy.median(rounds[drawn].reshape(_RESAMPLES, -1), axis=1)
    tail = (1 - confidence) / 2
    low, high = numpy.quantile(medians, [tail, 1 - tail])
    return float(low), float(high)


def comparison_verdict(
    low: float, high: float, threshold: float
) -> Literal["faster", "slower", "same", "unsure"]:
    """What an interval of the ratio says."""
    slow, fast = 1 + threshold, 1 / (1 + threshold)
    if low > slow:
        return "slower"
    if high < fast:
        return "faster"
    return "same" if fast <= low and high <= slow else "unsure"


def growing_part(times: Sequence[float]) -> tuple[int, int]:
    """How many of the first times are flat, and from which one on they are more than twice as long.

    The times are in the order of their sizes. Below twice what the smallest takes, the power with
    which they grow says more about the cost of calling than about the work. (0, 0): they grow at once.
    """
    base = min(median(times[:3]), 1.1 * times[0])  # one of the first may be off
    flat = 0
    while flat < len(times) and times[flat] <= 1.4 * base:
        flat += 1
    if flat < 2:
        return 0, 0
    start = len(times)
    while start > flat and times[start - 1] >= 2 * base:
        start -= 1
    return flat, start


def log_log_fit(sizes: Sequence[float], times: Sequence[float]) -> tuple[float, float, float]:
    """The power with which times follow sizes, by least squares of the logarithms, and its interval.

    Three points or more. The interval is Student's, and says how straight the line is.
    """
    xs, ys = [math.log(size) for size in sizes], [math.log(time) for time in times]
    middle, level = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - middle) ** 2 for x in xs)
    slope = sum((x - middle) * (y - level) for x, y in zip(xs, ys)) / spread
    left = sum((y - level - slope * (x - middle)) ** 2 for x, y in zip(xs, ys))
    freedom = len(xs) - 2
    half = _student(freedom) * math.sqrt(left / freedom / spread)
    return slope, slope - half, slope + half


def _student(freedom: int) -> float:
    """Between minus and plus this lie 95 % of Student's distribution."""
    return _STUDENT[freedom - 1] if freedom <= len(_STUDENT) else 2.0 + 1.2 / freedom


def instability(values: Sequence[float], host_noise: float) -> list[str]:
    """Why these samples should not be trusted; empty when they can be.

    `host_noise`: how much longer the slowest of equal pieces of pure Python work took.
    """
    reasons: list[str] = []
    if len(values) < MINIMUM_SAMPLES:
        reasons.append(f"only {len(values)} samples fit the time budget")
    elif half_width(values) > 0.05:
        reasons.append(f"the median is known to ±{half_width(values):.0%} only")
    if len(values) >= MINIMUM_SAMPLES and abs(drift(values)) > 0.1:
        direction = "slower" if drift(values) > 0 else "faster"
        reasons.append(
            f"the last third of the samples is {abs(drift(values)):.0%} {direction} than the first"
        )
    share = outliers(values) / len(values)
    if share > 0.1:
        reasons.append(f"{share:.0%} of the samples are outliers")
    if host_noise > 1.0:
        reasons.append(
            f"the host is busy: equal work took up to {1 + host_noise:.1f} times as long"
        )
    return reasons

"""Statistics against distributions whose answers are known, and differences against calculus."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from jaxsight_runner.derivatives.differences import slope
from jaxsight_runner.timing.statistics import (
    comparison_verdict,
    drift,
    growing_part,
    half_width,
    instability,
    log_log_fit,
    median,
    median_interval,
    outliers,
    pair_ratios,
    quantile,
    ratio_interval,
    summarise,
)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "same"), (1.1, "slower"), (0.9, "faster")])
def test_a_ratio_is_known_through_noise_that_hits_both_of_a_pair(
    factor: float, verdict: str
) -> None:
    """The machine is up to three times as slow for a while; each sample has 2 % of its own."""
    wrong, rng = 0, random.Random(0)
    for _ in range(50):
        one: list[float] = []
        other: list[float] = []
        for _ in range(100):
            load = rng.uniform(1, 3)
            one += [load * factor * rng.gauss(1, 0.02) for _ in range(2)]
            other += [load * rng.gauss(1, 0.02) for _ in range(2)]
        low, high = ratio_interval(pair_ratios(one, other))
        wrong += not low <= factor <= high
        assert comparison_verdict(low, high, 0.03) == verdict
    assert wrong <= 3


def test_an_interval_that_allows_both_decides_nothing() -> None:
    assert comparison_verdict(0.99, 1.2, 0.03) == "unsure"
    assert comparison_verdict(0.9, 1.1, 0.2) == "same"


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_a_power_is_fitted_with_an_interval_that_holds_it(power: float) -> None:
    rng, outside = random.Random(0), 0
    sizes = [2.0**n for n in range(6)]
    for _ in range(200):
        times = [1e-3 * size**power * math.exp(rng.gauss(0, 0.05)) for size in sizes]
        exponent, low, high = log_log_fit(sizes, times)
        assert abs(exponent - power) < 0.2
        outside += not low <= power <= high
    assert outside <= 20  # 10 are expected


def test_times_that_do_not_grow_yet_are_flat() -> None:
    assert growing_part([1.0, 1.1, 0.95, 1.6, 2.2, 4.0, 8.0]) == (3, 4)
    assert growing_part([1.0, 0.4, 1.1, 1.2, 4.0]) == (4, 4)  # one that was lucky
    assert growing_part([1.0, 2.0, 4.0]) == (0, 0)
    assert growing_part([1.0, 2.0, 4.0, 8.0]) == (0, 0)
    assert growing_part([1.0, 1.1, 1.0]) == (3, 3)


@pytest.mark.parametrize("count", [6, 15, 40, 200, 300, 2500])
@pytest.mark.parametrize("shape", ["normal", "exponential", "pareto"])
def test_the_interval_covers_the_true_median_as_often_as_it_says(shape: str, count: int) -> None:
    rng = random.Random(f"{shape} {count}")
    draw, truth = {
        "normal": (lambda: rng.gauss(5, 1), 5.0),
        "exponential": (lambda: rng.expovariate(1), math.log(2)),
        "pareto": (lambda: rng.paretovariate(1), 2.0),
    }[shape]
    rounds = 1500 if count < 1000 else 200
    covered = 0
    for _ in range(rounds):
        low, high = median_interval([draw() for _ in range(count)])
        covered += low <= truth <= high
    assert covered / rounds > 0.95 - 3 * math.sqrt(0.95 * 0.05 / rounds)
    if count >= 40 and rounds > 1000:
        assert covered / rounds < 0.98  # and the interval is no wider than it need be


def test_quantiles_are_interpolated() -> None:
    assert median([3, 1, 2]) == 2
    assert median([4, 1, 3, 2]) == 2.5
    assert quantile([0, 10], 0.25) == 2.5


def test_outliers_lie_three_quartile_ranges_out() -> None:
    assert outliers([1, 2, 3, 4, 5, 6, 7, 8, 100]) == 1
    assert outliers([1, 2, 3, 4, 5, 6, 7, 8, 18]) == 0


def test_drift_compares_the_last_third_with_the_first() -> None:
    assert drift([1.0] * 10 + [1.2] * 10 + [1.5] * 10) == pytest.approx(0.5)


def test_samples_that_say_nothing_are_unstable_for_a_reason() -> None:
    rng = random.Random(0)
    steady = [1 + rng.gauss(0, 0.01) for _ in range(60)]
    assert instability(steady, 0.1) == []
    assert "only 3 samples" in instability(steady[:3], 0.1)[0]
    assert "slower than the first" in " ".join(instability(sorted(x * x for x in range(1, 60)), 0))
    assert "the host is busy" in instability(steady, 2.0)[0]
    assert half_width([1.0, 5.0] * 10) > 0.05


def test_a_summary_keeps_units_and_counts() -> None:
    found = summarise([2e-3, 1e-3, 3e-3])
    assert (found.median, found.unit, found.samples, found.minimum) == (2e-3, "s", 3, 1e-3)


def exponential(t: float) -> float:
    return math.exp(2 * t)


def wave_on_a_hill(t: float) -> float:
    return math.sin(30 * t) + 1e4


def power(t: float) -> float:
    return (1 + t) ** 5


def constant(_: float) -> float:
    return 3.0


@pytest.mark.parametrize(
    ("function", "truth"),
    [(exponential, 2.0), (wave_on_a_hill, 30.0), (power, 5.0), (constant, 0.0)],
)
def test_extrapolated_differences_are_as_exact_as_they_say(
    function: Callable[[float], float], truth: float
) -> None:
    found = slope(function, 1e-2)
    error = abs(found.value - truth)
    assert error <= 20 * found.uncertainty + found.rounding(2.3e-16)
    assert error < 1e-6 * max(1, truth)


def test_a_kink_shows_in_the_one_sided_slopes() -> None:
    found = slope(abs, 1e-2)
    assert (found.right, found.left) == (1.0, -1.0)

"""A function at several sizes, dtypes and devices, and how its time grows."""

from __future__ import annotations

import pytest
from tests.runner.conftest import Bench, Seen

from jaxsight_runner.protocol import BenchmarkReport, Failure, Sweep, SweepAxis


def swept(seen: Seen) -> Sweep:
    assert isinstance(seen.outcome, BenchmarkReport), seen.outcome
    assert seen.outcome.sweep is not None
    return seen.outcome.sweep


LINEAR = """
import time
import jax, numpy as np
def wait(x):
    time.sleep(0.001 * len(x))
    return np.asarray(x)
# jaxsight: inputs x: f32[B, 2], y: f32[B]
def f(x, y):
    return jax.pure_callback(wait, jax.ShapeDtypeStruct(y.shape, y.dtype), y) + x.sum()
def constant(x, y):
    return x
"""


async def test_what_sleeps_as_long_as_its_input_grows_linearly(bench: Bench) -> None:
    axis = SweepAxis("B", ("10", "30", "90"))
    found = swept(await bench(LINEAR, sweep=(axis,)))
    assert [point.at for point in found.points] == [{"B": value} for value in axis.values]
    for point in found.points:
        assert point.latency is not None and point.failure is None
        assert point.latency.minimum >= 0.001 * int(point.at["B"])
        assert point.compile and point.memory
    (growth,) = found.growth
    assert growth.exponent is not None and growth.low is not None and growth.high is not None
    assert 0.6 < growth.exponent < 1.2
    assert growth.low <= growth.exponent <= growth.high


async def test_dtypes_and_sizes_are_combined(bench: Bench) -> None:
    text = "def f(x, i):\n    assert i.dtype == 'int32'\n    return x * 2\n"
    axes = (SweepAxis("N", ("2", "3")), SweepAxis("dtype", ("f32", "bf16")))
    found = swept(await bench(text, "x: f32[N=5, 4], i: i32[N]", sweep=axes))
    assert [tuple(point.at.values()) for point in found.points] == [
        ("2", "f32"),
        ("2", "bf16"),
        ("3", "f32"),
        ("3", "bf16"),
    ]
    bytes_ = [point.memory for point in found.points]
    assert bytes_[0] == 2 * (2 * 4 * 4)
    assert bytes_[1] == 2 * (2 * 4 * 2)


async def test_a_point_that_fails_says_why_and_the_others_go_on(bench: Bench) -> None:
    text = "def f(x):\n    return x.reshape(4, -1)\n"
    found = swept(await bench(text, "x: f32[N=4]", sweep=(SweepAxis("N", ("6", "8")),)))
    assert [point.verdict == "failed" for point in found.points] == [True, False]
    assert "reshape" in (found.points[0].failure or "")
    devices = SweepAxis("device", ("cpu", "tpu"))
    found = swept(await bench(text, "x: f32[N=4]", sweep=(devices,)))
    assert found.points[0].latency is not None
    assert found.points[1].failure == "jax has no tpu here"


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        (SweepAxis("M", ("1", "2")), "no dimension `M` to sweep over; they name `N`"),
        (SweepAxis("N", ("0",)), "a size is 1 or more"),
        (SweepAxis("dtype", ("i8",)), "`f16`, `bf16`, `f32`, `f64`"),
        (SweepAxis("N", tuple(map(str, range(1, 70)))), "at most 64"),
    ],
)
async def test_a_sweep_that_makes_no_sense_is_refused(
    bench: Bench, axis: SweepAxis, words: str
) -> None:
    outcome = (await bench("def f(x): return x\n", "x: f32[N=4]", sweep=(axis,))).outcome
    assert isinstance(outcome, Failure) and outcome.kind == "inputs"
    assert words in outcome.message

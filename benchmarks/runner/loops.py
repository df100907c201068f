"""The latency that the runner measures beside a loop written by hand and beside pytest-benchmark.

All three take turns in one process: on a machine that is not quiet, two processes differ by more than
two ways of measuring do.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import jaxsight_runner
from benchmarks.table import Row

SIZES = (8, 128, 768)
ROUNDS = 5

TESTS = """
import json, statistics, time
import jax, jax.numpy as jnp, numpy as np, pytest
from jaxsight_runner.timing import measure
from jaxsight_runner.protocol import BenchmarkOptions
from jaxsight_runner.timing.statistics import median
x = jnp.asarray(np.random.default_rng(0).standard_normal((SIZE, SIZE)), "float32")
f = jax.jit(lambda x: jnp.tanh(x @ x))
OURS, HAND = [], []

@pytest.mark.parametrize("number", range(ROUNDS))
def test_ours(number):
    options = BenchmarkOptions(seconds=0.5)
    estimate = measure.warm_up(f, lambda: (x,), options.warmup_seconds)
    OURS.append(median(measure.latency(f, lambda: (x,), estimate, False, options).seconds))

@pytest.mark.parametrize("number", range(ROUNDS))
def test_by_hand(number):
    for _ in range(20):
        f(x).block_until_ready()
    times, end = [], time.perf_counter() + 0.5
    while time.perf_counter() < end:
        start = time.perf_counter()
        f(x).block_until_ready()
        times.append(time.perf_counter() - start)
    HAND.append(statistics.median(times))

PLUGIN

def test_zzz():
    with open("times.json", "w") as file:
        json.dump([OURS, HAND], file)
"""
PLUGIN = """
@pytest.mark.parametrize("number", range(ROUNDS))
def test_plugin(number, benchmark):
    benchmark(lambda: f(x).block_until_ready())
"""
IN_TURN = """
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: getattr(item, "callspec", None).params["number"] if hasattr(item, "callspec") else 99)
"""


def measure() -> Iterator[Row]:
    """One row for each size and yardstick."""
    for size in SIZES:
        ours, hand, plugin = _times(size)
        yield _row(f"latency of tanh(x @ x), {size} × {size}, by hand", ours, hand)
        if plugin:
            yield _row(f"the same with pytest-benchmark, {size}", ours, plugin)


def _times(size: int) -> tuple[list[float], list[float], list[float]]:
    """Medians in seconds, one for each round: of ours, of the loop, of the plug-in where it is."""
    has_plugin = find_spec("pytest_benchmark") is not None
    text = TESTS.replace("PLUGIN", PLUGIN if has_plugin else "").replace("SIZE", str(size))
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_times.py").write_text(text.replace("ROUNDS", str(ROUNDS)))
        (folder / "conftest.py").write_text(IN_TURN)
        words = ["-q", "-p", "no:cacheprovider", "test_times.py"]
        if has_plugin:
            words += ["--benchmark-json=plugin.json", "--benchmark-max-time=0.5"]
        package = Path(jaxsight_runner.__file__ or "").parent.parent
        path = os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-m", "pytest", *words]
        environ = {**os.environ, "PYTHONPATH": path}
        subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environ)
        ours, hand = json.loads((folder / "times.json").read_text())
        plugin: list[float] = []
        if has_plugin:
            found = json.loads((folder / "plugin.json").read_text())["benchmarks"]
            plugin = [float(one["stats"]["median"]) for one in found]
    return ours, hand, plugin


def _row(what: str, ours: list[float], theirs: list[float]) -> Row:
    ratios = [one / other for one, other in zip(ours, theirs)]
    middle = statistics.median(ratios)
    figure = f"{middle:.2f} times ({min(ratios):.2f} to {max(ratios):.2f})"
    return Row(what, "0.8 to 1.25 times what it says", figure, 0.8 <= middle <= 1.25)

"""How long it takes until a trivial function has been called once, beside a Python that does just that.

All three take turns: a program given to `python -c`, a runner that is started, and a runner that is
copied from a Python which waits, as in an editor from the second run on.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.table import Row
from jaxsight_runner.protocol import BenchmarkOptions, BenchmarkReport, BenchmarkRequest, Progress
from jaxsight_server.runner_client import RunnerClient
from jaxsight_server.running.zygotes import Zygotes

PAIRS = 10
PLAIN = """
import jax, jax.numpy as jnp, numpy as np
def f(x):
    return x + 1
x = jnp.asarray(np.random.default_rng(0).standard_normal(3), "float32")
print(jax.jit(f)(x).block_until_ready(), flush=True)
"""
TEXT = "import jax.numpy as jnp\ndef f(x):\n    return x + 1\n"
OPTIONS = BenchmarkOptions(seconds=0.01, warmup_seconds=0.001, minimum_samples=2, extras=False)


def measure() -> Iterator[Row]:
    """One row for a runner that is started, one for a runner that is copied."""
    with TemporaryDirectory() as name:
        plain, started, copied, device = asyncio.run(_times(Path(name)))
    yield _row(f"first result from nothing, {device}", 1.3, started, plain)
    yield _row(f"first result in an editor, from the second run on, {device}", 1 / 3, copied, plain)


async def _times(folder: Path) -> tuple[list[float], list[float], list[float], str]:
    """Seconds until the first result, of each in every turn."""
    zygotes = Zygotes()
    plain: list[float] = []
    started: list[float] = []
    copied: list[float] = []
    _, device = await _first_result(folder, zygotes)
    for _ in range(PAIRS):
        plain.append(_plainly(folder))
        started.append((await _first_result(folder, None))[0])
        copied.append((await _first_result(folder, zygotes))[0])
    await zygotes.stop()
    return plain, started, copied, device


def _plainly(folder: Path) -> float:
    """Seconds until a Python that does nothing else prints the result."""
    start = perf_counter()
    command = [sys.executable, "-c", PLAIN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = perf_counter() - start
    if not line:
        raise SystemExit("a Python that imports JAX and calls a function gave no result")
    return seconds


async def _first_result(folder: Path, zygotes: Zygotes | None) -> tuple[float, str]:
    """Seconds until the function was called, and on what."""
    start = perf_counter()
    seconds = 0.0

    def on_progress(progress: Progress) -> None:
        nonlocal seconds
        if progress.message == "warming up" and not seconds:  # the first call is over
            seconds = perf_counter() - start

    request = BenchmarkRequest(str(folder / "program.py"), TEXT, "f", "x: f32[3]", options=OPTIONS)
    outcome = await RunnerClient(zygotes).run(
        request, interpreter=Path(sys.executable), cwd=folder, timeout=300, on_progress=on_progress
    )
    if not isinstance(outcome, BenchmarkReport) or not seconds:
        raise SystemExit(f"the runner gave no report: {outcome}")
    return seconds, outcome.environment.device_kind


def _row(what: str, goal: float, ours: list[float], plain: list[float]) -> Row:
    middle = statistics.median(one / other for one, other in zip(ours, plain))
    times = f"{statistics.median(ours):.2f} s against {statistics.median(plain):.2f} s"
    return Row(
        what,
        f"at most {goal:.2f} times `python -c`",
        f"{middle:.2f} times ({times})",
        middle <= goal,
    )

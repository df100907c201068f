"""From the command to the first finding on one small file: `jaxsight check` against `pyflakes`.

    python benchmarks/startup.py

Both check the same file, in turn, in fresh processes; both must find something in it. Exits with
1 if the ratio of the shortest runs is above the limit: both do the same work each time, so what a
run takes longer is what other processes took from it. Medians are printed beside.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 2.0
ROUNDS = 25
FILE = """\
import os

import jax
import jax.numpy as jnp


@jax.jit
def loss(params, batch, key):
    noise = jax.random.normal(key, batch.shape)
    keep = jax.random.bernoulli(key, 0.9, batch.shape)
    if jnp.sum(batch) > 0:
        batch = batch + noise
    return jnp.mean(jnp.square(jnp.where(keep, batch @ params["w"], 0.0)))
"""
COMMANDS = {
    "jaxsight": ["-m", "jaxsight_server.cli", "check", "--output-format", "concise"],
    "pyflakes": ["-m", "pyflakes"],
}


def measure(file: Path) -> dict[str, list[float]]:
    """Seconds of each run, by command, the two in turn, both with byte code as once installed."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(file.parent / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for round_number in range(ROUNDS + 1):
        for name, words in COMMANDS.items():
            start = time.perf_counter()
            run = subprocess.run(
                [sys.executable, *words, file.name],
                cwd=file.parent,
                env=environment,
                capture_output=True,
                text=True,
            )
            elapsed = time.perf_counter() - start
            if run.returncode != 1 or file.name not in run.stdout:
                raise SystemExit(f"{name} found nothing (exit {run.returncode}): {run.stderr}")
            if round_number:  # the first writes byte code
                seconds[name].append(elapsed)
    return seconds


def main() -> int:
    """Measure, print, and say whether the limit holds."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "small.py")
        file.write_text(FILE, encoding="utf-8")
        seconds = measure(file)
    best = {name: min(samples) for name, samples in seconds.items()}
    for name, samples in seconds.items():
        median = statistics.median(samples)
        print(f"{name:10} {best[name] * 1e3:7.1f} ms   (median {median * 1e3:.1f}, {ROUNDS} runs)")
    ratio = best["jaxsight"] / best["pyflakes"]
    print(f"ratio      {ratio:7.2f}      (limit {LIMIT})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())

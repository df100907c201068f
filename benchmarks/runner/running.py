"""Runs a text's function in a real runner."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from jaxsight_runner.protocol import BenchmarkOptions, BenchmarkReport, BenchmarkRequest, Other
from jaxsight_server.runner_client import RunnerClient


def benchmark(
    text: str, spec: str, folder: Path, options: BenchmarkOptions, other: str | None = None
) -> BenchmarkReport:
    """The report of `f`; `other`: the text of a function that it is compared with."""
    path = str(folder / "program.py")
    beside = Other(path, other, "f", "the other") if other is not None else None
    request = BenchmarkRequest(path, text, "f", spec, other=beside, options=options)
    run = RunnerClient().run(request, interpreter=Path(sys.executable), cwd=folder, timeout=300)
    outcome = asyncio.run(run)
    if not isinstance(outcome, BenchmarkReport):
        raise SystemExit(f"the runner gave no report: {outcome}")
    return outcome

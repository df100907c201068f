"""Real runners in real processes, on functions written for each test."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import dedent

import pytest

from jaxsight_runner.protocol import (
    BenchmarkOptions,
    BenchmarkRequest,
    GradientsRequest,
    Other,
    Outcome,
    Progress,
    SweepAxis,
    TargetRequest,
)
from jaxsight_server.runner_client import RunnerClient

QUICK = BenchmarkOptions(seconds=0.05, warmup_seconds=0.01, minimum_samples=6, extras=False)


@dataclass
class Seen:
    """What a run ended with, and what was heard on the way."""

    outcome: Outcome
    printed: str
    phases: list[str] = field(default_factory=list[str])


Bench = Callable[..., Awaitable[Seen]]


@pytest.fixture(autouse=True)
def _own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """Tests do not wait for runs that others started on this machine."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Run a text's function `f` in a real runner: a benchmark, a gradient check, or another request."""

    async def run(
        text: str,
        spec: str | None = None,
        qualname: str = "f",
        *,
        gradients: bool = False,
        other: TargetRequest | None = None,
        import_file: bool = False,
        name: str = "target.py",
        python: Path | None = None,
        timeout: float = 100,
        memory_limit: int | None = None,
        beside: Other | None = None,
        sweep: tuple[SweepAxis, ...] = (),
        options: BenchmarkOptions = QUICK,
    ) -> Seen:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        common = (str(path), dedent(text), qualname, spec)
        request: TargetRequest = BenchmarkRequest(
            *common, import_file=import_file, other=beside, options=options, sweep=sweep
        )
        if gradients:
            request = GradientsRequest(*common, import_file=import_file)
        if other is not None:
            request = replace(
                other, path=str(path), text=dedent(text), qualname=qualname, input=spec
            )
        printed: list[str] = []
        phases: list[str] = []

        def on_progress(progress: Progress) -> None:
            phases.append(progress.phase)

        outcome = await RunnerClient().run(
            request,
            interpreter=python or Path(sys.executable),
            cwd=tmp_path,
            timeout=timeout,
            memory_limit=memory_limit,
            on_progress=on_progress,
            on_log=lambda log: printed.append(log.text),
        )
        return Seen(outcome, "".join(printed), phases)

    return run

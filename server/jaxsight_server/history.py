"""What functions took before: one file for each, in the user's cache folder, the latest runs last.

The text that was run is kept with its times, so that it can be measured again beside a newer one.
What cannot be read is as good as not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from jaxsight_runner.protocol import BenchmarkReport, Environment

MOST_RUNS = 100
"""So many runs of a function are kept, the latest ones."""

MOST_BYTES = 2_000_000
"""A function's file is not larger: the oldest runs go first."""

MOST_FUNCTIONS = 500
"""So many functions are remembered, those that were run last."""


@dataclass(frozen=True)
class Run:
    """One benchmark of a function."""

    time: float  # seconds since 1970
    hash: str  # of the text
    text: str
    machine: str  # device and versions
    inputs: str
    median: float  # seconds, of the latency
    low: float
    high: float
    verdict: str
    imports: Mapping[str, str] = field(default_factory=dict[str, str])  # project files -> hash


class History:
    """The runs of one function."""

    def __init__(self, path: str, qualname: str) -> None:
        name = hashlib.sha256(f"{path}::{qualname}".encode("utf-8", "surrogatepass")).hexdigest()
        self.place = folder() / f"{name[:32]}.jsonl"

    def read(self) -> tuple[list[Run], str | None]:
        """The runs, and a sentence where some of them cannot be read."""
        try:
            lines = self.place.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return [], None
        except (OSError, ValueError) as error:
            return [], f"the history {self.place} cannot be read and is ignored: {error}"
        runs = [run for run in map(_run, lines) if run is not None]
        damaged = len(lines) - len(runs)
        words = f"{damaged} damaged lines of the history {self.place} are ignored"
        return runs, words if damaged else None

    def add(self, run: Run) -> None:
        """Remember a run; a full or read-only disk forgets it."""
        runs = [*self.read()[0], run][-MOST_RUNS:]
        lines = [json.dumps(asdict(one)) for one in runs]
        size = 0
        for kept, line in enumerate(reversed(lines)):
            size += len(line) + 1
            if size > MOST_BYTES and kept:
                lines = lines[-kept:]
                break
        fresh = self.place.with_suffix(f".{os.getpid()}")
        try:
            self.place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_text("\n".join(lines) + "\n", "utf-8")
            fresh.replace(self.place)
            _forget_oldest(self.place.parent)
        except OSError:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)


def folder() -> Path:
    """Where histories lie."""
    if sys.platform == "win32":
        home = os.environ.get("LOCALAPPDATA") or str(Path("~/AppData/Local").expanduser())
    elif sys.platform == "darwin":
        home = str(Path("~/Library/Caches").expanduser())
    else:
        home = str(Path("~/.cache").expanduser())
    return Path(os.environ.get("XDG_CACHE_HOME") or home) / "jaxsight" / "history"


def machine_of(environment: Environment) -> str:
    """What has to be the same for times to be of the same thing: device, versions, flags."""
    python = ".".join(environment.python.split(".")[:2])
    flags = [f"{name}={value}" for name, value in sorted(environment.flags.items())]
    return " · ".join(
        [
            f"{environment.device_count} {environment.device_kind} ({environment.platform})",
            f"jax {environment.jax}, jaxlib {environment.jaxlib}, Python {python}",
            "x64" if environment.x64 else "x32",
            *flags,
        ]
    )


def run_of(report: BenchmarkReport, text: str, now: float) -> Run:
    """What is kept of a report."""
    return Run(
        time=now,
        hash=report.target.hash,
        text=text,
        machine=machine_of(report.environment),
        inputs=", ".join(f"{item.name}: {item.value}" for item in report.inputs),
        median=report.latency.median,
        low=report.latency.low,
        high=report.latency.high,
        verdict=report.verdict,
        imports=report.imports,
    )


def _run(line: str) -> Run | None:
    try:
        data: Any = json.loads(line)
        run = Run(**cast("dict[str, Any]", data))
    except (ValueError, TypeError):
        return None
    numbers = (run.time, run.median, run.low, run.high)
    words = (run.hash, run.text, run.machine, run.inputs, run.verdict)
    good = all(isinstance(one, int | float) and one > 0 for one in numbers)  # pyright: ignore[reportUnnecessaryIsInstance]
    good = good and all(isinstance(one, str) for one in words)  # pyright: ignore[reportUnnecessaryIsInstance]
    return run if good and isinstance(run.imports, dict) else None


def _forget_oldest(place: Path) -> None:
    files = sorted(place.glob("*.jsonl"), key=lambda file: file.stat().st_mtime)
    for file in files[:-MOST_FUNCTIONS]:
        file.unlink(missing_ok=True)

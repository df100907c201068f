"""The longest pause: the processor's time of each of many edits, collections of garbage included."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Iterator
from itertools import islice

from benchmarks import texts
from benchmarks.edits import mix
from benchmarks.table import Options, Row, percentile
from jaxsight_analyzers.engine import analyse
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile

EDITS = 5_000
SECONDS = 150.0
MILLISECONDS = 50.0


class _Collections:
    """Collections of garbage between the edits, which those who edit wait for all the same."""

    def __init__(self) -> None:
        self._begun = 0.0
        self._spans: list[tuple[float, float]] = []
        gc.callbacks.append(self._note)

    def _note(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._begun = time.process_time()
        else:
            self._spans.append((self._begun, time.process_time()))

    def since(self, start: float, end: float) -> float:
        """The seconds of those since the last call that were not within this time."""
        spans, self._spans = self._spans, []
        return sum(b - a for a, b in spans if not start <= a <= end)

    def stop(self) -> None:
        """Watch no longer."""
        gc.callbacks.remove(self._note)


def measure(options: Options) -> Iterator[Row]:
    """A file of 5,000 lines is edited in this process."""
    text = texts.program(5000, 10, seed=50)
    config = Config()
    previous = analyse(SourceFile("model.py", text), config, {})
    times: list[float] = []
    until = time.monotonic() + options.seconds(SECONDS)
    collections = _Collections()
    for _, after in islice(mix(text), EDITS):
        source = SourceFile("model.py", after)
        start = time.process_time()
        previous = analyse(source, config, {}, previous)
        end = time.process_time()
        times.append((end - start + collections.since(start, end)) * 1000)
        if time.monotonic() > until:
            break
    collections.stop()
    whole = len(times) == EDITS
    yield Row(
        f"longest pause in {EDITS:,} edits of 5,000 lines",
        f"<= {MILLISECONDS:.0f} ms of CPU",
        f"{max(times):.1f} ms (median {statistics.median(times):.1f}, p95 {percentile(times):.1f})"
        + ("" if whole else f"; too slow: stopped after {len(times):,} edits"),
        whole and max(times) <= MILLISECONDS,
    )

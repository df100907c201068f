"""The longest pause: the processor's time of each of many edits, collections of garbage included."""

from __future__ import annotations

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


def measure(options: Options) -> Iterator[Row]:
    """A file of 5,000 lines is edited in this process."""
    text = texts.program(5000, 10, seed=50)
    config = Config()
    previous = analyse(SourceFile("model.py", text), config, {})
    times: list[float] = []
    until = time.monotonic() + options.seconds(SECONDS)
    for _, after in islice(mix(text), EDITS):
        source = SourceFile("model.py", after)
        start = time.process_time()
        previous = analyse(source, config, {}, previous)
        times.append((time.process_time() - start) * 1000)
        if time.monotonic() > until:
            break
    whole = len(times) == EDITS
    yield Row(
        f"longest pause in {EDITS:,} edits of 5,000 lines",
        f"<= {MILLISECONDS:.0f} ms of CPU",
        f"{max(times):.1f} ms (median {statistics.median(times):.1f}, p95 {percentile(times):.1f})"
        + ("" if whole else f"; too slow: stopped after {len(times):,} edits"),
        whole and max(times) <= MILLISECONDS,
    )

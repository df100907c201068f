"""From a keystroke to its diagnostics: this server against `ruff server`, in one run.

Both get the same edits of the same text over pipes, in turn, and are asked for diagnostics after
each. What counts is the whole set: now and then it is compared with a fresh analysis of the text.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from benchmarks import client, texts
from benchmarks.edits import mix
from benchmarks.table import Options, Row, percentile

EDITS = 300
SECONDS = 25.0  # for one file and both servers
COMPARED = 37  # each so many edits the answer is compared with a fresh one
GOALS = {1000: (1.5, 2.0), 5000: (1.0, None)}  # median and p95, times those of ruff


def measure(options: Options) -> Iterator[Row]:
    """Each file, one after the other."""
    ours, theirs = client.Server(client.OURS), client.Server(client.ruff())
    try:
        for lines in GOALS:
            for name, text in texts.cases(lines).items():
                yield _row(lines, name, _times(ours, theirs, text, options))
    finally:
        ours.stop()
        theirs.stop()


def _times(
    ours: client.Server, theirs: client.Server, text: str, options: Options
) -> tuple[list[float], list[float]]:
    """Milliseconds from each edit to its diagnostics, here and there."""
    uri = "file:///nowhere/model.py"
    servers = (ours, theirs)
    for server in servers:
        server.open(uri, text)
    found: tuple[list[float], list[float]] = ([], [])
    until = time.monotonic() + options.seconds(SECONDS)
    for number, (edit, after) in enumerate(islice(mix(text), options.count(EDITS))):
        for which in (0, 1) if number % 2 else (1, 0):
            start = time.perf_counter()
            items = servers[which].change(uri, edit)
            found[which].append((time.perf_counter() - start) * 1000)
            if which == 0 and number % COMPARED == 0:
                _compare(items, after)
        if time.monotonic() > until:
            break
    for server in servers:
        server.close(uri)
    return found


def _compare(items: list[dict[str, Any]], text: str) -> None:
    """Stop if an answer is not what a fresh analysis of the text says."""
    from jaxsight_analyzers.engine import analyse
    from jaxsight_analyzers.source import SourceFile

    source = SourceFile("model.py", text)
    fresh = analyse(source)
    if fresh.problems:
        return  # what stands in for a text that does not parse depends on what was before it
    expected = Counter((d.rule, source.line_of(d.span.start)) for d in fresh.diagnostics)
    answered = Counter((item["code"], item["range"]["start"]["line"]) for item in items)
    if expected != answered:
        raise AssertionError(
            f"the answer is not complete: lacks {expected - answered}, has {answered - expected}"
        )


def _row(lines: int, name: str, times: tuple[list[float], list[float]]) -> Row:
    (ours, theirs), (most, worst) = times, GOALS[lines]
    medians = statistics.median(ours), statistics.median(theirs)
    tails = percentile(ours), percentile(theirs)
    ratio, tail = medians[0] / medians[1], tails[0] / tails[1]
    return Row(
        f"keystroke, {lines:,} lines, {name}",
        f"median <= {most}x ruff's" + (f", p95 <= {worst}x" if worst else ""),
        f"{ratio:.1f}x ({medians[0]:.1f} against {medians[1]:.1f} ms), "
        f"p95 {tail:.1f}x ({tails[0]:.1f} against {tails[1]:.1f} ms), {len(ours)} edits",
        ratio <= most and (worst is None or tail <= worst),
    )

"""Numbers in words: times, bytes, counts, and a histogram in one line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from jaxsight_runner.protocol import Environment, Input, Interval, Target, place_in_cells

_BARS = "▁▂▃▄▅▆▇█"


def duration(seconds: float) -> str:
    """Three digits and the unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if abs(seconds) >= size:
            return f"{digits(seconds / size)} {unit}"
    return f"{digits(seconds / 1e-9)} ns"


def at_line(path: str | None, line: int | None, target: Target) -> str:
    """A line number, of a notebook `3:5` for cell and line; with the file's name where it is another than the target's."""
    if path is not None and path != target.path:
        return f"{Path(path).name}:{line}"
    if line is None or not target.cells:
        return str(line)
    cell, inside = place_in_cells(target.cells, line)
    return f"{cell}:{inside}"


def ago(seconds: float) -> str:
    """How long something is past: `3 hours ago`."""
    for unit, size in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= size:
            number = int(seconds / size)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"


def digits(value: float) -> str:
    """A number with three significant digits and no exponent."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{places}f}"


def count(value: float, unit: str) -> str:
    """A large count: `1.23 G` and the unit."""
    for prefix, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{digits(value / size)} {prefix}{unit}"
    return f"{value:.0f} {unit}"


def spread(interval: Interval) -> str:
    """The median and half its confidence interval: `1.23 ms ± 1 %`."""
    half = (interval.high - interval.low) / 2 / interval.median if interval.median else 0.0
    share = f"{half:.0%}" if half >= 0.01 else f"{half:.1%}"
    return f"{duration(interval.median)} ± {share.replace('%', ' %')}"


def histogram(values: Sequence[float], columns: int = 40) -> str:
    """The distribution as bars, from the smallest value to the 99th percentile."""
    ordered = sorted(values)
    low, high = ordered[0], ordered[int(0.99 * (len(ordered) - 1))]
    if high <= low:
        return _BARS[-1]
    counts = [0] * columns
    for value in ordered:
        counts[min(int((value - low) / (high - low) * columns), columns - 1)] += 1
    peak = max(counts)
    return "".join(_BARS[math.ceil(c / peak * (len(_BARS) - 1))] if c else " " for c in counts)


RECORDED = ("file", "captured")
"""Sources of inputs that are in `.jaxsight/inputs.toml`."""


def inputs_line(inputs: Sequence[Input]) -> str:
    """The arguments, and where they came from if that was the file of recorded ones."""
    words = ", ".join(f"{item.name}: {item.value}" for item in inputs) or "none"
    recorded = [item.name for item in inputs if item.source in RECORDED]
    if not recorded:
        return words
    whose = "" if len(recorded) == len(inputs) else ", ".join(recorded) + " "
    return f"{words}   ({whose}from .jaxsight/inputs.toml)"


def place(environment: Environment) -> str:
    """On what it ran, in one line."""
    devices = f"{environment.device_count} × " if environment.device_count > 1 else ""
    kind = environment.device_kind
    shown = kind if kind == environment.platform else f"{kind} ({environment.platform})"
    flags = "".join(
        f" · {name}={value}"
        for name, value in environment.flags.items()
        if name != "XLA_PYTHON_CLIENT_PREALLOCATE"
    )
    x64 = " · x64" if environment.x64 else ""
    return f"{devices}{shown} · jax {environment.jax} · Python {environment.python}{x64}{flags}"

"""What `--sweep` says, and a sweep's table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jaxsight_runner.protocol import Growth, Sweep, SweepAxis, SweepPoint
from jaxsight_server.commands.quantities import count, duration, spread
from jaxsight_server.commands.run_target import UsageError

_EXAMPLE = 'write "B=1..1024" (powers of two), "B=1,2,8", "dtype=f32,bf16" or "device=cpu,gpu"'


def axes_of(options: Sequence[str]) -> tuple[SweepAxis, ...]:
    """The axes of `B=1..1024`, one for each option; raises UsageError where that says something else."""
    return tuple(_axis(option) for option in options)


def _axis(option: str) -> SweepAxis:
    name, separator, values = (part.strip() for part in option.partition("="))
    if not separator or not name.isidentifier() or not values:
        raise UsageError(f"--sweep {option}: {_EXAMPLE}")
    found: list[str] = []
    for part in values.split(","):
        word = part.strip()
        first, dots, last = word.partition("..")
        found += _powers(option, first, last) if dots else [word]
    if not all(found):
        raise UsageError(f"--sweep {option}: {_EXAMPLE}")
    return SweepAxis(name, tuple(dict.fromkeys(found)))


def _powers(option: str, first: str, last: str) -> list[str]:
    """From the first number on, doubled until the last, which is there whatever it is."""
    if not (first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last)):
        raise UsageError(f"--sweep {option}: {_EXAMPLE}")
    sizes = [int(first)]
    while sizes[-1] * 2 <= int(last):
        sizes.append(sizes[-1] * 2)
    if sizes[-1] != int(last):
        sizes.append(int(last))
    return [str(size) for size in sizes]


def sweep_text(sweep: Sweep) -> Iterator[str]:
    """The table, and what it says of growth."""
    rows = [[*sweep.axes, "latency", "", "compile", "memory", ""]]
    rows += [_row(sweep.axes, point) for point in sweep.points]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row, point in zip(rows, [None, *sweep.points]):
        words = "  ".join(cell.rjust(width) for cell, width in zip(row, widths))
        failed = f"   {point.failure}" if point is not None and point.failure else ""
        yield f"  {words}{failed or row[-1]}".rstrip()
    for growth in sweep.growth:
        yield f"  {_growth(growth)}"


def _row(axes: Sequence[str], point: SweepPoint) -> list[str]:
    at = [point.at[name] for name in axes]
    if point.latency is None:
        return [*at, "failed", "", "", "", ""]
    time, _, half = spread(point.latency).partition(" ± ")
    compiled = duration(point.compile) if point.compile is not None else ""
    memory = count(point.memory, "B") if point.memory is not None else ""
    return [
        *at,
        time,
        f"± {half}",
        compiled,
        memory,
        "   unstable" if point.verdict != "ok" else "",
    ]


def _growth(growth: Growth) -> str:
    others = ", ".join(f"{name}={value}" for name, value in growth.at.items())
    where = f" at {others}" if others else ""
    flat = ""
    if growth.flat_until is not None:
        flat = f"flat up to {growth.axis} = {growth.flat_until}: the call costs, not the work"
    if growth.exponent is None or growth.low is None or growth.high is None:
        return f"latency{where}: {flat or 'too few sizes to say how it grows'}"
    half = (growth.high - growth.low) / 2
    told = f"grows as {growth.axis}^{growth.exponent:.2f} ± {half:.2f} from {growth.start} to {growth.end}"
    return f"latency{where}: {told}" + (f"; {flat}" if flat else "")

"""`jaxsight sharding`: what becomes of a function on several devices, real or simulated."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace

from jaxsight_runner.protocol import (
    Collective,
    MeasuredScaling,
    PlacedArray,
    ScalingEstimate,
    ShardingOptions,
    ShardingReport,
    ShardingRequest,
    Target,
    Uneven,
    Work,
)
from jaxsight_server.commands.quantities import at_line, count, digits, duration, place
from jaxsight_server.commands.run_target import (
    add_group_arguments,
    add_target_arguments,
    run_target,
    show,
)

_NUMBER = re.compile(r"\d+")
_SHOWN = 12  # rows of a table
_LARGE = 0.01  # share of all bytes from which it is said how an array could be split
_SHORT = 1e-5  # seconds


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)
    add_group_arguments(parser)
    parser.add_argument(
        "--assume",
        metavar="ACCELERATOR",
        help="the device that the estimate assumes: h100, a100, v4, v5e, v5p, v6e (else the one at hand, or h100)",
    )
    parser.add_argument(
        "--measure",
        action="store_true",
        help="also measure on 1, 2, 4 ... devices; real ones only: simulated ones share this machine's cores",
    )


def run(arguments: Namespace) -> int:
    """Compile and print; 2 when it could not be compiled, or not in time."""
    options = ShardingOptions(accelerator=arguments.assume, measure=arguments.measure)

    def make(path: str, source: str, qualname: str) -> ShardingRequest:
        return ShardingRequest(path, source, qualname, options=options)

    report = run_target(arguments, make)
    if report is None:
        return 2
    assert isinstance(report, ShardingReport)
    show(arguments, report, text(report))
    if report.unfinished is None:
        return 0
    print(
        f"jaxsight: {report.unfinished}: what came before is told; --timeout gives more time",
        file=sys.stderr,
    )
    return 2


def text(report: ShardingReport) -> Iterator[str]:
    """The report in lines."""
    target = report.target
    yield f"{target.qualname}   {target.path}:{target.line}   {target.how}"
    inputs = ", ".join(f"{item.name}: {item.value}" for item in report.inputs)
    if report.unfinished is not None:
        yield f"  unfinished  {report.unfinished}: {_missing(report)}"
    yield f"  inputs      {inputs or 'none'}"
    yield f"  devices     {_devices(report)}"
    yield f"  work        {_work(report.work, report.devices)}"
    yield f"  memory      {_memory(report.work)}"
    if report.estimate is not None and report.devices > 1:
        yield from _estimate(report.estimate, report.devices)
    yield from (line for one in report.scaling if not one.simulated for line in _scaling(one))
    yield f"  on          {place(replace(report.environment, flags={}))}"
    yield from (f"  note        {note}" for note in _notes(report))
    yield from _replicated(report)
    yield from _collectives(report.collectives, target)
    yield from _arrays(report)


def _missing(report: ShardingReport) -> str:
    if report.work.flops is None:
        return "not known are work and memory on each device, results, and what the compiler sends"
    if report.work.whole_from == "executable":
        return "its times are not known"
    return "what one device alone would do was counted from the jaxpr, before fusion"


def _devices(report: ShardingReport) -> str:
    simulated = " simulated" if report.simulated and report.devices > 1 else ""
    shown = f"{report.devices}{simulated} device{'s' if report.devices != 1 else ''}"
    if report.processes > 1:
        shown += f" of {report.processes} processes"
    if report.mesh is None:
        return shown
    axes = ", ".join(f"{axis.name}={axis.size}" for axis in report.mesh.axes)
    return f"{shown} · mesh {axes} ({report.mesh.source})"


def _work(work: Work, devices: int) -> str:
    if work.flops is None:
        whole = count(work.whole_flops, "FLOP") if work.whole_flops else "not known"
        return f"{whole} in all, before fusion; on each device not known"
    each = f"{count(work.flops, 'FLOP')} on each device"
    if work.whole_flops is None or devices < 2:
        return each
    whole = count(work.whole_flops, "FLOP")
    parts = digits(work.whole_flops / work.flops) if work.flops else ""
    share = f"{each}, 1/{parts} of {whole}" if parts and parts != "1.00" else f"{each}: all of it"
    if work.replication is not None and work.replication >= 1.5:
        share += f"; together they do {digits(work.replication)} times the work of one alone"
    return share


def _memory(work: Work) -> str:
    arguments = f"arguments {count(work.arguments, 'B')} of {count(work.whole_arguments, 'B')}"
    if work.outputs is None:
        return f"{arguments}, on each device · outputs {count(work.whole_outputs, 'B')} in all"
    parts = [arguments, f"outputs {count(work.outputs, 'B')} of {count(work.whole_outputs, 'B')}"]
    if work.temporary is not None:
        alone = (
            f" ({count(work.whole_temporary, 'B')} on one device)"
            if work.whole_temporary is not None
            else ""
        )
        parts.append(f"temporary {count(work.temporary, 'B')}{alone}")
    return " · ".join(parts) + ", on each device"


def _estimate(one: ScalingEstimate, devices: int) -> Iterator[str]:
    times = _range(duration(one.low), duration(one.high))
    gain = ""
    if one.one_device and one.low:
        slow, fast = digits(one.one_device / one.high), digits(one.one_device / one.low)
        gain = f": {_range(slow, fast)} times as fast as one device"
    short = "; latency is left out, and decides in so short a call" if one.high < _SHORT else ""
    yield f"  estimate    {times} a call{gain} (not measured: a bound, for comparing shardings{short})"
    yield (
        f"              computing {duration(one.compute)}, sending {duration(one.communication)}, assuming {devices} × "
        f"{one.accelerator}: {count(one.flops_per_second, 'FLOP/s')} in {one.dtype}, "
        f"{count(one.link_bytes_per_second, 'B/s')} sent by each ({one.source})"
    )


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _scaling(one: MeasuredScaling) -> Iterator[str]:
    what = "the same inputs" if one.kind == "strong" else f"inputs that grow with `{one.axis}`"
    yield f"  {one.kind:<10}  measured with {what}:"
    for point in one.points:
        yield f"              {point.devices:>4} devices  {duration(point.seconds):>9}  efficiency {point.efficiency:.0%}"


def _notes(report: ShardingReport) -> Iterator[str]:
    if report.agreement:
        yield report.agreement
    yield from (f"`{item.name}`: {item.note}" for item in report.inputs if item.note)
    for one in report.moved[:_SHOWN]:
        yield (
            f"`{one.argument}` ({count(one.bytes, 'B')}) goes in as {one.went} and comes back as {one.came} in "
            f"`{one.result}`: the next call moves it, or compiles anew"
        )
    yield from (_uneven(one, report.target) for one in report.uneven[:_SHOWN])
    yield from report.notes


def _uneven(one: Uneven, target: Target) -> str:
    where = f"{at_line(one.path, one.line, target)}: " if one.line else ""
    return (
        f"{where}{one.value} is split {one.parts} ways along dimension {one.dimension}, which does not come out even: "
        f"{one.idle:.0%} of the work on it is padding"
    )


def _replicated(report: ShardingReport) -> Iterator[str]:
    if not report.replicated or report.devices < 2:
        return
    yield ""
    yield "  work that several devices do alike:"
    rows = [
        (
            at_line(one.path, one.line, report.target),
            f"× {digits(one.times)}",
            f"{count(one.flops, 'FLOP')} on each",
            one.text[:70],
        )
        for one in report.replicated[:_SHOWN]
    ]
    yield from _table(rows)


def _collectives(found: Sequence[Collective], target: Target) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield "  what each device sends in a call:"
    rows = [("sent", "times", "operation", "among", "line", "source")]
    for one in found[:_SHOWN]:
        least = "≥ " if one.open_ended else ""
        among = f"{one.group} ({', '.join(one.axes)})" if one.axes else str(one.group)
        rows.append(
            (
                least + count(one.sent, "B"),
                f"{least}{one.times:.0f}",
                one.operation,
                among,
                at_line(one.path, one.line, target) if one.line else "",
                one.text[:60],
            )
        )
    yield from _table(rows)
    if len(found) > _SHOWN:
        yield f"  {len(found) - _SHOWN} more kinds: --json names all"


def _arrays(report: ShardingReport) -> Iterator[str]:
    """Arguments and results, the largest on each device first; and how those in copies could be split."""
    if report.devices < 2:
        return
    for title, arrays in (("arguments", report.arguments), ("results", report.results)):
        if not arrays:
            continue
        everywhere = [one for one in arrays if one.copies == report.devices]
        total = count(sum(one.bytes for one in everywhere), "B")
        copies = (
            f"; {total} in {len(everywhere)} of {len(arrays)} lie on every device"
            if everywhere
            else ""
        )
        yield ""
        yield f"  {title}, and what each device holds of them{copies}:"
        groups = sorted(_alike(arrays), key=_held, reverse=True)
        large = _LARGE * sum(one.bytes_per_device for one in arrays)
        yield from _table([_array(group, report.devices, large) for group in groups[:_SHOWN]])
        left = sum(len(group) for group in groups[_SHOWN:])
        if left:
            yield f"  {left} more: --json names all"


def _alike(arrays: Sequence[PlacedArray]) -> list[list[PlacedArray]]:
    """Arrays that differ in the numbers of their names alone, as those of a model's layers do."""
    found: dict[tuple[object, ...], list[PlacedArray]] = {}
    for one in arrays:
        key = (_NUMBER.sub("*", one.name), one.value, one.sharding, one.copies)
        found.setdefault(key, []).append(one)
    return list(found.values())


def _held(group: Sequence[PlacedArray]) -> int:
    return sum(one.bytes_per_device for one in group)


def _array(group: Sequence[PlacedArray], devices: int, large: float) -> tuple[str, ...]:
    one, remark = group[0], ""
    if one.copies > 1:
        copies = "on every device" if one.copies == devices else f"in {one.copies} copies"
        could = one.could if _held(group) >= large else None
        remark = f"the same {copies}" + (f"; could split {could}" if could else "")
    name = one.name if len(group) == 1 else f"{len(group)} × {_NUMBER.sub('*', one.name)}"
    return (name, one.value, one.sharding, count(_held(group), "B"), remark)


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield ("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths))).rstrip()

"""`jaxsight bench`: measure a function on this machine's device."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from jaxsight_runner.protocol import (
    Achieved,
    BenchmarkReport,
    BenchmarkRequest,
    DeviceTime,
    Eager,
    to_json,
)
from jaxsight_server.commands.compare_with import other_function
from jaxsight_server.commands.comparison_text import comparison_text
from jaxsight_server.commands.quantities import (
    count,
    digits,
    duration,
    histogram,
    place,
    spread,
)
from jaxsight_server.commands.run_target import add_target_arguments, run_target
from jaxsight_server.commands.sweep_option import axes_of, sweep_text

_SHOWN_LINES = 12


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)
    parser.add_argument(
        "--compare",
        metavar="FILE::QUALNAME|REVISION",
        help="measure in turns with another function, or with this one at a revision of git",
    )
    parser.add_argument(
        "--sweep",
        metavar="AXIS=VALUES",
        action="append",
        default=[],
        help='also at other sizes, dtypes, devices: "B=1..1024" (powers of two), "B=1,2,8", '
        '"dtype=f32,bf16", "device=cpu,gpu"; may be given several times',
    )


def run(arguments: Namespace) -> int:
    """Measure and print; 2 when it could not be run."""

    def request(path: str, source: str, qualname: str) -> BenchmarkRequest:
        named = arguments.compare
        other = other_function(named, path, source, qualname) if named is not None else None
        return BenchmarkRequest(path, source, qualname, other=other, sweep=axes_of(arguments.sweep))

    report = run_target(arguments, request)
    if report is None:
        return 2
    assert isinstance(report, BenchmarkReport)
    if arguments.json:
        print(json.dumps(to_json(report), indent=2, ensure_ascii=False))
    else:
        print("\n".join(text(report)))
    return 0


def text(report: BenchmarkReport) -> Iterator[str]:
    """The report in lines."""
    target, latency, stages = report.target, report.latency, report.stages
    yield f"{target.qualname}   {target.path}:{target.line}   {target.how}"
    inputs = ", ".join(f"{item.name}: {item.value}" for item in report.inputs)
    yield f"  inputs      {inputs or 'none'}"
    outliers = f", {latency.outliers} outliers" if latency.outliers else ""
    yield f"  latency     {spread(latency)}   ({latency.samples} samples{outliers})"
    ordered = sorted(report.samples.latency)
    high = ordered[int(0.99 * (len(ordered) - 1))]
    bars = histogram(report.samples.latency)
    yield f"              {duration(ordered[0])} {bars} {duration(high)}"
    if report.throughput is not None:
        yield f"  throughput  {spread(report.throughput)} per call when queued"
    if report.dispatch_floor is not None:
        yield f"  floor       {duration(report.dispatch_floor.median)} to call a function that does nothing"
    if report.device is not None:
        yield f"  device      {_device(report.device, latency.median)}"
    if report.eager is not None:
        yield f"  no jit      {_eager(report.eager, latency.median)}"
    warm = f", {duration(stages.warm_compile)} cached" if stages.warm_compile is not None else ""
    yield (
        f"  stages      trace {duration(stages.trace)} · lower {duration(stages.lower)} · "
        f"compile {duration(stages.compile)}{warm} · first call {duration(stages.first_call)}"
    )
    yield from _resources(report)
    if report.comparison is not None:
        yield from comparison_text(report.comparison)
    yield f"  on          {place(report.environment)}"
    yield from (f"  note        {note}" for note in _notes(report))
    yield from (f"  unstable    {reason}" for reason in report.reasons)
    if report.sweep is not None:
        yield ""
        yield from sweep_text(report.sweep)
    if report.device is not None and report.device.lines:
        yield ""
        yield from _lines(report.device, report.target.path)


def _notes(report: BenchmarkReport) -> Iterator[str]:
    yield from (f"`{item.name}`: {item.note}" for item in report.inputs if item.note)
    yield from report.notes


def _resources(report: BenchmarkReport) -> Iterator[str]:
    memory, cost = report.memory, report.cost
    if memory is not None:
        peak = f" · peak {count(memory.peak, 'B')}" if memory.peak else ""
        yield (
            f"  memory      arguments {count(memory.arguments, 'B')} · outputs {count(memory.outputs, 'B')}"
            f" · temporary {count(memory.temporary, 'B')}{peak}"
        )
    if report.achieved is not None:
        done = count(report.achieved.flops * report.latency.median, "FLOP")
        yield f"  cost        {done}: {_rates(report.achieved)}"
    elif cost.flops:
        rate = count(cost.flops / report.latency.median, "FLOP/s")
        yield f"  cost        {count(cost.flops, 'FLOP')} as the compiler counts (loop bodies once): {rate}"


def _rates(achieved: Achieved) -> str:
    parts = [count(achieved.flops, "FLOP/s") + _of_peak(achieved.flops_share)]
    if achieved.bytes is not None:
        parts.append(count(achieved.bytes, "B/s") + _of_peak(achieved.bytes_share))
    return " · ".join(parts)


def _of_peak(share: float | None) -> str:
    if share is None:
        return ""
    shown = "over 100" if share > 1 else f"{100 * share:.0f}"  # caches, or busier then than now
    return f" ({shown} % of the measured peak)"


def _device(device: DeviceTime, latency: float) -> str:
    share = min(device.busy / latency, 1.0) if latency else 0.0
    return f"busy for {duration(device.busy)} of a call, {100 * share:.0f} % of the latency, as profiled"


def _eager(eager: Eager, compiled: float) -> str:
    times = eager.latency.median / compiled if compiled else 0.0
    if eager.paid_after is None:
        paid = "compiling never pays"
    else:
        calls = "call" if eager.paid_after == 1 else "calls"
        paid = f"compiling has paid after {eager.paid_after} {calls}"
    return f"{spread(eager.latency)}, {digits(times)} times as long: {paid}"


def _lines(device: DeviceTime, path: str) -> Iterator[str]:
    """Where the time went, by source line; the longest first."""
    shown = [line for line in device.lines if line.share >= 0.01][:_SHOWN_LINES]
    yield "  share       time   line"
    for line in shown:
        place = str(line.line) if line.path == path else f"{Path(line.path).name}:{line.line}"
        merged = ", ".join(map(str, line.fused_with[:4]))
        also = f"   (merged with {merged})" if merged else ""
        yield f"  {100 * line.share:4.0f} %  {duration(line.seconds):>9}   {place:<6} {line.text[:50]}{also}"
    if device.unmapped >= 0.005:
        seconds = device.unmapped * device.operations
        yield f"  {100 * device.unmapped:4.0f} %  {duration(seconds):>9}   of operations that name no line of yours"

"""`jaxsight bench`: measure a function on this machine's device."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from dataclasses import dataclass, replace

from jaxsight_runner.protocol import (
    Achieved,
    BenchmarkOptions,
    BenchmarkReport,
    BenchmarkRequest,
    DeviceTime,
    Eager,
    EnvironmentReport,
    EnvironmentRequest,
    LineTime,
    Outcome,
    Target,
    to_json,
)
from jaxsight_server.commands.compare_with import other_function
from jaxsight_server.commands.comparison_text import comparison_text
from jaxsight_server.commands.quantities import (
    ago,
    at_line,
    count,
    digits,
    duration,
    histogram,
    inputs_line,
    place,
    spread,
)
from jaxsight_server.commands.regression import Judgement, beside, judge, last_run
from jaxsight_server.commands.run_target import (
    Runs,
    UsageError,
    add_group_arguments,
    add_target_arguments,
    open_target,
    told,
)
from jaxsight_server.commands.sweep_option import axes_of, sweep_text
from jaxsight_server.history import History, Run, machine_of, run_of

_SHOWN_LINES = 12
_QUICK = BenchmarkOptions(seconds=0.2, warmup_seconds=0.02, extras=False)
_LAST = ("time", "hash", "machine", "inputs", "median", "low", "high", "verdict")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)
    add_group_arguments(parser)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a fifth of the time, and nothing without jit, with a full cache or by source line",
    )
    parser.add_argument(
        "--compare",
        metavar="FILE::QUALNAME|REVISION",
        help="measure in turns with another function, or with this one at a revision of git",
    )
    parser.add_argument(
        "--fail-if-slower",
        metavar="PERCENT",
        type=_percent,
        help="exit with 1 where it is so much slower than the last stored run of it on this device "
        "and with these versions, or than what --compare names",
    )
    parser.add_argument(
        "--sweep",
        metavar="AXIS=VALUES",
        action="append",
        default=[],
        help='also at other sizes, dtypes, devices: "B=1..1024" (powers of two), "B=1,2,8", '
        '"dtype=f32,bf16", "device=cpu,gpu"; may be given several times',
    )


def _percent(word: str) -> float:
    try:
        value = float(word.rstrip("%"))
    except ValueError:
        value = -1.0
    if not 0 < value < 10_000:
        raise ArgumentTypeError(f"{word!r} is no percentage above 0")
    return value


def run(arguments: Namespace) -> int:
    """Measure and print; 1 when it is slower than what it was told to hold, 2 when it could not be run."""

    def request(path: str, source: str, qualname: str) -> BenchmarkRequest:
        named = arguments.compare
        together = arguments.processes or arguments.launch
        if together and (named or arguments.sweep or arguments.fail_if_slower):
            raise UsageError(
                "several processes measure one function: leave --compare, --sweep and --fail-if-slower out"
            )
        other = other_function(named, path, source, qualname) if named is not None else None
        axes = axes_of(arguments.sweep)
        return BenchmarkRequest(
            path,
            source,
            qualname,
            other=other,
            sweep=axes,
            options=_QUICK if arguments.quick else BenchmarkOptions(),
        )

    runs = open_target(arguments, request)
    measured = _measured(runs, arguments.fail_if_slower) if runs is not None else None
    if measured is None:
        return 2
    if arguments.json:
        print(json.dumps(_json(measured), indent=2, ensure_ascii=False))
    else:
        print(told(measured.report, [*text(measured.report), *_history_text(measured)]))
    if measured.problem:
        print(f"jaxsight: {measured.problem}", file=sys.stderr)
    return 1 if measured.judgement is not None and measured.judgement.verdict == "slower" else 0


@dataclass(frozen=True)
class _Measured:
    """A report, and what was known of the function before."""

    report: BenchmarkReport
    last: Run | None  # on the same device, with the same versions
    judgement: Judgement | None  # where something was to be held
    problem: str | None  # with the history


def _measured(runs: Runs, percent: float | None) -> _Measured | None:
    request = runs.request
    assert isinstance(request, BenchmarkRequest)
    if runs.group is not None:  # its times are not those of a run by itself
        together = runs.run(request)
        assert together is None or isinstance(together, BenchmarkReport)
        return _Measured(together, None, None, None) if together is not None else None
    history = History(request.path, request.qualname)
    known, problem = history.read()
    baseline: Run | None = None
    if percent is not None:
        options = replace(request.options, threshold=percent / 100)
        request = replace(request, options=options)
        if request.other is None:
            machine = runs.run(EnvironmentRequest())  # which decides what the baseline is
            if machine is None:
                return None
            assert isinstance(machine, EnvironmentReport)
            baseline = last_run(known, machine_of(machine.environment))
    report = _run(runs, request, baseline)
    if report is None:
        return None
    judgement = judge(report, baseline, percent) if percent is not None else None
    if judgement is None or judgement.verdict != "slower":  # else it would be held against itself
        history.add(run_of(report, request.text, time.time()))
    last = last_run(known, machine_of(report.environment))
    return _Measured(report, last, judgement, problem)


def _run(runs: Runs, request: BenchmarkRequest, baseline: Run | None) -> BenchmarkReport | None:
    """In turns with the baseline, where that still runs."""
    report: Outcome | None = None
    if baseline is not None:
        report = runs.outcome(beside(request, baseline))
    if not isinstance(report, BenchmarkReport):
        report = runs.run(request)
    assert report is None or isinstance(report, BenchmarkReport)
    return report


def _json(measured: _Measured) -> dict[str, object]:
    found = to_json(measured.report)
    last, judgement = measured.last, measured.judgement
    if last is not None:
        found["last"] = {name: getattr(last, name) for name in _LAST}
    if judgement is not None:
        found["held"] = {"verdict": judgement.verdict, "message": judgement.message}
    return found


def _history_text(measured: _Measured) -> Iterator[str]:
    report, last, judgement = measured.report, measured.last, measured.judgement
    if last is not None or judgement is not None:
        yield ""
    if last is not None:
        inputs = ", ".join(f"{item.name}: {item.value}" for item in report.inputs)
        half = (last.high - last.low) / 2 / last.median
        what = "the same text" if last.hash == report.target.hash else "another text"
        other = "" if last.inputs == inputs else f", inputs {last.inputs}"
        took = f"{duration(last.median)} ± {100 * half:.0f} %"
        yield f"  last        {took}, {ago(time.time() - last.time)}, {what}{other}"
    if judgement is not None:
        yield f"  {judgement.verdict.upper():<10}  {judgement.message}"


def text(report: BenchmarkReport) -> Iterator[str]:
    """The report in lines."""
    target, latency, stages = report.target, report.latency, report.stages
    yield f"{target.qualname}   {target.path}:{target.line}   {target.how}"
    yield f"  inputs      {inputs_line(report.inputs)}"
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
    yield from _ranks(report)
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
        yield from _lines(report.device, report.target)


def _ranks(report: BenchmarkReport) -> Iterator[str]:
    """What each of several processes saw of the same calls."""
    if not report.ranks:
        return
    slowest = max(report.ranks, key=lambda one: one.latency.median)
    yield f"  processes   {len(report.ranks)}, each call made by all of them; rank {slowest.rank} waited longest for it"
    yield from (f"              rank {one.rank}: {spread(one.latency)}" for one in report.ranks)


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
    return f" ({shown} % of measured peak)"


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


def _lines(device: DeviceTime, target: Target) -> Iterator[str]:
    """Where the time went, by source line; the longest first."""
    shown = [line for line in device.lines if line.share >= 0.01][:_SHOWN_LINES]
    yield "  share       time   line"
    for line in shown:
        place = at_line(line.path, line.line, target)
        merged = ", ".join(at_line(None, other, target) for other in line.fused_with[:4])
        also = f"   (merged with {merged})" if merged else ""
        took = ("≈ " if _is_estimate(line) else "") + duration(line.seconds)
        yield f"  {100 * line.share:4.0f} %  {took:>9}   {place:<6} {line.text[:50]}{also}"
    if any(map(_is_estimate, shown)):
        yield "  ≈ operations that the compiler merged from several lines are split by the work in them: an estimate"
    if device.unmapped >= 0.005:
        seconds = device.unmapped * device.operations
        yield f"  {100 * device.unmapped:4.0f} %  {duration(seconds):>9}   of operations that name no line of yours"


def _is_estimate(line: LineTime) -> bool:
    """Whether a good part of a line's time was split off that of operations of several lines."""
    return line.estimated > 0.05 * line.seconds

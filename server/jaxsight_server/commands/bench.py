"""`jaxsight bench`: measure a function on this machine's device."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from jaxsight_runner.protocol import BenchmarkReport, BenchmarkRequest, to_json
from jaxsight_server.commands.compare_with import other_function
from jaxsight_server.commands.comparison_text import comparison_text
from jaxsight_server.commands.quantities import count, duration, histogram, place, spread
from jaxsight_server.commands.run_target import add_target_arguments, run_target


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)
    parser.add_argument(
        "--compare",
        metavar="FILE::QUALNAME|REVISION",
        help="measure in turns with another function, or with this one at a revision of git",
    )


def run(arguments: Namespace) -> int:
    """Measure and print; 2 when it could not be run."""

    def request(path: str, source: str, qualname: str) -> BenchmarkRequest:
        named = arguments.compare
        other = other_function(named, path, source, qualname) if named is not None else None
        return BenchmarkRequest(path, source, qualname, other=other)

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
    yield (
        f"  stages      trace {duration(stages.trace)} · lower {duration(stages.lower)} · "
        f"compile {duration(stages.compile)} (cold) · first call {duration(stages.first_call)}"
    )
    yield from _resources(report)
    if report.comparison is not None:
        yield from comparison_text(report.comparison)
    yield f"  on          {place(report.environment)}"
    yield from (f"  note        {note}" for note in _notes(report))
    yield from (f"  unstable    {reason}" for reason in report.reasons)


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
    if cost.flops:
        rate = count(cost.flops / report.latency.median, "FLOP/s")
        yield f"  cost        {count(cost.flops, 'FLOP')} as the compiler counts (loop bodies once): {rate}"

"""What came of a run, in the few words that a lens or a message has room for."""

from __future__ import annotations

from jaxsight_runner.protocol import (
    BenchmarkReport,
    DiagnosisReport,
    Failure,
    GradientsReport,
    InspectionReport,
    Outcome,
    Question,
    ShapesReport,
    ShardingReport,
)
from jaxsight_server.commands.quantities import count


def words(outcome: Outcome) -> str:
    """What came of a run, in a few words."""
    if isinstance(outcome, (Question, Failure)):
        return outcome.message
    if isinstance(outcome, GradientsReport):
        return outcome.summary
    if isinstance(outcome, BenchmarkReport):
        return _benchmark(outcome)
    if isinstance(outcome, InspectionReport):
        return _inspection(outcome)
    if isinstance(outcome, ShapesReport):
        return _shapes(outcome)
    if isinstance(outcome, ShardingReport):
        return _sharding(outcome)
    if isinstance(outcome, DiagnosisReport):
        return _diagnosis(outcome)
    return "done"


def _benchmark(report: BenchmarkReport) -> str:
    latency = report.latency
    spread = (latency.high - latency.low) / 2 / latency.median if latency.median else 0.0
    compiled = report.stages.trace + report.stages.lower + report.stages.compile
    share = report.achieved.flops_share if report.achieved else None
    of_peak = f" · {share:.0%} of peak" if share is not None else ""
    unstable = " · unstable" if report.verdict == "unstable" else ""
    return (
        f"{duration(latency.median)} ± {spread:.0%} · compile {duration(compiled)}"
        f"{of_peak}{unstable}"
    )


def _inspection(report: InspectionReport) -> str:
    parts = [count(report.flops, "FLOP")]
    if report.memory is not None and report.memory.peak:
        parts.append(f"peak {count(report.memory.peak, 'B')}")
    if report.roofline is not None:
        parts.append(f"{report.roofline.bound}-bound")
    return " · ".join(parts)


def _shapes(report: ShapesReport) -> str:
    if report.failure is not None:
        return f"tracing failed: {report.failure.message.splitlines()[0]}"
    sizes = f" for every {', '.join(report.dimensions)}" if report.how == "symbolic" else ""
    return f"{len(report.locals)} shapes{sizes}"


def _sharding(report: ShardingReport) -> str:
    if report.devices == 1:
        return "runs on 1 device"
    simulated = " simulated" if report.simulated else ""
    sent = sum(one.sent for one in report.collectives)
    parts = [f"{report.devices}{simulated} devices"]
    if report.work.flops is None:
        return f"{parts[0]} · {report.unfinished}"
    parts += [f"{count(report.work.flops, 'FLOP')} on each", f"{count(sent, 'B')} sent by each"]
    if report.work.replication is not None and report.work.replication >= 1.5:
        parts.append(f"the same work {report.work.replication:.3g} times")
    return " · ".join(parts)


def _diagnosis(report: DiagnosisReport) -> str:
    if not report.symptoms:
        return f"nothing found in {report.calls} calls"
    kinds = list(dict.fromkeys(symptom.trouble for symptom in report.symptoms))
    return f"found in {report.calls} calls: {', '.join(kinds)}"


def duration(seconds: float) -> str:
    """A time with three digits and its unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"

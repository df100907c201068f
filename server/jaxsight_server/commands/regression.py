"""`--fail-if-slower`: a function beside the last stored run of it, measured again where that can be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from jaxsight_runner.protocol import BenchmarkReport, BenchmarkRequest, Other
from jaxsight_server.history import Run

_DRIFT = 0.1
"""What a machine is from one hour to the next, when times were not taken in turns."""

Held = Literal["held", "slower", "unsure", "no baseline"]


@dataclass(frozen=True)
class Judgement:
    """Whether the baseline was held, and why that is said."""

    verdict: Held
    message: str


def last_run(runs: Sequence[Run], machine: str) -> Run | None:
    """The latest run on the same device, with the same versions."""
    return next((run for run in reversed(runs) if run.machine == machine), None)


def beside(request: BenchmarkRequest, run: Run) -> BenchmarkRequest:
    """The same request, measured in turns with the text of a stored run, unless that is the same."""
    if run.text == request.text:
        return request
    other = Other(request.path, run.text, request.qualname, name_of(run))
    return replace(request, other=other)


def name_of(run: Run) -> str:
    """A stored run, in words."""
    return f"the run of {datetime.fromtimestamp(run.time):%Y-%m-%d %H:%M}"


def judge(report: BenchmarkReport, baseline: Run | None, percent: float) -> Judgement:
    """What holds the report's function against its baseline."""
    comparison = report.comparison
    limit = f"{percent:g} %"
    if comparison is not None and comparison.verdict == "slower":
        share = f"{comparison.ratio - 1:.0%}".replace("%", " %")
        return Judgement("slower", f"{share} slower than {comparison.name}, {limit} is allowed")
    changed = _changed_imports(report, baseline)
    if baseline is not None and (
        changed or (comparison is None and _another_text(report, baseline))
    ):
        return _then_and_now(report, baseline, percent, changed)
    if comparison is not None:
        if comparison.high <= 1 + percent / 100:
            return Judgement("held", f"not more than {limit} slower than {comparison.name}")
        message = f"whether it is {limit} slower than {comparison.name} cannot be told here"
        return Judgement("unsure", message)
    if baseline is None:
        message = (
            "no stored run with this device and these versions: nothing to hold; this one is stored"
        )
        return Judgement("no baseline", message)
    return Judgement(
        "held", f"neither the file nor what it imports changed since {name_of(baseline)}"
    )


def _another_text(report: BenchmarkReport, baseline: Run) -> bool:
    return report.target.hash != baseline.hash


def _changed_imports(report: BenchmarkReport, baseline: Run | None) -> list[str]:
    if baseline is None:
        return []
    then, now = baseline.imports, report.imports
    return sorted(path for path in {*then, *now} if then.get(path) != now.get(path))


def _then_and_now(
    report: BenchmarkReport, baseline: Run, percent: float, changed: list[str]
) -> Judgement:
    """Times that were taken at different hours: only what is far apart says anything."""
    name, limit = name_of(baseline), f"{percent:g} %"
    why = (
        "its text then does not run any more"
        if not changed
        else f"what it imports changed ({_few(changed)})"
    )
    inputs = ", ".join(f"{item.name}: {item.value}" for item in report.inputs)
    if inputs != baseline.inputs:
        return Judgement("unsure", f"{why}, and {name} had other inputs ({baseline.inputs})")
    low = report.latency.low / baseline.high / (1 + _DRIFT)
    high = report.latency.high / baseline.low * (1 + _DRIFT)
    told = f"{low:.2f} to {high:.2f} times as long as in {name}; {why}, so that both could not be measured in turns"
    if low > 1 + percent / 100:
        return Judgement("slower", f"{told}; {limit} is allowed")
    if high <= 1 + percent / 100:
        return Judgement("held", told)
    return Judgement("unsure", f"{told}: this does not tell whether it is {limit} slower")


def _few(paths: list[str]) -> str:
    names = [path.rpartition("/")[2] for path in paths]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

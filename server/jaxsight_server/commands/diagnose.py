"""`jaxsight diagnose`: what goes wrong, or costs time, when a function is called again and again."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from jaxsight_runner.protocol import DiagnosisReport, DiagnosisRequest, Symptom
from jaxsight_server.commands.quantities import inputs_line, place
from jaxsight_server.commands.run_target import add_target_arguments, run_target, show


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)


def run(arguments: Namespace) -> int:
    """Call and print; 2 when it could not be called."""
    report = run_target(arguments, DiagnosisRequest)
    if report is None:
        return 2
    assert isinstance(report, DiagnosisReport)
    show(arguments, report, text(report))
    return 0


def text(report: DiagnosisReport) -> Iterator[str]:
    """The report in lines."""
    target = report.target
    found = len(report.symptoms)
    words = "nothing found" if not found else f"{found} finding{'s' if found > 1 else ''}"
    yield f"{target.qualname}   {target.path}:{target.line}   {report.calls} calls: {words}"
    yield f"  inputs   {inputs_line(report.inputs)}"
    yield f"  checked  {', '.join(report.checked)}"
    yield f"  on       {place(report.environment)}"
    for symptom in report.symptoms:
        yield from _symptom(symptom, target.path)
    yield from (f"  note     {note}" for note in report.notes)


def _symptom(symptom: Symptom, target: str) -> Iterator[str]:
    yield ""
    where = ""
    if symptom.path is not None:
        name = "line" if symptom.path == target else Path(symptom.path).name
        where = f", {name} {symptom.line}"
    times = f", {symptom.count} times a call" if symptom.count > 1 else ""
    yield f"  {symptom.trouble}{where}{times}: {symptom.message}"
    if symptom.text:
        yield f"      {symptom.text}"
    if symptom.rule is not None:
        yield f"      `jaxsight explain {symptom.rule}` says more"

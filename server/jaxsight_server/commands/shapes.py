"""`jaxsight shapes`: shape and dtype of every local variable, without computing anything."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from jaxsight_runner.protocol import Local, ShapesReport, ShapesRequest, Target
from jaxsight_server.commands.quantities import at_line, inputs_line, place
from jaxsight_server.commands.run_target import add_target_arguments, run_target, show


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)


def run(arguments: Namespace) -> int:
    """Evaluate and print; 2 when it could not be traced."""
    report = run_target(arguments, ShapesRequest)
    if report is None:
        return 2
    assert isinstance(report, ShapesReport)
    show(arguments, report, text(report))
    return 2 if report.failure is not None else 0


def text(report: ShapesReport) -> Iterator[str]:
    """The report in lines."""
    target = report.target
    yield f"{target.qualname}   {target.path}:{target.line}   {_how(report)}"
    yield f"  inputs  {inputs_line(report.inputs)}"
    yield f"  on      {place(report.environment)}"
    for (path, function), found in _by_function(report).items():
        yield ""
        where = "" if path == target.path else f"   {path}"
        yield f"  {function}{where}"
        yield from _table(found, target)
    if report.failure is not None:
        failure = report.failure
        at = f"{Path(failure.path).name}:{failure.line}: " if failure.path else ""
        yield ""
        yield f"  stopped at {at}{failure.message}"
    yield from (f"  note    {note}" for note in report.notes)


def _by_function(report: ShapesReport) -> dict[tuple[str, str], list[Local]]:
    """The variables of each function, functions in the order of their first lines."""
    found: dict[tuple[str, str], list[Local]] = {}
    for one in report.locals:
        found.setdefault((one.path, one.function), []).append(one)
    return found


def _how(report: ShapesReport) -> str:
    if report.how == "symbolic":
        return f"for every {', '.join(report.dimensions)}"
    if report.how == "two sizes":
        told = ", ".join(f"{name} {sizes}" for name, sizes in report.dimensions.items())
        return f"inferred from two traces: {told}"
    return "with these sizes"


def _table(found: list[Local], target: Target) -> Iterator[str]:
    width = max(len(one.name) for one in found)
    for one in found:
        line = at_line(target.path, one.line, target) if one.path == target.path else one.line
        yield f"  {line:>5}  {one.name.ljust(width)}  {' | '.join(one.shapes)}"

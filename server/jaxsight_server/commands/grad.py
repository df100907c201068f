"""`jaxsight grad`: validate a function's gradient against a numerical reference."""

from __future__ import annotations

import linecache
import shutil
import textwrap
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from functools import partial

from jaxsight_runner.protocol import (
    GradientLeaf,
    GradientsOptions,
    GradientsReport,
    GradientsRequest,
    SourceLocation,
)
from jaxsight_server.commands.quantities import RECORDED, inputs_line, place
from jaxsight_server.commands.run_target import add_target_arguments, run_target, show

_EXIT = {"right": 0, "wrong": 1, "unsure": 2}
_LEVELS = {"error": "✗", "warning": "⚠", "note": "·"}
_MARKS = {"right": "✓", "kink": "✓", "intended": "✓", "wrong": "✗", "non-finite": "✗", "dead": "✗"}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)
    parser.add_argument(
        "--order", type=int, choices=(1, 2), default=1, help="2: check the second derivative, too"
    )


def run(arguments: Namespace) -> int:
    """Check and print; 0 right, 1 wrong, 2 unsure or not run."""
    options = GradientsOptions(order=arguments.order)
    report = run_target(arguments, partial(GradientsRequest, options=options))
    if report is None:
        return 2
    assert isinstance(report, GradientsReport)
    show(arguments, report, text(report))
    return _EXIT[report.verdict]


def text(report: GradientsReport) -> Iterator[str]:
    """The report in lines."""
    target = report.target
    yield f"{target.qualname}   {target.path}:{target.line}   {report.verdict.upper()}"
    yield from _wrapped("  ", report.summary)
    if report.culprit is not None:
        yield from _source_line(report.culprit)
    if report.intended is not None:
        yield f"  intended: {report.intended}"
    yield ""
    yield from _findings(report)
    is_forward = any(finding.kind == "no-reverse" for finding in report.findings)
    yield from _table(report.leaves, "forward mode" if is_forward else "reverse mode")
    yield ""
    if report.second_order:
        yield "  the second derivative, against fixed weights"
        yield from _table(report.second_order)
        yield ""
    if report.forward_reverse_error is not None:
        yield f"  forward against reverse mode: {report.forward_reverse_error:.1g}, relative"
    yield f"  reference: central differences in f64, {report.directions} directions, on {place(report.environment)}"
    if any(item.source in RECORDED for item in report.inputs):
        yield from _wrapped("  inputs: ", inputs_line(report.inputs))
    for item in report.inputs:
        if item.note:
            yield from _wrapped("  note: ", f"`{item.name}`: {item.note}")
    for note in report.notes:
        yield from _wrapped("  note: ", note)


def _findings(report: GradientsReport) -> Iterator[str]:
    """Those that the summary does not say already."""
    rest = [finding for finding in report.findings if finding.message != report.summary]
    for finding in rest:
        yield from _wrapped(f"  {_LEVELS[finding.level]} ", finding.message)
        if finding.place is not None and finding.place != report.culprit:
            yield from _source_line(finding.place)
    if rest:
        yield ""


def _source_line(location: SourceLocation) -> Iterator[str]:
    """The line with its file and number, as far as the file can be read."""
    line = linecache.getline(location.path, location.line).strip()
    yield f"    {location.path}:{location.line}" + (f"   {line[:90]}" if line else "")


def _wrapped(start: str, words: str) -> list[str]:
    width = max(60, shutil.get_terminal_size((110, 24)).columns)
    return textwrap.wrap(
        words,
        width,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_on_hyphens=False,
    )


def _table(leaves: tuple[GradientLeaf, ...], mode: str = "reverse mode") -> Iterator[str]:
    rows = [("", "leaf", "type", mode, "differences", "error", "")]
    rows += [_row(leaf) for leaf in leaves]
    widths = [max(len(row[column]) for row in rows) for column in range(7)]
    for row in rows:
        cells = [
            cell.rjust(widths[i]) if 3 <= i <= 5 else cell.ljust(widths[i])
            for i, cell in enumerate(row)
        ]
        yield ("  " + "  ".join(cells)).rstrip()


def _row(leaf: GradientLeaf) -> tuple[str, ...]:
    shape = ",".join(map(str, leaf.shape))
    words = leaf.verdict + (f": {leaf.message}" if leaf.message else "")
    return (
        _MARKS.get(leaf.verdict, "·"),
        leaf.path,
        f"{leaf.dtype}[{shape}]",
        _number(leaf.analytic),
        _number(leaf.numeric),
        "" if leaf.error is None else f"{leaf.error:.1e}",
        words,
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"

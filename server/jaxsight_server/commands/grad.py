"""`jaxsight grad`: validate a function's gradient against a numerical reference."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from jaxsight_runner.protocol import (
    GradientLeaf,
    GradientsReport,
    GradientsRequest,
    to_json,
)
from jaxsight_server.commands.quantities import place
from jaxsight_server.commands.run_target import add_target_arguments, run_target

_EXIT = {"right": 0, "wrong": 1, "unsure": 2}
_MARKS = {"right": "✓", "kink": "✓", "intended": "✓", "wrong": "✗", "non-finite": "✗", "dead": "✗"}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)


def run(arguments: Namespace) -> int:
    """Check and print; 0 right, 1 wrong, 2 unsure or not run."""
    report = run_target(arguments, GradientsRequest)
    if report is None:
        return 2
    assert isinstance(report, GradientsReport)
    if arguments.json:
        print(json.dumps(to_json(report), indent=2, ensure_ascii=False))
    else:
        print("\n".join(text(report)))
    return _EXIT[report.verdict]


def text(report: GradientsReport) -> Iterator[str]:
    """The report in lines."""
    target = report.target
    yield f"{target.qualname}   {target.path}:{target.line}   {report.verdict.upper()}"
    yield f"  {report.summary}"
    if report.culprit is not None:
        yield f"  the custom rule at {report.culprit.path}:{report.culprit.line} is not the derivative of its function"
    if report.intended is not None:
        yield f"  intended: {report.intended}"
    yield ""
    yield from _table(report.leaves)
    yield ""
    if report.forward_reverse_error is not None:
        yield f"  forward against reverse mode: {report.forward_reverse_error:.1g}, relative"
    yield f"  reference: central differences in {report.precision}, {report.directions} directions, on {place(report.environment)}"
    yield from (f"  note: `{item.name}`: {item.note}" for item in report.inputs if item.note)
    yield from (f"  note: {note}" for note in report.notes)


def _table(leaves: tuple[GradientLeaf, ...]) -> Iterator[str]:
    rows = [("", "leaf", "type", "reverse mode", "differences", "error", "")]
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
    element = f" at element {list(leaf.element)}" if leaf.element else ""
    words = leaf.verdict + (f": {leaf.message}{element}" if leaf.message else "")
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

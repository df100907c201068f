"""`jaxsight inspect`: what JAX and the compiler make of a function, line by line."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from jaxsight_runner.protocol import (
    Conversion,
    Donation,
    InspectionOptions,
    InspectionReport,
    InspectionRequest,
    LineCost,
    ProgramText,
    Target,
)
from jaxsight_server.commands.quantities import at_line, count, duration, inputs_line, place
from jaxsight_server.commands.run_target import add_target_arguments, run_target, show

_SHOWN = 20  # lines of the table


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)
    parser.add_argument(
        "--show",
        choices=("jaxpr", "stablehlo", "hlo"),
        help="print this form of the program, the source's line beside each of its lines",
    )


def run(arguments: Namespace) -> int:
    """Inspect and print; 2 when it could not be compiled."""
    options = InspectionOptions(programs=arguments.json or arguments.show is not None)

    def make(path: str, text: str, qualname: str) -> InspectionRequest:
        return InspectionRequest(path, text, qualname, options=options)

    report = run_target(arguments, make)
    if report is None:
        return 2
    assert isinstance(report, InspectionReport)
    program = arguments.show
    show(arguments, report, text(report) if program is None else _program(report, program))
    return 0


def text(report: InspectionReport) -> Iterator[str]:
    """The report in lines."""
    target, stages = report.target, report.stages
    yield f"{target.qualname}   {target.path}:{target.line}   {target.how}"
    yield f"  inputs      {inputs_line(report.inputs)}"
    yield (
        f"  stages      trace {duration(stages.trace)} · lower {duration(stages.lower)} · "
        f"compile {duration(stages.compile)} (cold)"
    )
    yield from _cost(report)
    yield from _memory(report)
    if report.donation is not None:
        yield f"  donated     {_donated(report.donation)}"
    for one in report.collectives:
        where = f" · line {one.line}" if one.line else ""
        least = "≥ " if one.open_ended else ""
        yield f"  sent        {least}{one.times:.0f} × {one.operation}, {count(one.bytes, 'B')}{where}"
    for one in report.constants:
        where = f" · line {one.line}" if one.line else ""
        yield f"  captured    {one.value}, {count(one.bytes, 'B')}: a constant of the executable{where}"
    yield f"  on          {place(report.environment)}"
    yield ""
    yield from _lines(report)
    yield from _conversions(report.conversions, target)
    yield from (f"  note        `{item.name}`: {item.note}" for item in report.inputs if item.note)
    yield from (f"  note        {note}" for note in report.notes)


def _cost(report: InspectionReport) -> Iterator[str]:
    transcendentals = (
        f" · {count(report.transcendentals, '')}transcendental" if report.transcendentals else ""
    )
    compiler = (
        ""
        if report.cost.flops is None
        else f" · the compiler counts {count(report.cost.flops, 'FLOP')}"
    )
    yield f"  cost        {count(report.flops, 'FLOP')}{transcendentals}{compiler}"
    roof, machine = report.roofline, report.machine
    if roof is not None and machine is not None:
        yield (
            f"  roofline    {roof.intensity:.3g} FLOP/B, {roof.bound}-bound (ridge {roof.ridge:.3g}) · at least "
            f"{duration(roof.fastest)} at {count(machine.flops_per_second, 'FLOP/s')} and "
            f"{count(machine.bytes_per_second, 'B/s')}, measured here {machine.measured}"
        )


def _memory(report: InspectionReport) -> Iterator[str]:
    memory, peak = report.memory, report.peak
    if memory is not None:
        highest = f" · peak {count(memory.peak, 'B')}" if memory.peak else ""
        yield (
            f"  memory      arguments {count(memory.arguments, 'B')} · outputs {count(memory.outputs, 'B')}"
            f" · temporary {count(memory.temporary, 'B')}{highest}"
        )
    if peak is not None and peak.line:
        yield f"  peak        {count(peak.bytes, 'B')} before fusion, at {at_line(peak.path, peak.line, report.target)}"


def _donated(donation: Donation) -> str:
    names = ", ".join(donation.arguments) or "nothing"
    used = f"{count(donation.reused, 'B')} of {count(donation.donated, 'B')} reused"
    return f"{names}: {used}" + (f" ({donation.message})" if donation.message else "")


def _lines(report: InspectionReport) -> Iterator[str]:
    whole = report.flops + report.transcendentals
    rows = [("line", "FLOP", "share", "moved", "", "source")]
    rows += [_row(line, whole, report.target) for line in report.lines[:_SHOWN]]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[:4], widths)]
        yield f"  {'  '.join(cells)}  {row[4].ljust(widths[4])}  {row[5]}".rstrip()
    left = len(report.lines) - _SHOWN
    if left > 0:
        yield f"  {left} more lines: --json names all"


def _row(line: LineCost, whole: float, target: Target) -> tuple[str, ...]:
    work = line.flops + line.transcendentals
    marks = ("≥" if line.open_ended else "") + ("?" if line.unknown else "")
    return (
        at_line(line.path, line.line, target),
        count(work, "").strip() or "0",
        f"{work / whole:.0%}" if whole else "",
        count(line.bytes, "B"),
        marks,
        line.text[:70],
    )


def _conversions(found: tuple[Conversion, ...], target: Target) -> Iterator[str]:
    wide = [one for one in found if one.widens and not one.written]
    if not wide:
        return
    yield ""
    yield "  values that get wider although the line does not say so:"
    for one in wide[:_SHOWN]:
        elements = count(one.elements, "").strip()
        yield f"  {at_line(one.path, one.line, target)}: {one.from_dtype} to {one.to_dtype}, {elements} elements   {one.text[:60]}"


def _program(report: InspectionReport, form: str) -> Iterator[str]:
    program: ProgramText | None = next((p for p in report.programs if p.form == form), None)
    if program is None:
        yield f"this JAX does not give the {form} of `{report.target.qualname}`"
        return
    links = {link.text_line: link for link in program.links}
    for number, line in enumerate(program.text.splitlines(), 1):
        link = links.get(number)
        where = at_line(link.path, link.line, report.target) if link else ""
        yield f"{where:>16} │ {line}".rstrip()

"""Inspects a function: compiled, not run; what it costs by line, what the compiler made of it."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.costs.jaxprs import loops
from jaxsight_runner.costs.line_costs import (
    constants,
    conversions,
    counted_operations,
    line_costs,
    peak_memory,
)
from jaxsight_runner.costs.roofline import machine_peak, roofline
from jaxsight_runner.environment import describe_environment
from jaxsight_runner.loading.options import with_options
from jaxsight_runner.loading.target import load_target
from jaxsight_runner.program.compilation import (
    Built,
    build,
    compilable,
    donated_arguments,
    forget_compiled,
)
from jaxsight_runner.program.instructions import Executable
from jaxsight_runner.program.prepared import prepare, program
from jaxsight_runner.program.texts import program_texts
from jaxsight_runner.protocol import (
    Donation,
    InspectionReport,
    InspectionRequest,
    LineCost,
    MachinePeak,
    Roofline,
    SourceLocation,
)
from jaxsight_runner.sharding.collectives import collectives
from jaxsight_runner.sharding.simulated import simulate_mesh
from jaxsight_runner.worker import Job

_MOST_LINES = 200


def run(request: InspectionRequest, job: Job) -> InspectionReport:
    """Import, build arguments, trace twice: once for the jaxpr, once for the compiler."""
    simulate_mesh(request)
    with with_options(jax_enable_compilation_cache=False):
        loaded = load_target(request, job)
    jax = import_module("jax")
    job.enter("arguments", "building the arguments")
    prepared = prepare(loaded)
    compiled = compilable(prepared)
    forget_compiled(request)
    built = build(compiled, job)
    job.enter("trace", "reading the jaxpr")
    whole = program(prepared)
    jaxpr = jax.make_jaxpr(whole.call)(*whole.leaves)
    here = SourceLocation(request.path, loaded.line)
    operations = counted_operations(jaxpr)
    lines = line_costs(operations, here)
    has_loops = any(each.times > 1 or each.loop for each in operations)
    hlo = built.text
    peak = None if _simulated() else _machine(request, job)
    return InspectionReport(
        target=prepared.target(compiled.how),
        stages=built.stages,
        memory=built.memory,
        peak=peak_memory(jaxpr, here),
        cost=built.cost,
        flops=sum(line.flops for line in lines),
        transcendentals=sum(line.transcendentals for line in lines),
        lines=lines[:_MOST_LINES],
        conversions=conversions(operations, here),
        constants=constants(jaxpr),
        collectives=collectives(Executable(hlo, loops(jaxpr))),
        donation=_donation(built),
        loops=tuple({each.loop: None for each in operations if each.loop}),
        machine=peak,
        roofline=_roofline(lines, built, peak, has_loops),
        programs=program_texts(jaxpr, built.lowered, hlo) if request.options.programs else (),
        notes=(*prepared.notes, *compiled.notes, *_notes(lines, built, has_loops)),
        inputs=prepared.inputs,
        environment=describe_environment(),
    )


def _simulated() -> bool:
    """Whether the CPU stands in for several devices, none of which is as fast as it."""
    devices = import_module("jax").devices()
    return len(devices) > 1 and str(devices[0].platform) == "cpu"


def _machine(request: InspectionRequest, job: Job) -> Optional[MachinePeak]:
    if request.options.roofline:
        job.enter("execute", "measuring what this device can do (once)")
    return machine_peak(may_measure=request.options.roofline)


def _roofline(
    lines: tuple[LineCost, ...], built: Built, peak: Optional[MachinePeak], loops: bool
) -> Optional[Roofline]:
    """Against the FLOPs counted from the jaxpr and the bytes that the executable moves, as the compiler says."""
    moved = built.cost.bytes_accessed
    if peak is None or moved is None or loops:
        return None  # the compiler counts the bytes of a loop's body once
    return roofline(sum(line.flops for line in lines), moved, peak)


def _donation(built: Built) -> Optional[Donation]:
    if not built.donated and not built.refused:
        return None
    offered = sum(_bytes(item) for _, item in donated_arguments(built.lowered))
    reused = built.memory.alias if built.memory else 0
    return Donation(built.donated, offered, reused, built.refused or None)


def _bytes(info: Any) -> int:
    jax = import_module("jax")
    size = 1
    for dim in info.shape:
        size *= int(dim)
    return size * int(jax.numpy.dtype(info.dtype).itemsize)


def _notes(lines: tuple[LineCost, ...], built: Built, loops: bool) -> tuple[str, ...]:
    notes: list[str] = []
    if any(line.open_ended for line in lines):
        notes.append(
            "the bodies of `while` loops are counted once: nobody knows how often they run"
        )
    unknown = sorted({name for line in lines for name in line.unknown})
    if unknown:
        notes.append(f"not counted, because their cost is not known: {', '.join(unknown)}")
    if _simulated():
        notes.append("no roofline: the CPU simulates several devices")
    elif loops:
        notes.append("no roofline: of a loop the compiler counts the bytes of one turn")
    if built.memory is None:
        notes.append("this backend does not say how much memory the executable needs")
    return tuple(notes)

"""Measures a function: its stages, then latency and throughput of the compiled one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any, Optional, TypeVar

from jaxsight_runner.costs.achieved import achieved
from jaxsight_runner.data import dataclass
from jaxsight_runner.environment import describe_environment
from jaxsight_runner.inputs.arguments import build_arguments
from jaxsight_runner.loading.imported import imported_files
from jaxsight_runner.loading.options import with_options
from jaxsight_runner.loading.target import load_target
from jaxsight_runner.program.compilation import Built, compilable, forget_compiled, stage
from jaxsight_runner.program.instructions import Executable
from jaxsight_runner.program.prepared import Prepared, prepare
from jaxsight_runner.protocol import (
    Achieved,
    BenchmarkOptions,
    BenchmarkReport,
    BenchmarkRequest,
    DeviceTime,
    Eager,
    Interval,
    Samples,
)
from jaxsight_runner.timing import measure
from jaxsight_runner.timing.eager import measure_eager
from jaxsight_runner.timing.line_times import device_time
from jaxsight_runner.timing.side_by_side import Contestant, compare, ready
from jaxsight_runner.timing.statistics import instability, summarise
from jaxsight_runner.timing.sweeping import check_axes, first_point, sweep
from jaxsight_runner.timing.together import measure_together
from jaxsight_runner.timing.warm_cache import warm_compile
from jaxsight_runner.worker import Job

_T = TypeVar("_T")


def run(request: BenchmarkRequest, job: Job) -> BenchmarkReport:
    """Import, build arguments, compile stage by stage, measure."""
    with with_options(jax_enable_compilation_cache=False):  # a cold compile is what is asked for
        if job.processes > 1:
            return measure_together(request, job)
        check_axes(request.sweep)
        prepared = _load(request, job)
    compiled = compilable(prepared)
    staged = stage(compiled, job)
    built, fresh, options = staged.built, bool(staged.built.donated), request.options
    target = ready(prepared, compiled, staged.stages, fresh, job, options)
    latency, queued, reasons = _measured(target, fresh, options, job)
    floor = _dispatch_floor(options)
    summary = summarise(latency.seconds)
    extras = _extras(request, target, built, summary.median, job) if options.extras else _Extras()
    imports = imported_files(prepared.loaded)
    comparison = compare(target, request, request.other, job) if request.other else None
    swept = sweep(prepared.loaded, request.sweep, options, job) if request.sweep else None
    warm, why_not = None, ""
    if options.extras:
        cold = staged.stages.compile
        warm, why_not = _tried("a full cache", lambda: warm_compile(compiled, cold, job))
    notes = (*prepared.notes, *compiled.notes, *_notes(fresh, built), *extras.notes, why_not)
    return BenchmarkReport(
        target=prepared.target(compiled.how),
        stages=replace(staged.stages, warm_compile=warm),
        latency=summary,
        throughput=summarise(queued.seconds) if queued else None,
        dispatch_floor=floor,
        memory=built.memory,
        cost=built.cost,
        samples=_samples(latency, queued),
        verdict="unstable" if reasons else "ok",
        reasons=tuple(reasons),
        notes=tuple(filter(None, notes)),
        inputs=prepared.inputs,
        donated=built.donated,
        environment=describe_environment(),
        eager=extras.eager,
        device=extras.device,
        achieved=extras.achieved,
        comparison=comparison,
        sweep=swept,
        imports=imports,
    )


def _measured(
    target: Contestant, fresh: bool, options: BenchmarkOptions, job: Job
) -> tuple[measure.Sampled, Optional[measure.Sampled], list[str]]:
    """Latency, throughput where arguments can be used again, and why these cannot be relied on."""
    side = target.side
    noise = measure.host_noise()
    job.enter("execute", "measuring latency")
    latency = measure.latency(side.call, side.arguments, side.estimate, fresh, options)
    queued: Optional[measure.Sampled] = None
    if not fresh:
        job.enter("execute", "measuring throughput")
        queued = measure.throughput(side.call, side.arguments, side.estimate, options)
    noise = max(noise, measure.host_noise())
    return latency, queued, instability(latency.seconds, noise)


def _samples(latency: measure.Sampled, queued: Optional[measure.Sampled]) -> Samples:
    return Samples(
        latency.seconds,
        queued.seconds if queued else (),
        latency.calls,
        queued.calls if queued else 0,
    )


@dataclass(frozen=True)
class _Extras:
    """What else is worth knowing of a function, and why some of it is not known."""

    eager: Optional[Eager] = None
    device: Optional[DeviceTime] = None
    achieved: Optional[Achieved] = None
    notes: tuple[str, ...] = ()


def _extras(
    request: BenchmarkRequest, target: Contestant, built: Built, seconds: float, job: Job
) -> _Extras:
    prepared = target.prepared
    job.enter("execute", "measuring what the device can do (once)")
    rates = _tried("the rates", lambda: (achieved(prepared, built, seconds), ""))
    job.enter("execute", "measuring by source line")
    device = _tried(
        "times by source line",
        lambda: device_time(target.side, built, request.text, request.path),
    )
    job.enter("execute", "measuring without jit")
    eager = _tried(
        "the time without jit",
        lambda: measure_eager(prepared, target.stages, seconds, request.options),
    )
    return _Extras(eager[0], device[0], rates[0], (rates[1], device[1], eager[1]))


def _tried(what: str, attempt: Callable[[], tuple[Optional[_T], str]]) -> tuple[Optional[_T], str]:
    """What is worth knowing besides does not end a benchmark that has its times."""
    try:
        return attempt()
    except Exception as error:
        why = f"{what} could not be measured: {type(error).__name__}: {error}"
        return None, why.splitlines()[0]


def _load(request: BenchmarkRequest, job: Job) -> Prepared:
    loaded = load_target(request, job)
    forget_compiled(request)
    job.enter("arguments", "building the arguments")
    if not request.sweep:
        return prepare(loaded)
    return prepare(loaded, build_arguments(loaded, first_point(request.sweep)))


def _dispatch_floor(options: BenchmarkOptions) -> Interval:
    """The latency of a compiled function that does nothing: what no function can go below."""
    jax = import_module("jax")
    value = jax.numpy.zeros(())

    def nothing(x: Any) -> Any:
        return x

    identity = jax.jit(nothing)
    estimate = measure.warm_up(identity, lambda: (value,), 0.01)
    short = replace(options, seconds=min(options.seconds, 0.1))
    return summarise(measure.latency(identity, lambda: (value,), estimate, False, short).seconds)


def _notes(fresh: bool, built: Built) -> Iterator[str]:
    if fresh:
        yield (
            "arguments are donated: every call got fresh copies, made outside the clock; "
            "throughput is not measured"
        )
    devices = import_module("jax").devices()
    if len(devices) > 1 and devices[0].platform == "cpu" and Executable(built.text).devices > 1:
        yield "this CPU simulates the devices, which share its cores: the times say nothing of real ones"

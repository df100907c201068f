"""Measures a function: its stages, then latency and throughput of the compiled one."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner import measure
from jaxsight_runner.compilation import compilable, stage
from jaxsight_runner.environment import describe_environment
from jaxsight_runner.programs import Prepared, prepare
from jaxsight_runner.protocol import (
    BenchmarkOptions,
    BenchmarkReport,
    BenchmarkRequest,
    Interval,
    Samples,
)
from jaxsight_runner.side_by_side import compare, ready
from jaxsight_runner.statistics import instability, summarise
from jaxsight_runner.target import load_target
from jaxsight_runner.worker import Job


def run(request: BenchmarkRequest, job: Job) -> BenchmarkReport:
    """Import, build arguments, compile stage by stage, measure."""
    jax = import_module("jax")
    jax.config.update("jax_enable_compilation_cache", False)  # a cold compile is what is asked for
    prepared = _load(request, job)
    compiled = compilable(prepared)
    staged = stage(compiled, job)
    fresh = bool(staged.built.donated)
    options = request.options
    target = ready(prepared, compiled, staged.stages, fresh, job, options)
    call, arguments, estimate = target.side.call, target.side.arguments, target.side.estimate
    noise = measure.host_noise()
    job.enter("execute", "measuring latency")
    latency = measure.latency(call, arguments, estimate, fresh, options)
    queued: Optional[measure.Sampled] = None
    if not fresh:
        job.enter("execute", "measuring throughput")
        queued = measure.throughput(call, arguments, estimate, options)
    noise = max(noise, measure.host_noise())
    reasons = instability(latency.seconds, noise)
    comparison = compare(target, request, request.other, job) if request.other else None
    return BenchmarkReport(
        target=prepared.target(compiled.how),
        stages=staged.stages,
        latency=summarise(latency.seconds),
        throughput=summarise(queued.seconds) if queued else None,
        dispatch_floor=_dispatch_floor(options),
        memory=staged.built.memory,
        cost=staged.built.cost,
        samples=Samples(
            latency.seconds,
            queued.seconds if queued else (),
            latency.calls,
            queued.calls if queued else 0,
        ),
        verdict="unstable" if reasons else "ok",
        reasons=tuple(reasons),
        notes=(*prepared.notes, *compiled.notes, *_notes(fresh)),
        inputs=prepared.inputs,
        donated=staged.built.donated,
        environment=describe_environment(),
        comparison=comparison,
    )


def _load(request: BenchmarkRequest, job: Job) -> Prepared:
    loaded = load_target(request, job)
    job.enter("arguments", "building the arguments")
    return prepare(loaded)


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


def _notes(fresh: bool) -> tuple[str, ...]:
    if not fresh:
        return ()
    return (
        "arguments are donated: every call got fresh copies, made outside the clock; "
        "throughput is not measured",
    )

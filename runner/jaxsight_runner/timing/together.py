"""Measures a function that several processes call together.

They have to agree on every call before it is made, since one that calls once more waits for ever: how many calls there
are is worked out from the slowest process's estimate, which all of them are told.
"""

from __future__ import annotations

from importlib import import_module
from time import perf_counter
from typing import Any

from jaxsight_runner.environment import describe_environment
from jaxsight_runner.failures import stop
from jaxsight_runner.loading.imported import imported_files
from jaxsight_runner.loading.target import load_target
from jaxsight_runner.program.compilation import compilable, copies, stage
from jaxsight_runner.program.prepared import prepare
from jaxsight_runner.protocol import BenchmarkOptions, BenchmarkReport, BenchmarkRequest, Samples
from jaxsight_runner.timing.measure import Arguments, Call
from jaxsight_runner.timing.statistics import MINIMUM_SAMPLES, instability, summarise
from jaxsight_runner.worker import Job

_WARM_UP = 3  # calls
_MOST_SAMPLES = 2000


def measure_together(request: BenchmarkRequest, job: Job) -> BenchmarkReport:
    """The latency of calls that all processes make at the same time; each reports what it saw."""
    if request.other is not None or request.sweep:
        raise stop(
            "unsupported", "several processes measure one function: leave --compare and --sweep out"
        )
    loaded = load_target(request, job)
    job.enter("arguments", "building the arguments")
    prepared = prepare(loaded)
    compiled = compilable(prepared)
    staged = stage(compiled, job)
    fresh = bool(staged.built.donated)

    def arguments() -> tuple[Any, ...]:
        return copies(compiled.args, {})[0] if fresh else compiled.args

    def call(*given: Any) -> Any:
        return compiled.function(*given, **compiled.kwargs)

    job.enter("execute", f"measuring with {job.processes} processes")
    seconds = _sampled(call, arguments, request.options)
    reasons = tuple(instability(seconds, 0.0))
    return BenchmarkReport(
        target=prepared.target(compiled.how),
        stages=staged.stages,
        latency=summarise(seconds),
        throughput=None,
        dispatch_floor=None,
        memory=staged.built.memory,
        cost=staged.built.cost,
        samples=Samples(seconds, (), 1, 0),
        verdict="unstable" if reasons else "ok",
        reasons=reasons,
        notes=(*prepared.notes, *compiled.notes),
        inputs=prepared.inputs,
        donated=staged.built.donated,
        environment=describe_environment(),
        imports=imported_files(loaded),
    )


def _sampled(call: Call, arguments: Arguments, options: BenchmarkOptions) -> tuple[float, ...]:
    """Single calls, as many in each process."""
    block = import_module("jax").block_until_ready
    taken: list[float] = []

    def sample() -> None:
        given = block(arguments())
        start = perf_counter()
        block(call(*given))
        taken.append(perf_counter() - start)

    for _ in range(_WARM_UP):
        sample()
    estimate = _slowest(min(taken))
    wanted = int(options.seconds / max(estimate, 1e-9))
    count = max(MINIMUM_SAMPLES, options.minimum_samples, min(_MOST_SAMPLES, wanted))
    taken.clear()
    for _ in range(count):
        sample()
    return tuple(taken)


def _slowest(seconds: float) -> float:
    """The largest of what the processes say."""
    numpy = import_module("numpy")
    gather = import_module("jax.experimental.multihost_utils").process_allgather
    return float(numpy.max(gather(numpy.float32(seconds))))

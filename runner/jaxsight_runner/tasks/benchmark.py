"""Measures a function: its stages, then latency and throughput of the compiled one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from time import perf_counter
from typing import Any, Optional

from jaxsight_runner import measure
from jaxsight_runner.environment import describe_environment
from jaxsight_runner.programs import Prepared, device_arrays, prepare, program
from jaxsight_runner.protocol import (
    BenchmarkOptions,
    BenchmarkReport,
    BenchmarkRequest,
    Cost,
    Interval,
    Memory,
    Samples,
    Stages,
)
from jaxsight_runner.statistics import instability, summarise
from jaxsight_runner.target import load_target
from jaxsight_runner.worker import Job


@dataclass(frozen=True)
class _Compiled:
    """A function that can be staged and called, and its arguments."""

    function: Any  # has `.lower`, perhaps `.trace`
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    how: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Staged:
    stages: Stages
    memory: Optional[Memory]
    cost: Cost
    donated: tuple[str, ...]


def run(request: BenchmarkRequest, job: Job) -> BenchmarkReport:
    """Import, build arguments, compile stage by stage, measure."""
    jax = import_module("jax")
    jax.config.update("jax_enable_compilation_cache", False)  # a cold compile is what is asked for
    prepared = _load(request, job)
    compiled = _compiled(prepared)
    staged = _stage(compiled, job)
    fresh = bool(staged.donated)
    call, arguments = _callable(compiled, fresh)
    options = request.options
    job.enter("execute", "warming up")
    estimate = measure.warm_up(call, arguments, options.warmup_seconds)
    noise = measure.host_noise()
    job.enter("execute", "measuring latency")
    latency = measure.latency(call, arguments, estimate, fresh, options)
    queued: Optional[measure.Sampled] = None
    if not fresh:
        job.enter("execute", "measuring throughput")
        queued = measure.throughput(call, arguments, estimate, options)
    noise = max(noise, measure.host_noise())
    reasons = instability(latency.seconds, noise)
    return BenchmarkReport(
        target=prepared.target(compiled.how),
        stages=staged.stages,
        latency=summarise(latency.seconds),
        throughput=summarise(queued.seconds) if queued else None,
        dispatch_floor=_dispatch_floor(options),
        memory=staged.memory,
        cost=staged.cost,
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
        donated=staged.donated,
        environment=describe_environment(),
    )


def _load(request: BenchmarkRequest, job: Job) -> Prepared:
    loaded = load_target(request, job)
    job.enter("arguments", "building the arguments")
    return prepare(loaded)


def _compiled(prepared: Prepared) -> _Compiled:
    """The target itself when it compiles itself, else wrapped in `jax.jit`."""
    jax = import_module("jax")
    if prepared.compiles_itself:
        args = tuple(device_arrays(value) for value in prepared.args)
        kwargs = {name: device_arrays(value) for name, value in prepared.kwargs.items()}
        return _Compiled(prepared.function, args, kwargs, "compiled as the file says", ())
    whole = program(prepared)
    notes: tuple[str, ...] = ()
    if not whole.leaves:
        notes = ("no argument is an array: the compiler may have computed the result beforehand",)
    return _Compiled(jax.jit(whole.call), whole.leaves, {}, "wrapped in jax.jit", notes)


def _stage(compiled: _Compiled, job: Job) -> _Staged:
    """Trace, lower, compile and run once, each under its own clock."""
    jax = import_module("jax")
    function, args, kwargs = compiled.function, compiled.args, compiled.kwargs
    job.enter("trace", "tracing")
    start = perf_counter()
    traced = function.trace(*args, **kwargs) if hasattr(function, "trace") else None
    after_trace = perf_counter()
    job.enter("lower", "lowering")
    lower_start = perf_counter()
    lowered = traced.lower() if traced is not None else function.lower(*args, **kwargs)
    after_lower = perf_counter()
    job.enter("compile", "compiling")
    compile_start = perf_counter()
    executable = lowered.compile()
    after_compile = perf_counter()
    donated = _donated(lowered)
    first = _copies(args, kwargs) if donated else (args, kwargs)
    job.enter("execute", "first call")
    first_start = perf_counter()
    jax.block_until_ready(function(*first[0], **first[1]))
    stages = Stages(
        trace=after_trace - start,
        lower=after_lower - lower_start,
        compile=after_compile - compile_start,
        first_call=perf_counter() - first_start,
        persistent_cache=False,
    )
    return _Staged(stages, _memory(executable), _cost(executable), donated)


def _callable(compiled: _Compiled, fresh: bool) -> tuple[Callable[..., Any], Callable[[], Any]]:
    """The call to time and what makes its arguments."""
    function, args, kwargs = compiled.function, compiled.args, compiled.kwargs
    if not kwargs:
        return function, lambda: _copies(args, {})[0] if fresh else args

    def call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return function(*args, **kwargs)

    return call, lambda: _copies(args, kwargs) if fresh else (args, kwargs)


def _copies(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    jax = import_module("jax")

    def copy(leaf: Any) -> Any:
        return leaf.copy() if isinstance(leaf, jax.Array) else leaf

    return jax.tree_util.tree_map(copy, (args, kwargs))


def _donated(lowered: Any) -> tuple[str, ...]:
    """The key paths of donated arguments."""
    jax = import_module("jax")
    info = getattr(lowered, "args_info", None)

    def is_leaf(item: object) -> bool:
        return hasattr(item, "donated")

    entries = jax.tree_util.tree_flatten_with_path(info, is_leaf=is_leaf)[0]
    return tuple(
        jax.tree_util.keystr(path) for path, item in entries if getattr(item, "donated", False)
    )


def _memory(executable: Any) -> Optional[Memory]:
    try:
        found = executable.memory_analysis()
    except (AttributeError, NotImplementedError, RuntimeError):  # not every backend can say
        return None
    if found is None or not hasattr(found, "argument_size_in_bytes"):
        return None
    peak = getattr(found, "peak_memory_in_bytes", None)
    return Memory(
        arguments=int(found.argument_size_in_bytes),
        outputs=int(found.output_size_in_bytes),
        temporary=int(found.temp_size_in_bytes),
        alias=int(found.alias_size_in_bytes),
        generated_code=int(found.generated_code_size_in_bytes),
        peak=int(peak) if peak else None,
    )


def _cost(executable: Any) -> Cost:
    """FLOPs and bytes; jax has answered with a dict, a list of one, and nothing."""
    try:
        found = executable.cost_analysis()
    except (AttributeError, NotImplementedError, RuntimeError):
        return Cost(None, None)
    entry: Any = found[0] if isinstance(found, (list, tuple)) and found else found  # pyright: ignore
    if not isinstance(entry, dict):
        return Cost(None, None)
    return Cost(_number(entry.get("flops")), _number(entry.get("bytes accessed")))  # pyright: ignore


def _number(value: object) -> Optional[float]:
    return float(value) if isinstance(value, (int, float)) and value >= 0 else None


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

"""One function at several sizes, dtypes and devices, and how its time grows with a size."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Optional

from jaxsight_runner.failures import Stop, failure_of, stop
from jaxsight_runner.inputs.arguments import build_arguments
from jaxsight_runner.inputs.overrides import FLOATS, Overrides
from jaxsight_runner.loading.target import Loaded
from jaxsight_runner.program.compilation import compilable, stage
from jaxsight_runner.program.prepared import prepare
from jaxsight_runner.protocol import (
    BenchmarkOptions,
    Growth,
    Memory,
    Question,
    Sweep,
    SweepAxis,
    SweepPoint,
)
from jaxsight_runner.timing import measure
from jaxsight_runner.timing.side_by_side import ready
from jaxsight_runner.timing.statistics import growing_part, instability, log_log_fit, summarise
from jaxsight_runner.worker import Job

MOST_POINTS = 64
_SECONDS = 0.3  # for each point
_DTYPE, _DEVICE = "dtype", "device"


def sweep(
    loaded: Loaded, axes: tuple[SweepAxis, ...], options: BenchmarkOptions, job: Job
) -> Sweep:
    """Measure at every combination; what fails at one is told there."""
    points: list[SweepPoint] = []
    short = replace(options, seconds=min(options.seconds, _SECONDS))
    for at in _combinations(axes):
        words = ", ".join(f"{name}={value}" for name, value in at.items())
        job.enter("execute", f"sweep: {words}")
        points.append(_point(loaded, at, short, job, words))
    return Sweep(
        axes=tuple(axis.name for axis in axes),
        points=tuple(points),
        growth=tuple(_growth(axes, points)),
    )


def check_axes(axes: tuple[SweepAxis, ...]) -> None:
    """Refuse what cannot be swept over, before anything is measured."""
    names = [axis.name for axis in axes]
    for axis in axes:
        if names.count(axis.name) > 1 or not axis.values:
            raise stop("inputs", f"the sweep has `{axis.name}` more than once, or without values")
        for value in axis.values:
            _check_value(axis.name, value)
    count = 1
    for axis in axes:
        count *= len(axis.values)
    if count > MOST_POINTS:
        raise stop("inputs", f"the sweep has {count} points; at most {MOST_POINTS} are measured")


def _check_value(name: str, value: str) -> None:
    if name == _DTYPE and value not in FLOATS:
        known = ", ".join(f"`{item}`" for item in FLOATS)
        raise stop("inputs", f"the sweep cannot set a dtype of `{value}`; it knows {known}")
    if name not in (_DTYPE, _DEVICE) and not (value.isdecimal() and int(value) > 0):
        raise stop("inputs", f"the sweep cannot set `{name}` to `{value}`: a size is 1 or more")


def overrides(at: Mapping[str, str]) -> Overrides:
    """What a point changes of the inputs."""
    sizes = {name: int(value) for name, value in at.items() if name not in (_DTYPE, _DEVICE)}
    return Overrides(sizes, at.get(_DTYPE))


def first_point(axes: tuple[SweepAxis, ...]) -> Overrides:
    """The sizes of the first point, for dimensions that have none without the sweep."""
    return replace(
        overrides(
            {axis.name: axis.values[0] for axis in axes if axis.name not in (_DTYPE, _DEVICE)}
        ),
        only_unsized=True,
    )


def _combinations(axes: tuple[SweepAxis, ...]) -> Iterator[dict[str, str]]:
    for values in itertools.product(*(axis.values for axis in axes)):
        yield dict(zip([axis.name for axis in axes], values))


def _point(
    loaded: Loaded, at: dict[str, str], options: BenchmarkOptions, job: Job, words: str
) -> SweepPoint:
    try:
        with _on(at.get(_DEVICE)):
            return _measured(loaded, at, options, job, words)
    except Stop as end:
        if isinstance(end.outcome, Question):
            raise
        return _failed(at, end.outcome.message)
    except Exception as error:
        return _failed(at, failure_of(error, job.phase, loaded.request.path).message)


@contextlib.contextmanager
def _on(device: Optional[str]) -> Generator[None, None, None]:
    if device is None:
        yield
        return
    jax = import_module("jax")
    try:
        found = jax.devices(device)[0]
    except RuntimeError as error:
        raise stop("unsupported", f"jax has no {device} here") from error
    with jax.default_device(found):
        yield


def _measured(
    loaded: Loaded, at: dict[str, str], options: BenchmarkOptions, job: Job, words: str
) -> SweepPoint:
    job.enter("arguments", f"sweep: {words}")
    prepared = prepare(loaded, build_arguments(loaded, overrides(at)))
    compiled = compilable(prepared)
    staged = stage(compiled, job)
    fresh = bool(staged.built.donated)
    side = ready(prepared, compiled, staged.stages, fresh, job, options).side
    job.enter("execute", f"sweep: {words}")
    taken = measure.latency(side.call, side.arguments, side.estimate, fresh, options)
    stages = staged.stages
    reasons = instability(taken.seconds, 0.0)
    return SweepPoint(
        at=at,
        latency=summarise(taken.seconds),
        compile=stages.trace + stages.lower + stages.compile,
        memory=_bytes(staged.built.memory),
        verdict="unstable" if reasons else "ok",
    )


def _bytes(memory: Optional[Memory]) -> Optional[int]:
    if memory is None:
        return None
    return memory.peak or memory.arguments + memory.outputs + memory.temporary - memory.alias


def _failed(at: dict[str, str], message: str) -> SweepPoint:
    return SweepPoint(at=at, verdict="failed", failure=message)


def _growth(axes: tuple[SweepAxis, ...], points: list[SweepPoint]) -> Iterator[Growth]:
    """For each size, and each place of the other axes, how the time follows it."""
    for axis in axes:
        if axis.name in (_DTYPE, _DEVICE) or len(axis.values) < 3:
            continue
        groups: dict[tuple[tuple[str, str], ...], list[SweepPoint]] = {}
        for point in points:
            others = tuple((name, value) for name, value in point.at.items() if name != axis.name)
            groups.setdefault(others, []).append(point)
        for others, group in groups.items():
            found = _fitted(axis.name, dict(others), group)
            if found is not None:
                yield found


def _fitted(axis: str, others: dict[str, str], group: list[SweepPoint]) -> Optional[Growth]:
    known = sorted((int(p.at[axis]), p.latency.median) for p in group if p.latency is not None)
    if len(known) < 3:
        return None
    sizes, times = [size for size, _ in known], [seconds for _, seconds in known]
    flat, start = growing_part(times)
    flat_until = sizes[flat - 1] if flat else None
    if len(sizes) - start < 3:
        return Growth(axis, others, None, None, None, None, None, flat_until)
    exponent, low, high = log_log_fit(sizes[start:], times[start:])
    return Growth(axis, others, exponent, low, high, sizes[start], sizes[-1], flat_until)

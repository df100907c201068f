"""Measures a function on 1, 2, 4 ... devices: with the same inputs (strong scaling), and with inputs that grow (weak)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Literal, Optional

from jaxsight_runner.failures import stop
from jaxsight_runner.inputs.arguments import Wanted, concrete_arguments
from jaxsight_runner.inputs.meshes import Devices, partitions
from jaxsight_runner.inputs.spec import ArraySpec, Dim, NestSpec, Value
from jaxsight_runner.loading.target import Loaded
from jaxsight_runner.program.compilation import build, compilable, copies
from jaxsight_runner.program.prepared import prepare
from jaxsight_runner.protocol import (
    BenchmarkOptions,
    Interval,
    MeasuredScaling,
    ScalingPoint,
    ShardingOptions,
)
from jaxsight_runner.sharding.partitioned import in_context
from jaxsight_runner.timing import measure
from jaxsight_runner.timing.statistics import summarise
from jaxsight_runner.worker import Job

_OPTIONS = BenchmarkOptions(seconds=0.5, extras=False)

Kind = Literal["strong", "weak"]


def refuse_to_measure(devices: Optional[Devices], options: ShardingOptions, processes: int) -> None:
    """Why nothing can be measured, where that is so."""
    if processes > 1:
        raise stop(
            "unsupported",
            "scaling is measured on the devices of one process: leave --processes, --launch or --measure out",
        )
    if devices is None or len(_long(devices)) != 1:
        raise stop(
            "unsupported",
            'scaling is measured along one axis: give a mesh of one, as in --mesh "data=8", or leave --measure out',
        )
    if _simulated(devices) and not options.on_simulated:
        raise stop(
            "unsupported",
            f"these {devices.mesh.size} devices are simulated by the CPU and share its cores, so their times mean "
            "nothing: leave --measure out, or run where there are several devices",
        )


def measured(
    loaded: Loaded, wanted: Wanted, devices: Devices, job: Job
) -> tuple[MeasuredScaling, ...]:
    """Both kinds; weak scaling where some input is split over the axis."""
    (axis,) = _long(devices)
    kinds: tuple[Kind, ...] = ("strong", "weak")
    if not any(axis in one.names for one in partitions(wanted.values)):
        kinds = ("strong",)
    return tuple(_scaling(kind, axis, loaded, wanted, devices, job) for kind in kinds)


def _long(devices: Devices) -> list[str]:
    return [name for name, size in devices.axes.items() if size > 1]


def _simulated(devices: Devices) -> bool:
    return bool(devices.mesh.devices.flat[0].platform == "cpu")


def _scaling(
    kind: Kind, axis: str, loaded: Loaded, wanted: Wanted, devices: Devices, job: Job
) -> MeasuredScaling:
    most = devices.axes[axis]
    points: list[ScalingPoint] = []
    for count in (2**power for power in range(most.bit_length()) if most % 2**power == 0):
        job.enter("execute", f"measuring {kind} scaling on {count} of {most} devices")
        given = wanted if kind == "strong" else scaled(wanted, axis, count, most)
        time = _time(loaded, given, _first(devices, count), job)
        first = points[0] if points else None
        more = count / first.devices if first and kind == "strong" else 1.0
        efficiency = first.seconds / (time.median * more) if first else 1.0
        points.append(ScalingPoint(count, time.median, time.low, time.high, efficiency))
    return MeasuredScaling(_simulated(devices), kind, axis, tuple(points))


def _first(devices: Devices, count: int) -> Devices:
    """A mesh of the same axes over the first devices."""
    jax = import_module("jax")
    shape = tuple(count if size > 1 else 1 for size in devices.axes.values())
    places = devices.mesh.devices.reshape(-1)[:count].reshape(shape)
    return Devices(jax.sharding.Mesh(places, tuple(devices.axes)), devices.source)


def scaled(wanted: Wanted, axis: str, count: int, most: int) -> Wanted:
    """Inputs for fewer devices: what is split over the axis gets shorter, and what has that dimension's name."""
    shorter = {
        dim.name
        for value in _arrays(wanted.values)
        for dim, names in zip(value.dims, value.sharding.axes if value.sharding else ())
        if axis in names and dim.name
    }
    values = {
        name: _scaled(value, axis, shorter, count, most) for name, value in wanted.values.items()
    }
    sizes = {
        name: size * count // most if name in shorter else size
        for name, size in wanted.sizes.items()
    }
    return replace(wanted, values=values, sizes=sizes)


def _arrays(values: Mapping[str, Value]) -> list[ArraySpec]:
    found: list[ArraySpec] = []
    pending = list(values.values())
    while pending:
        value = pending.pop()
        if isinstance(value, ArraySpec):
            found.append(value)
        elif isinstance(value, NestSpec):
            pending += value.items
    return found


def _scaled(value: Value, axis: str, shorter: set[str], count: int, most: int) -> Value:
    if isinstance(value, NestSpec):
        items = tuple(_scaled(item, axis, shorter, count, most) for item in value.items)
        return replace(value, items=items)
    if not isinstance(value, ArraySpec):
        return value
    entries = value.sharding.axes if value.sharding else ()
    dims = list(value.dims)
    for index, dim in enumerate(dims):
        is_split = index < len(entries) and axis in entries[index]
        if dim.size is not None and (dim.name in shorter if dim.name else is_split):
            dims[index] = Dim(dim.name, dim.size * count // most)
    return replace(value, dims=tuple(dims))


def _time(loaded: Loaded, wanted: Wanted, devices: Devices, job: Job) -> Interval:
    """The latency of a call."""
    with in_context(devices):
        prepared = prepare(loaded, concrete_arguments(loaded, wanted, devices))
        compiled = compilable(prepared)
        built = build(compiled, job)
        fresh = bool(built.donated)

        def arguments() -> tuple[object, ...]:
            return copies(compiled.args, {})[0] if fresh else compiled.args

        def call(*given: object) -> object:
            return compiled.function(*given, **compiled.kwargs)

        estimate = measure.warm_up(call, arguments, _OPTIONS.warmup_seconds)
        return summarise(measure.latency(call, arguments, estimate, fresh, _OPTIONS).seconds)

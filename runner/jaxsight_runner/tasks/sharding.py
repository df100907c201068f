"""Says what becomes of a function on several devices: compiled for them, or for as many simulated ones, and not run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.costs.line_costs import counted_operations, line_costs
from jaxsight_runner.environment import describe_environment
from jaxsight_runner.failures import stop
from jaxsight_runner.inputs.arguments import (
    Wanted,
    abstract_arguments,
    concrete_arguments,
    wanted_arguments,
)
from jaxsight_runner.inputs.meshes import Devices, choose_mesh, devices_wanted
from jaxsight_runner.loading.options import with_options
from jaxsight_runner.loading.target import Loaded, load_target
from jaxsight_runner.program.compilation import Compilable, compilable
from jaxsight_runner.program.prepared import Prepared, of_equinox, prepare
from jaxsight_runner.protocol import (
    Collective,
    DeviceMesh,
    MeshAxis,
    ShardingReport,
    ShardingRequest,
    SourceLocation,
    Work,
)
from jaxsight_runner.sharding.accelerators import ACCELERATORS, Accelerator, accelerator
from jaxsight_runner.sharding.collectives import collectives
from jaxsight_runner.sharding.estimate import estimate
from jaxsight_runner.sharding.partitioned import Partitioned, on_one_device, partition
from jaxsight_runner.sharding.placement import described, moved
from jaxsight_runner.sharding.replication import idle_axes, replicated, whole_work, work
from jaxsight_runner.sharding.scaling import measured, refuse_to_measure
from jaxsight_runner.sharding.simulated import DEFAULT_DEVICES, simulate_devices
from jaxsight_runner.sharding.uneven import uneven
from jaxsight_runner.sharding.work import count_work
from jaxsight_runner.worker import Job


def run(request: ShardingRequest, job: Job) -> ShardingReport:
    """Import, build the shapes of the arguments, compile for the devices and for one, read what was made."""
    simulate_devices(math.ceil((devices_wanted(request) or DEFAULT_DEVICES) / job.processes))
    with with_options(jax_enable_compilation_cache=False):
        loaded = load_target(request, job)
    job.enter("arguments", "building the arguments")
    wanted = wanted_arguments(loaded)
    devices = choose_mesh(loaded, wanted.values)
    assumed = _assumed(request.options.accelerator, devices)
    if request.options.measure:
        refuse_to_measure(devices, request.options, job.processes)
    prepared, compiled, together = _partitioned(loaded, wanted, devices, job)
    job.enter("compile", "compiling for one device")
    alone = on_one_device(prepared, together, devices, job)
    here, count = SourceLocation(request.path, loaded.line), together.devices
    operations = counted_operations(together.jaxpr)
    whole = whole_work(alone, line_costs(operations, here), here)
    counted = count_work(together.executable)
    told = work(together, counted, whole)
    axes = devices.axes if devices is not None else together.axes
    sent = collectives(together.executable, axes)
    return ShardingReport(
        target=prepared.target(compiled.how),
        devices=count,
        simulated=_platform(devices) == "cpu",
        mesh=_mesh(devices),
        work=told,
        replicated=replicated(counted, whole, count, here),
        collectives=sent,
        arguments=described(together.arguments, axes, count),
        results=described(together.results, axes, count),
        moved=moved(together.arguments, together.results, count),
        uneven=uneven(operations),
        estimate=estimate(told.flops, told.whole_flops, counted.dtype, sent, assumed),
        scaling=measured(loaded, wanted, devices, job)
        if request.options.measure and devices
        else (),
        notes=(*prepared.notes, *compiled.notes, *_notes(together, devices, told, sent)),
        inputs=prepared.inputs,
        environment=describe_environment(),
        processes=job.processes,
    )


def _partitioned(
    loaded: Loaded, wanted: Wanted, devices: Optional[Devices], job: Job
) -> tuple[Prepared, Compilable, Partitioned]:
    """From the shapes of the arguments; from arrays where a library's own `jit` takes nothing else."""
    if not of_equinox(loaded.function):  # to which a shape is a static value
        shapes = prepare(loaded, abstract_arguments(loaded, wanted, wanted.sizes, devices))
        try:
            compiled = compilable(shapes)
            return shapes, compiled, partition(shapes, compiled, devices, job)
        except TypeError as error:
            if "ShapeDtypeStruct" not in str(error):
                raise
    arrays = prepare(loaded, concrete_arguments(loaded, wanted, devices))
    compiled = compilable(arrays)
    return arrays, compiled, partition(arrays, compiled, devices, job)


def _assumed(name: Optional[str], devices: Optional[Devices]) -> Accelerator:
    found = accelerator(name, str(_first(devices).device_kind))
    if found is None:
        known = ", ".join(ACCELERATORS)
        raise stop(
            "inputs", f"`{name}` is no accelerator that the estimate knows; it knows {known}"
        )
    return found


def _platform(devices: Optional[Devices]) -> str:
    return str(_first(devices).platform)


def _first(devices: Optional[Devices]) -> Any:
    if devices is not None:
        return devices.mesh.devices.flat[0]
    return import_module("jax").devices()[0]


def _mesh(devices: Optional[Devices]) -> Optional[DeviceMesh]:
    if devices is None:
        return None
    axes = tuple(MeshAxis(name, size) for name, size in devices.axes.items())
    return DeviceMesh(axes, devices.source)


def _notes(
    together: Partitioned, devices: Optional[Devices], told: Work, sent: Sequence[Collective]
) -> list[str]:
    notes: list[str] = []
    count = together.devices
    if count == 1:
        there = devices.mesh.size if devices is not None else 1
        notes.append(
            f"nothing is sharded: the program runs on one of the {there} devices of the mesh"
            if there > 1
            else 'it runs on one device: give inputs a sharding, as in `x: f32[128, 64] @ P("data", None)`'
        )
    for name in idle_axes(together, devices, told) if count > 1 else ():
        size = devices.axes[name] if devices is not None else 0
        notes.append(f"no argument is split over `{name}`: its {size} devices do the same work")
    if not together.arguments:
        notes.append("this JAX does not say where arguments and results lie")
    if told.whole_from == "jaxpr":
        notes.append(
            "the program names its devices itself and cannot be compiled for one: "
            "its whole work is counted from the jaxpr, before fusion"
        )
    if sent and _platform(devices) == "cpu":
        notes.append(
            "these are the CPU compiler's collectives: one for GPUs or TPUs may send less, since it can leave the parts of "
            "a sum where they are needed (reduce-scatter), and sends bfloat16 as such"
        )
    if any(one.open_ended for one in sent):
        notes.append("collectives in loops whose turns nobody knows are counted once: at least")
    if told.unknown:
        notes.append(f"not counted, because their cost is not known: {', '.join(told.unknown)}")
    return notes

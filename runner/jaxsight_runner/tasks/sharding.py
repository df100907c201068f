"""Says what becomes of a function on several devices: compiled for them, or for as many simulated ones, and not run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Optional

from jaxsight_runner.costs.jaxprs import Operation
from jaxsight_runner.costs.line_costs import counted_operations, line_costs
from jaxsight_runner.environment import describe_environment
from jaxsight_runner.failures import stop
from jaxsight_runner.inputs.arguments import (
    Arguments,
    Wanted,
    abstract_arguments,
    concrete_arguments,
    wanted_arguments,
)
from jaxsight_runner.inputs.meshes import Devices, choose_mesh, devices_wanted
from jaxsight_runner.loading.options import with_options
from jaxsight_runner.loading.target import Loaded, load_target
from jaxsight_runner.program.compilation import Built, Compilable, compilable
from jaxsight_runner.program.instructions import Executable
from jaxsight_runner.program.prepared import Prepared, of_equinox, prepare
from jaxsight_runner.protocol import (
    Collective,
    DeviceMesh,
    MeasuredScaling,
    MeshAxis,
    ShardingReport,
    ShardingRequest,
    SourceLocation,
    Work,
)
from jaxsight_runner.sharding.accelerators import ACCELERATORS, Accelerator, accelerator
from jaxsight_runner.sharding.collectives import collectives
from jaxsight_runner.sharding.estimate import dtype_of_products, estimate
from jaxsight_runner.sharding.foretold import MANY, Foretold, named_collectives
from jaxsight_runner.sharding.partitioned import (
    Partitioned,
    first_device,
    on_one_device,
    partition,
    platform_of,
)
from jaxsight_runner.sharding.placement import Placed, described, moved
from jaxsight_runner.sharding.replication import (
    idle_axes,
    replicated,
    whole_work,
    work,
    work_before,
)
from jaxsight_runner.sharding.scaling import measured, refuse_to_measure
from jaxsight_runner.sharding.simulated import DEFAULT_DEVICES, simulate_devices
from jaxsight_runner.sharding.uneven import uneven
from jaxsight_runner.sharding.work import count_work
from jaxsight_runner.worker import Job

_OPEN_ENDED = "collectives in loops whose turns nobody knows are counted once: at least"


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
    task = _Task(loaded, wanted, devices, job)
    together = task.partitioned()
    read = _Read(task, together, assumed)
    measure = request.options.measure
    job.so_far(read.report(None, unfinished="compiling for one device"))
    job.enter("compile", "compiling for one device")
    alone = on_one_device(task.prepared, together, devices, job)
    if not (measure and devices):
        return read.report(alone)
    job.so_far(read.report(alone, unfinished="measuring on ever more devices"))
    return read.report(alone, measured(loaded, wanted, devices, job))


class _Task:
    """One function, from its arguments to what the compiler makes of it."""

    def __init__(
        self, loaded: Loaded, wanted: Wanted, devices: Optional[Devices], job: Job
    ) -> None:
        self.devices, self.here = devices, SourceLocation(loaded.request.path, loaded.line)
        self.prepared: Prepared
        self.compiled: Compilable
        self.job = job
        self._loaded, self._wanted = loaded, wanted

    def partitioned(self) -> Partitioned:
        """From the shapes of the arguments; from arrays where a library's own `jit` takes nothing else."""
        loaded, wanted, devices = self._loaded, self._wanted, self.devices
        if not of_equinox(loaded.function):  # to which a shape is a static value
            try:
                return self._partition(abstract_arguments(loaded, wanted, wanted.sizes, devices))
            except TypeError as error:
                if "ShapeDtypeStruct" not in str(error):
                    raise
        return self._partition(concrete_arguments(loaded, wanted, devices))

    def _partition(self, arguments: Arguments) -> Partitioned:
        self.prepared = prepare(self._loaded, arguments)
        self.compiled = compilable(self.prepared)
        return partition(self.prepared, self.compiled, self.devices, self.job, self._before)

    def _before(self, known: Foretold) -> str:
        """Tell what is known before the compiler is through; what it is waited for to do."""
        operations = counted_operations(known.jaxpr)
        axes = known.axes
        sent = named_collectives(operations, axes)
        simulated = "simulated " if platform_of(self.devices) == "cpu" else ""
        doing = f"compiling for {known.devices} {simulated}devices"
        whole = whole_work(None, line_costs(operations, self.here), self.here)
        told = work_before(known, whole)
        named = sum(one.count for one in sent)
        notes = [*_named_only(sent), *_unknown_places(known.arguments)]
        report = self.report(known.devices, told, known.arguments, axes, notes, operations)
        self.job.so_far(replace(report, collectives=sent, unfinished=doing))
        if named < MANY:
            return doing
        return f"{doing}: {named} collectives, each of which takes the compiler its time"

    def report(
        self,
        count: int,
        told: Work,
        arguments: Sequence[Placed],
        axes: Mapping[str, int],
        notes: Sequence[str],
        operations: Sequence[Operation],
    ) -> ShardingReport:
        """What is known in any case."""
        prepared, compiled = self.prepared, self.compiled
        return ShardingReport(
            target=prepared.target(compiled.how),
            devices=count,
            simulated=platform_of(self.devices) == "cpu",
            mesh=_mesh(self.devices),
            work=told,
            replicated=(),
            collectives=(),
            arguments=described(arguments, axes, count),
            results=(),
            moved=(),
            uneven=uneven(operations),
            estimate=None,
            scaling=(),
            notes=(*prepared.notes, *compiled.notes, *notes),
            inputs=prepared.inputs,
            environment=describe_environment(),
            processes=self.job.processes,
        )


class _Read:
    """What the program for several devices says."""

    def __init__(self, task: _Task, together: Partitioned, assumed: Accelerator) -> None:
        self._task, self._together, self._assumed = task, together, assumed
        self._operations = counted_operations(together.jaxpr)
        self._lines = line_costs(self._operations, task.here)
        self._counted = count_work(together.executable)
        self._axes = task.devices.axes if task.devices is not None else together.axes
        self._sent = collectives(together.executable, self._axes)

    def report(
        self,
        alone: Optional[tuple[Built, Executable]],
        scaling: tuple[MeasuredScaling, ...] = (),
        unfinished: Optional[str] = None,
    ) -> ShardingReport:
        """Beside the program for one device, where there is one."""
        task, together, counted, sent = self._task, self._together, self._counted, self._sent
        count, axes = together.devices, self._axes
        dtype = dtype_of_products(self._operations) or counted.dtype
        whole = whole_work(alone, self._lines, task.here)
        told = work(together, counted, whole)
        notes = _notes(
            together, task.devices, told, sent, is_known=unfinished is None or bool(alone)
        )
        report = task.report(count, told, together.arguments, axes, notes, self._operations)
        return replace(
            report,
            replicated=replicated(counted, whole, count, task.here),
            collectives=sent,
            results=described(together.results, axes, count),
            moved=moved(together.arguments, together.results, count),
            estimate=estimate(counted.total, told.whole_flops, dtype, sent, self._assumed),
            scaling=scaling,
            unfinished=unfinished,
        )


def _assumed(name: Optional[str], devices: Optional[Devices]) -> Accelerator:
    found = accelerator(name, str(first_device(devices).device_kind))
    if found is None:
        known = ", ".join(ACCELERATORS)
        raise stop(
            "inputs", f"`{name}` is no accelerator that the estimate knows; it knows {known}"
        )
    return found


def _mesh(devices: Optional[Devices]) -> Optional[DeviceMesh]:
    if devices is None:
        return None
    axes = tuple(MeshAxis(name, size) for name, size in devices.axes.items())
    return DeviceMesh(axes, devices.source)


def _named_only(sent: Sequence[Collective]) -> Iterator[str]:
    if sent:
        yield "these are the collectives that the program names; the compiler may join them and add its own"
    if any(one.open_ended for one in sent):
        yield _OPEN_ENDED


def _unknown_places(arguments: Sequence[Placed]) -> Iterator[str]:
    if any(one.sharding is None for one in arguments):
        yield "where the compiler puts arguments without a sharding is not known: they are counted whole"


def _notes(
    together: Partitioned,
    devices: Optional[Devices],
    told: Work,
    sent: Sequence[Collective],
    *,
    is_known: bool,
) -> list[str]:
    """`is_known`: whether there is a program for one device."""
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
    if told.whole_from == "jaxpr" and is_known:
        notes.append(
            "the program names its devices itself and cannot be compiled for one: "
            "its whole work is counted from the jaxpr, before fusion"
        )
    if sent and platform_of(devices) == "cpu":
        notes.append(
            "these are the CPU compiler's collectives: one for GPUs or TPUs may send less, since it can leave the parts of "
            "a sum where they are needed (reduce-scatter), and sends bfloat16 as such"
        )
    if any(one.open_ended for one in sent):
        notes.append(_OPEN_ENDED)
    if told.unknown:
        notes.append(f"not counted, because their cost is not known: {', '.join(told.unknown)}")
    return notes

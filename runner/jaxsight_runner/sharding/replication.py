"""Compares what one of several devices does with what one device alone would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Optional

from jaxsight_runner.costs.equations import bytes_of
from jaxsight_runner.costs.jaxprs import opened
from jaxsight_runner.costs.line_costs import text_at
from jaxsight_runner.data import dataclass
from jaxsight_runner.inputs.meshes import Devices
from jaxsight_runner.program.compilation import Built
from jaxsight_runner.program.instructions import Executable
from jaxsight_runner.protocol import LineCost, ReplicatedWork, SourceLocation, Work
from jaxsight_runner.sharding.foretold import Foretold
from jaxsight_runner.sharding.partitioned import Partitioned
from jaxsight_runner.sharding.placement import Placed, axes_of_sharding
from jaxsight_runner.sharding.work import Counted, count_work

_REPEATED = 1.5  # from here on work is said to be done several times
_SMALL = 0.05  # share of a device's work below which a line is not told
_NEARLY = 0.9


@dataclass(frozen=True)
class Whole:
    """The work of the program without sharding."""

    flops: Mapping[SourceLocation, float]
    source: Literal["executable", "jaxpr", "nothing"]
    temporary: Optional[int]

    @property
    def total(self) -> Optional[float]:
        """Of all lines; None where nothing is known."""
        return sum(self.flops.values()) or None


def whole_work(
    alone: Optional[tuple[Built, Executable]], lines: Sequence[LineCost], here: SourceLocation
) -> Whole:
    """From the program that was compiled for one device, else from the jaxpr, which knows no fusion."""
    if alone is not None:
        memory = alone[0].memory
        return Whole(
            by_line(count_work(alone[1]), here), "executable", memory.temporary if memory else None
        )
    if any(line.unknown or line.open_ended for line in lines):
        return Whole({}, "nothing", None)
    flops = {
        SourceLocation(line.path, line.line): line.flops + line.transcendentals for line in lines
    }
    return Whole(flops, "jaxpr", None)


def by_line(counted: Counted, otherwise: SourceLocation) -> dict[SourceLocation, float]:
    """What has no line of the user's is `otherwise`'s."""
    found: dict[SourceLocation, float] = {}
    for place, flops in counted.flops.items():
        found[place or otherwise] = found.get(place or otherwise, 0.0) + flops
    return found


def work_before(known: Foretold, whole: Whole) -> Work:
    """What is known of it before it is compiled."""
    program = opened(known.jaxpr)
    return Work(
        flops=None,
        whole_flops=whole.total,
        whole_from=whole.source,
        replication=None,
        arguments=_held(known.arguments),
        outputs=None,
        temporary=None,
        whole_arguments=sum(bytes_of(one.aval) for one in program.invars),
        whole_outputs=sum(bytes_of(one.aval) for one in program.outvars),
        whole_temporary=None,
        unknown=(),
    )


def work(together: Partitioned, counted: Counted, whole: Whole) -> Work:
    """Of one device and of all of it."""
    memory, total = together.built.memory, whole.total
    program = opened(together.jaxpr)
    known = bool(together.arguments or together.results) or memory is None
    return Work(
        flops=counted.total,
        whole_flops=total,
        whole_from=whole.source,
        replication=together.devices * counted.total / total if total else None,
        arguments=_held(together.arguments) if known or not memory else memory.arguments,
        outputs=_held(together.results) if known or not memory else memory.outputs,
        temporary=memory.temporary if memory is not None else None,
        whole_arguments=sum(bytes_of(one.aval) for one in program.invars),
        whole_outputs=sum(bytes_of(one.aval) for one in program.outvars),
        whole_temporary=whole.temporary,
        unknown=tuple(sorted(counted.unknown)),
    )


def _held(arrays: Sequence[Placed]) -> int:
    return sum(one.bytes_per_device for one in arrays)


def replicated(
    counted: Counted, whole: Whole, devices: int, here: SourceLocation
) -> tuple[ReplicatedWork, ...]:
    """The lines whose work several devices do alike, the most work first."""
    found: list[ReplicatedWork] = []
    for place, flops in by_line(counted, here).items():
        alone = whole.flops.get(place, 0.0)
        times = min(devices * flops / alone, float(devices)) if alone else 0.0
        if times >= _REPEATED and flops >= _SMALL * counted.total:
            found.append(ReplicatedWork(place.path, place.line, text_at(place), flops, times))
    return tuple(sorted(found, key=lambda one: -one.flops * (one.times - 1)))


def idle_axes(together: Partitioned, devices: Optional[Devices], told: Work) -> list[str]:
    """The axes of the mesh that no argument is split over, where work is repeated as often as they are long."""
    if devices is None or told.replication is None or not together.arguments:
        return []
    used = {name for one in together.arguments for name in axes_of_sharding(one.sharding)}
    return [
        name
        for name, size in devices.axes.items()
        if size > 1 and name not in used and told.replication >= _NEARLY * size
    ]

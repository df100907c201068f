"""What `sharding` reports: who holds what, who computes what, and what is sent between devices.

Bytes and FLOPs are counted from the program that the compiler made for one device. Nothing of it is a time,
but for the estimate, which says what it assumes, and for what was measured on real devices.
"""

from __future__ import annotations

from typing import Literal, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol.common import Environment, Input, Target


@dataclass(frozen=True)
class Collective:
    """One kind of communication between devices, at one line."""

    operation: str  # "all-reduce"
    count: int  # in the executable
    times: float  # in one call: those in loops as often as these turn
    open_ended: bool  # inside a loop whose turns are not known: counted once
    bytes: float  # of their results on one device, in one call
    sent: float  # bytes that one device sends in one call, by the usual algorithm
    group: int  # devices that take part in each
    axes: tuple[str, ...]  # of the mesh, along which these lie; empty: no axes, or not known
    path: Optional[str]
    line: Optional[int]
    text: str = ""  # of the line, stripped


@dataclass(frozen=True)
class MeshAxis:
    """One axis of a mesh."""

    name: str
    size: int


@dataclass(frozen=True)
class DeviceMesh:
    """The devices by the names of their axes, and who said so."""

    axes: tuple[MeshAxis, ...]
    source: str  # in words: "--mesh", "a comment", "`mesh` of the module"


@dataclass(frozen=True)
class PlacedArray:
    """An array among the arguments or results, and how it lies on the devices."""

    name: str  # `params['w']`, `result[0]`
    value: str  # `f32[128,64]`, whole
    sharding: str  # `P('data', None)`, or in words
    bytes: int  # of the whole
    bytes_per_device: int
    copies: int  # how many devices hold the same part
    could: Optional[str] = None  # how it could be split, where it is not: `dimension 0 by data=8`


@dataclass(frozen=True)
class ReplicatedWork:
    """A line whose work several devices do alike."""

    path: str
    line: int
    text: str
    flops: float  # on each device, in one call
    times: float  # how often the same work is done on all devices together


@dataclass(frozen=True)
class Uneven:
    """A value that its axis does not divide: some devices compute padding."""

    path: Optional[str]
    line: Optional[int]
    value: str  # `f32[100,64]`
    dimension: int
    parts: int
    idle: float  # share of the work on this value that is padding


@dataclass(frozen=True)
class Moved:
    """A result that comes back in another sharding than the argument whose place it takes."""

    argument: str  # `params['w']`
    result: str
    went: str  # `P('data',)`
    came: str
    bytes: int


@dataclass(frozen=True)
class Work:
    """What one device does, and what one device alone would do."""

    flops: Optional[float]  # on each device, counted from the partitioned program
    whole_flops: Optional[float]  # of the program without sharding
    whole_from: Literal["executable", "jaxpr", "nothing"]  # how that was counted
    replication: Optional[float]  # how often the average operation is done; 1: never twice
    arguments: int  # bytes on each device
    outputs: Optional[int]
    temporary: Optional[int]
    whole_arguments: int
    whole_outputs: int
    whole_temporary: Optional[int]  # of the program on one device, where it was compiled
    unknown: tuple[str, ...]  # operations that could not be counted


@dataclass(frozen=True)
class ScalingEstimate:
    """A model of the time of one call. Nothing was measured."""

    accelerator: str  # the device that is assumed
    flops_per_second: float  # its peak, for the dtype
    dtype: str
    link_bytes_per_second: float  # that one device sends
    compute: float  # seconds
    communication: float
    low: float  # everything that is sent overlaps with computing
    high: float  # nothing does
    one_device: Optional[float]  # seconds that one such device would compute
    source: str  # of the peak and the link


@dataclass(frozen=True)
class ScalingPoint:
    """One measured number of devices."""

    devices: int
    seconds: float  # median of a call
    low: float
    high: float
    efficiency: float  # against the fewest devices: 1 is perfect


@dataclass(frozen=True)
class MeasuredScaling:
    """Times of the function on ever more devices."""

    simulated: bool  # then the times mean nothing
    kind: Literal["strong", "weak"]  # the same inputs, or inputs that grow with the devices
    axis: str
    points: tuple[ScalingPoint, ...]


@dataclass(frozen=True)
class ShardingReport:
    """What becomes of a function on several devices."""

    target: Target
    devices: int  # that the program was compiled for
    simulated: bool  # by the CPU: structure is right, times mean nothing
    mesh: Optional[DeviceMesh]
    work: Work
    replicated: tuple[ReplicatedWork, ...]
    collectives: tuple[Collective, ...]  # who sends most, first
    arguments: tuple[PlacedArray, ...]
    results: tuple[PlacedArray, ...]
    moved: tuple[Moved, ...]
    uneven: tuple[Uneven, ...]
    estimate: Optional[ScalingEstimate]
    scaling: tuple[MeasuredScaling, ...]
    notes: tuple[str, ...]
    inputs: tuple[Input, ...]
    environment: Environment
    processes: int = 1
    agreement: Optional[str] = None  # of several processes: what they differ in; null: they agree
    unfinished: Optional[str] = (
        None  # what was being done when time was over: what came before is all there is
    )
    version: int = 1
    kind: Literal["sharding"] = "sharding"

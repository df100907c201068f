"""What a benchmark reports. All times are in seconds, all sizes in bytes."""

from __future__ import annotations

from dataclasses import field
from typing import Literal, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol.common import Environment, Input, Target


@dataclass(frozen=True)
class Stages:
    """Seconds from Python function to first result."""

    trace: float
    lower: float
    compile: float
    first_call: float
    persistent_cache: bool  # False: compile is the cost of a cold compile
    warm_compile: Optional[float] = None  # the same with a filled persistent cache


@dataclass(frozen=True)
class Interval:
    """A median with its confidence interval, and how the samples behaved."""

    median: float
    low: float
    high: float
    unit: str
    confidence: float
    samples: int
    minimum: float
    p90: float
    outliers: int
    drift: float  # median of the last third over that of the first, minus 1


@dataclass(frozen=True)
class Memory:
    """Bytes the executable needs, as the compiler says."""

    arguments: int
    outputs: int
    temporary: int
    alias: int
    generated_code: int
    peak: Optional[int] = None


@dataclass(frozen=True)
class Cost:
    """What the compiler counts; loop bodies are counted once, whatever their length."""

    flops: Optional[float]
    bytes_accessed: Optional[float]


@dataclass(frozen=True)
class Samples:
    """Every sample that was kept, in seconds per call, in the order they were taken."""

    latency: tuple[float, ...]
    throughput: tuple[float, ...]
    latency_calls: int  # calls in one sample
    throughput_calls: int


@dataclass(frozen=True)
class Eager:
    """The function without `jax.jit`, operation by operation."""

    latency: Interval  # seconds for one call and its result
    first_call: float  # seconds; each operation is compiled at its first use
    paid_after: Optional[int]  # calls after which compiling has cost less; null: never


@dataclass(frozen=True)
class LineTime:
    """Time on the device that one source line took in one call."""

    path: str
    line: int
    text: str  # of the line, where it is in the target's file
    seconds: float  # summed over the device's threads
    share: float  # of the time of all operations
    fused_with: tuple[
        int, ...
    ]  # lines whose work the compiler merged with this one's into single operations
    estimated: float = (
        0.0  # seconds of it that are its part of such operations, by the work in them
    )


@dataclass(frozen=True)
class DeviceTime:
    """What the profiler saw on the device, for one call."""

    busy: float  # seconds in which at least one operation ran
    operations: float  # seconds of all operations, summed over threads
    unmapped: float  # the share that belongs to no line of the user's
    calls: int  # that were profiled
    lines: tuple[LineTime, ...]  # the longest first


@dataclass(frozen=True)
class Achieved:
    """What the device did in a second, and which share that is of the most it was measured to do."""

    flops: float  # per second, counted from the jaxpr: a loop's body as often as it runs
    flops_share: Optional[float]  # of products of f32 matrices; null: not measured on this device
    bytes: Optional[float]  # per second, as the compiler counts; null: unknown, or there are loops
    bytes_share: Optional[float]  # of copies


@dataclass(frozen=True)
class Comparison:
    """The function beside another one: both called in turns, in one process, with the same inputs."""

    name: str  # of the other
    other: Target
    verdict: Literal["faster", "slower", "same", "unsure"]  # of the function, not of the other
    ratio: float  # how many times as long as the other it takes: the median over pairs of samples
    low: float
    high: float
    confidence: float
    threshold: float  # what differs by less than this share is the same
    pairs: int
    latency: Interval  # of the function, while they took turns
    other_latency: Interval
    samples: tuple[float, ...]  # seconds per call; a pair stands at the same place of both
    other_samples: tuple[float, ...]
    other_stages: Stages
    other_inputs: tuple[Input, ...]
    results: Literal["equal", "close", "different", "unknown"]  # close: as far as rounding goes
    difference: Optional[str]  # where the results differ, and by how much
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SweepPoint:
    """The function at one combination of sizes, dtype and device."""

    at: dict[str, str]  # by the name of the axis
    verdict: Literal["ok", "unstable", "failed"]
    latency: Optional[Interval] = None
    compile: Optional[float] = None  # seconds to trace, lower and compile
    memory: Optional[int] = None  # bytes that live at once, as the compiler says
    failure: Optional[str] = None


@dataclass(frozen=True)
class Growth:
    """How the latency follows a size: as its power, where it follows it at all."""

    axis: str
    at: dict[str, str]  # where the other axes stood
    exponent: Optional[float]  # null: fewer than three sizes where it grows
    low: Optional[float]
    high: Optional[float]
    start: Optional[int]  # the sizes that the exponent was fitted to
    end: Optional[int]
    flat_until: Optional[int]  # up to this size it takes the same time: calling it is what costs


@dataclass(frozen=True)
class Sweep:
    """The function at several sizes, dtypes and devices."""

    axes: tuple[str, ...]
    points: tuple[SweepPoint, ...]
    growth: tuple[Growth, ...]


@dataclass(frozen=True)
class RankLatency:
    """What one of several processes measured of the calls that all of them made together."""

    rank: int
    latency: Interval


@dataclass(frozen=True)
class BenchmarkReport:
    """What a benchmark found."""

    target: Target
    stages: Stages
    latency: Interval  # seconds for one call and its result
    throughput: Optional[Interval]  # seconds per call when calls are queued; null when donated
    dispatch_floor: Optional[Interval]  # latency of a compiled function that does nothing
    memory: Optional[Memory]
    cost: Cost
    samples: Samples
    verdict: Literal["ok", "unstable"]
    reasons: tuple[str, ...]  # why it is unstable
    notes: tuple[str, ...]
    inputs: tuple[Input, ...]
    donated: tuple[str, ...]
    environment: Environment
    eager: Optional[Eager] = None
    device: Optional[DeviceTime] = None
    achieved: Optional[Achieved] = None
    comparison: Optional[Comparison] = None
    sweep: Optional[Sweep] = None
    imports: dict[str, str] = field(default_factory=dict[str, str])  # project file -> SHA-256 of it
    ranks: tuple[RankLatency, ...] = ()  # of several processes; the report is the first one's
    version: int = 1
    kind: Literal["benchmark"] = "benchmark"

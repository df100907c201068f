"""What a benchmark reports. All times are in seconds, all sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Optional

from jaxsight_runner.protocol.common import Environment, Input, Target


@dataclass(frozen=True)
class Stages:
    """Seconds from Python function to first result."""

    trace: float
    lower: float
    compile: float
    first_call: float
    persistent_cache: bool  # False: compile is the cost of a cold compile


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
    comparison: Optional[Comparison] = None
    version: int = 1
    kind: Literal["benchmark"] = "benchmark"

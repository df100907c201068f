"""What travels between a runner and its client: requests, progress, questions, failures."""

from __future__ import annotations

from dataclasses import field
from typing import Literal, Optional

from jaxsight_runner.data import dataclass

Phase = Literal["start", "import", "arguments", "trace", "lower", "compile", "execute", "compare"]
FailureKind = Literal[
    "protocol",  # the two sides do not speak the same protocol
    "untrusted",  # the workspace is not trusted: nothing was started
    "start",  # the interpreter could not be started
    "old-python",
    "no-jax",
    "old-jax",
    "syntax",  # the file does not parse
    "missing-module",
    "import",  # importing the file raised
    "target",  # there is no such function, or it cannot be called as it stands
    "inputs",  # the input spec is wrong
    "exception",  # the user's program raised
    "unsupported",  # the task cannot give a true answer for this target
    "out-of-memory",
    "timeout",
    "crash",  # the process died
]


@dataclass(frozen=True)
class BenchmarkOptions:
    """How long a benchmark measures."""

    seconds: float = 1.0  # time budget of each measured phase
    warmup_seconds: float = 0.1
    precision: float = 0.01  # stop when half the confidence interval is below this share
    minimum_samples: int = 20
    extras: bool = True  # also without jit, with a warm cache, and by source line
    threshold: float = 0.03  # of a comparison: what differs by less than this share is the same


@dataclass(frozen=True)
class GradientsOptions:
    """How thoroughly gradients are checked."""

    directions: int = 3
    seed: int = 0
    order: int = 1  # 2: check the derivative of the gradient, too


@dataclass(frozen=True)
class InspectionOptions:
    """What an inspection brings along."""

    programs: bool = False  # the texts of the jaxpr, StableHLO and optimised HLO
    roofline: bool = True  # measure the device, unless that was done before


@dataclass(frozen=True)
class ShardingOptions:
    """What a report on sharding brings along."""

    accelerator: Optional[str] = None  # that the estimate assumes; null: this one, else an H100
    measure: bool = False  # weak and strong scaling; refused on simulated devices
    on_simulated: bool = False  # measure there all the same: for tests, the times mean nothing


@dataclass(frozen=True)
class TargetRequest:
    """Which function to run, on which text, with which inputs."""

    path: str  # of the source file, absolute
    text: str  # what the editor shows, which is what is run
    qualname: str  # dotted: `step`, `Model.step`
    input: Optional[str] = None  # an input spec, or null to look for one
    recorded_input: Optional[str] = None  # the spec in `.jaxsight/inputs.toml`
    recorded_values: Optional[str] = None  # the folder with values that a capture kept
    import_file: bool = False  # may importing the file run more than definitions?
    root: Optional[str] = None  # the project's folder
    mesh: Optional[str] = None  # `data=4, model=2`: the axes that input specs shard over


@dataclass(frozen=True)
class Other:
    """The function that a benchmark compares with; the same one of another text, or another one."""

    path: str  # of the source file, absolute
    text: str
    qualname: str
    name: str  # what to call it: `HEAD~1`, `other.py::step`
    notes: tuple[str, ...] = ()  # what the reader of the comparison has to know


@dataclass(frozen=True)
class SweepAxis:
    """What a sweep changes."""

    name: str  # a dimension that the inputs name, `dtype` of all floating arrays, or `device`
    values: tuple[str, ...]  # sizes, `f32`, `gpu`


@dataclass(frozen=True)
class BenchmarkRequest(TargetRequest):
    """Measure a function."""

    other: Optional[Other] = None  # compare with it, side by side
    sweep: tuple[SweepAxis, ...] = ()  # measure at each combination of their values, too
    options: BenchmarkOptions = field(default_factory=BenchmarkOptions)


@dataclass(frozen=True)
class GradientsRequest(TargetRequest):
    """Check a function's gradients against a numerical reference."""

    options: GradientsOptions = field(default_factory=GradientsOptions)


@dataclass(frozen=True)
class InspectionRequest(TargetRequest):
    """Say what JAX and the compiler make of a function. It is compiled, and not run."""

    options: InspectionOptions = field(default_factory=InspectionOptions)


@dataclass(frozen=True)
class ShardingRequest(TargetRequest):
    """Say what becomes of a function on several devices. It is compiled, and not run."""

    options: ShardingOptions = field(default_factory=ShardingOptions)


@dataclass(frozen=True)
class ShapesRequest(TargetRequest):
    """Say the shape of every local variable. Nothing is computed."""


@dataclass(frozen=True)
class DiagnosisRequest(TargetRequest):
    """Call a function a few times and say what goes wrong or costs time."""


@dataclass(frozen=True)
class EnvironmentRequest:
    """Say which Python, which JAX and which devices there are."""


@dataclass(frozen=True)
class Hello:
    """The runner's first words, before it imports jax."""

    protocol: int
    python: str
    jax: Optional[str]  # from the package's metadata; null when it is not installed
    pid: int


@dataclass(frozen=True)
class Progress:
    """What the runner is doing."""

    phase: Phase
    message: str


@dataclass(frozen=True)
class Log:
    """What the user's program printed; made by the client from the runner's standard error."""

    stream: str
    text: str


@dataclass(frozen=True)
class SourceLine:
    """A line of the user's file, counted from 1."""

    line: int
    text: str


@dataclass(frozen=True)
class Question:
    """Something only the user can decide; the same request with the answer goes on."""

    kind: Literal["inputs", "import-file"]
    message: str
    lines: tuple[SourceLine, ...] = ()
    suggestion: Optional[str] = None  # an input spec to start from


@dataclass(frozen=True)
class Failure:
    """Why there is no report, and in which phase it ended."""

    kind: FailureKind
    message: str
    traceback: Optional[str] = None
    phase: Phase = "start"
    path: Optional[str] = None  # the user's innermost line, where there is one
    line: Optional[int] = None
    exit_code: Optional[int] = None  # of the process, when it died; negative: the signal


@dataclass(frozen=True)
class RankJob:
    """What one of several processes is told, in a word on its command line."""

    request: str  # a request's line, as `encode` makes it
    rank: Optional[int] = None  # null: the launcher says it
    processes: Optional[int] = None
    coordinator: Optional[str] = None  # host:port where the first one waits, if all are on one host
    env: dict[str, str] = field(default_factory=dict[str, str])  # a launcher may not pass these on


@dataclass(frozen=True)
class Up:
    """The first word of one of several processes."""

    rank: int
    processes: int
    pid: int


@dataclass(frozen=True)
class Tick:
    """Told twice a second by one of several processes: where it is, and that it lives."""

    phase: Phase
    cpu: float  # seconds of computing so far
    path: Optional[str] = None  # the user's innermost line that runs, where there is one
    line: Optional[int] = None

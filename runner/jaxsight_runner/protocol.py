"""The messages between a runner and whoever started it: frozen data, one JSON object per line.

One process, one task. The client writes one request line to the runner's standard input and keeps
that pipe open: when it closes, the runner ends. The runner answers on its standard output with
`Hello`, any number of `Progress`, and one last message: a report, a `Question` or a `Failure`.
What the user's program prints travels on standard error.

An unknown message is answered with a `Failure`, an unknown field is ignored, and another protocol
number is refused by name. Numbers that JSON cannot hold (infinities, NaN) are null.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from functools import cache
from typing import (
    Literal,
    Optional,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

PROTOCOL = 1

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


@dataclass(frozen=True)
class GradientsOptions:
    """How thoroughly gradients are checked."""

    directions: int = 3
    seed: int = 0


@dataclass(frozen=True)
class BenchmarkRequest:
    """Measure a function."""

    path: str  # of the source file, absolute
    text: str  # what the editor shows, which is what is run
    qualname: str  # dotted: `step`, `Model.step`
    input: Optional[str] = None  # an input spec, or null to look for one
    recorded_input: Optional[str] = None  # the spec in `.jaxsight/inputs.toml`
    import_file: bool = False  # may importing the file run more than definitions?
    root: Optional[str] = None  # the project's folder
    options: BenchmarkOptions = field(default_factory=BenchmarkOptions)


@dataclass(frozen=True)
class GradientsRequest:
    """Check a function's gradients against a numerical reference."""

    path: str
    text: str
    qualname: str
    input: Optional[str] = None
    recorded_input: Optional[str] = None
    import_file: bool = False
    root: Optional[str] = None
    options: GradientsOptions = field(default_factory=GradientsOptions)


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
class Target:
    """What was run."""

    path: str
    qualname: str
    hash: str  # SHA-256 of the text that was run
    line: int  # of the definition, from 1
    how: str  # in words: "compiled by the file's own jax.jit", "wrapped in jax.jit"


@dataclass(frozen=True)
class Input:
    """One argument the function was run with."""

    name: str
    value: str  # `f32[128,64]`, `key`, or the expression
    source: str  # "request", "comment", "file", "annotation", "default"
    note: Optional[str] = None  # what was assumed: "integers drawn from 0 to 9"


@dataclass(frozen=True)
class Device:
    """One device jax can use."""

    id: int
    kind: str
    platform: str
    memory: Optional[int] = None  # bytes


@dataclass(frozen=True)
class Environment:
    """On what it was run."""

    python: str
    executable: str
    jax: str
    jaxlib: str
    libraries: dict[str, str]  # distribution name -> version, of those the reports depend on
    platform: str  # "cpu", "gpu", "tpu"
    device_kind: str
    device_count: int
    x64: bool
    system: str  # "Linux-6.1-x86_64"
    cpu_count: int
    flags: dict[str, str]  # XLA_FLAGS and JAX_* of the process


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
    version: int = 1
    kind: Literal["benchmark"] = "benchmark"


LeafVerdict = Literal[
    "right",
    "wrong",
    "intended",  # differs, and the source says that it is meant to
    "kink",  # not smooth at this point, right beside it
    "non-finite",
    "dead",  # exactly zero although the output depends on it
    "unused",  # the output does not depend on it
    "unsure",
    "not-differentiable",
]


@dataclass(frozen=True)
class GradientLeaf:
    """How the derivative with respect to one leaf of the arguments compares."""

    path: str  # `params['w']`
    dtype: str
    shape: tuple[int, ...]
    verdict: LeafVerdict
    analytic: Optional[float] = None  # directional derivative by vjp
    numeric: Optional[float] = None  # the same by central differences
    error: Optional[float] = None  # relative
    uncertainty: Optional[float] = None  # relative, of the numerical reference
    message: Optional[str] = None
    element: Optional[tuple[int, ...]] = None  # the worst element, when it was looked for


@dataclass(frozen=True)
class SourceLocation:
    """A line of a file, from 1."""

    path: str
    line: int


@dataclass(frozen=True)
class GradientsReport:
    """What a gradient check found."""

    target: Target
    verdict: Literal["right", "wrong", "unsure"]
    summary: str
    culprit: Optional[SourceLocation]
    leaves: tuple[GradientLeaf, ...]
    intended: Optional[str]  # why a mismatch is meant, from the source
    forward_reverse_error: Optional[float]  # jvp against vjp, relative
    precision: str  # "f64", or what the reference had to be computed in
    directions: int
    notes: tuple[str, ...]
    inputs: tuple[Input, ...]
    environment: Environment
    version: int = 1
    kind: Literal["gradients"] = "gradients"


@dataclass(frozen=True)
class EnvironmentReport:
    """What `doctor` asks: does this Python run jax, and on what?"""

    environment: Environment
    devices: tuple[Device, ...]
    problems: tuple[str, ...]
    version: int = 1
    kind: Literal["environment"] = "environment"


Request = Union[BenchmarkRequest, GradientsRequest, EnvironmentRequest]
TargetRequest = Union[BenchmarkRequest, GradientsRequest]
Report = Union[BenchmarkReport, GradientsReport, EnvironmentReport]
Outcome = Union[Report, Question, Failure]
Message = Union[Request, Hello, Progress, Outcome]

REQUESTS: tuple[type, ...] = (BenchmarkRequest, GradientsRequest, EnvironmentRequest)
REPLIES: tuple[type, ...] = (
    Hello,
    Progress,
    BenchmarkReport,
    GradientsReport,
    EnvironmentReport,
    Question,
    Failure,
)
_BY_NAME = {cls.__name__: cls for cls in (*REQUESTS, *REPLIES)}

_D = TypeVar("_D")


class ProtocolError(ValueError):
    """A line that is no message of this protocol."""


def to_json(message: object) -> dict[str, object]:
    """A message's, or a report's, fields as JSON values; numbers JSON cannot hold become None."""
    assert dataclasses.is_dataclass(message)
    return {
        item.name: _plain(cast(object, getattr(message, item.name)))
        for item in dataclasses.fields(message)
    }


def from_json(cls: type[_D], data: object) -> _D:
    """A message from its fields. Unknown fields are ignored; a missing or wrong one is named."""
    if not isinstance(data, dict):
        raise ProtocolError(f"{cls.__name__} must be an object, not {type(data).__name__}")
    values = cast("dict[str, object]", data)
    hints = _hints(cls)
    arguments: dict[str, object] = {}
    for item in dataclasses.fields(cls):  # type: ignore[arg-type]
        if item.name in values:
            arguments[item.name] = _typed(
                hints[item.name], values[item.name], f"{cls.__name__}.{item.name}"
            )
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise ProtocolError(f"{cls.__name__} lacks {item.name!r}")
    return cls(**arguments)


def encode(message: Message, job: str) -> bytes:
    """One line: the message, its name, the job it belongs to and, in a request, the protocol."""
    head: dict[str, object] = {"type": type(message).__name__, "job": job}
    if isinstance(message, REQUESTS):
        head["protocol"] = PROTOCOL
    text = json.dumps({**head, **to_json(message)}, allow_nan=False)
    return text.encode("ascii") + b"\n"


def decode(line: bytes) -> tuple[Message, str]:
    """The message in a line and its job; raises ProtocolError when there is none."""
    try:
        data: object = json.loads(line)
    except ValueError as error:
        raise ProtocolError(f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ProtocolError("not an object")
    values = cast("dict[str, object]", data)
    name = str(values.get("type"))
    cls = _BY_NAME.get(name)
    if cls is None:
        raise ProtocolError(f"unknown message {name!r}; known are {', '.join(sorted(_BY_NAME))}")
    if cls in REQUESTS and values.get("protocol") != PROTOCOL:
        raise ProtocolError(
            f"the request speaks protocol {values.get('protocol')}, this runner speaks {PROTOCOL}: "
            "update the older of the two"
        )
    return from_json(cls, values), str(values.get("job", ""))


@cache
def _hints(cls: type) -> dict[str, object]:
    return get_type_hints(cls)


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return to_json(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return {str(key): _plain(item) for key, item in items}
    return value


def _typed(hint: object, value: object, where: str) -> object:
    """`value` as the annotation says; only the kinds of annotation this module uses are known."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Union:
        if value is None:
            return None
        return _typed(next(item for item in arguments if item is not type(None)), value, where)
    if origin is Literal:
        if value in arguments:
            return value
        raise ProtocolError(f"{where} is {value!r}, not one of {', '.join(map(str, arguments))}")
    if origin is tuple:
        if not isinstance(value, list):
            raise ProtocolError(f"{where} must be a list")
        return tuple(_typed(arguments[0], item, where) for item in cast("list[object]", value))
    if origin is dict:
        if not isinstance(value, dict):
            raise ProtocolError(f"{where} must be an object")
        items = cast("dict[str, object]", value).items()
        return {key: _typed(arguments[1], item, where) for key, item in items}
    assert isinstance(hint, type)
    return _scalar(hint, value, where)


def _scalar(cls: type, value: object, where: str) -> object:
    name = cls.__name__
    if dataclasses.is_dataclass(cls):
        return from_json(cls, value)
    if cls is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if cls is float and value is None:
        return math.nan
    if isinstance(value, cls) and not (cls is int and isinstance(value, bool)):
        return value
    raise ProtocolError(f"{where} must be {name}, not {type(value).__name__}")

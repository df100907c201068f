"""The messages between a runner and whoever started it: frozen data, one JSON object per line.

One process, one task. The client writes one request line to the runner's standard input and keeps
that pipe open: when it closes, the runner ends. The runner answers on its standard output with
`Hello`, any number of `Progress`, and one last message: a report, a `Question` or a `Failure`.
What the user's program prints travels on standard error.

An unknown message is answered with a `Failure`, an unknown field is ignored, and another protocol
number is refused by name. Numbers that JSON cannot hold (infinities, NaN) are null.
"""

from __future__ import annotations

import json
from typing import Union, cast

from jaxsight_runner.protocol.benchmark import (
    Achieved,
    BenchmarkReport,
    Comparison,
    Cost,
    DeviceTime,
    Eager,
    Growth,
    Interval,
    LineTime,
    Memory,
    Samples,
    Stages,
    Sweep,
    SweepPoint,
)
from jaxsight_runner.protocol.common import (
    Device,
    Environment,
    Input,
    SourceLocation,
    Target,
)
from jaxsight_runner.protocol.diagnosis import DiagnosisReport, Symptom, Trouble
from jaxsight_runner.protocol.environment import (
    EnvironmentReport,
)
from jaxsight_runner.protocol.gradients import (
    GradientFinding,
    GradientLeaf,
    GradientsReport,
    LeafVerdict,
)
from jaxsight_runner.protocol.inspection import (
    Collective,
    CompileStages,
    Constant,
    Conversion,
    Donation,
    Form,
    InspectionReport,
    LineCost,
    MachinePeak,
    Peak,
    ProgramText,
    Roofline,
    TextLink,
)
from jaxsight_runner.protocol.json_form import (
    ProtocolError,
    from_json,
    to_json,
)
from jaxsight_runner.protocol.messages import (
    BenchmarkOptions,
    BenchmarkRequest,
    DiagnosisRequest,
    EnvironmentRequest,
    Failure,
    FailureKind,
    GradientsOptions,
    GradientsRequest,
    Hello,
    InspectionOptions,
    InspectionRequest,
    Log,
    Other,
    Phase,
    Progress,
    Question,
    ShapesRequest,
    SourceLine,
    SweepAxis,
    TargetRequest,
)
from jaxsight_runner.protocol.shapes import Local, ShapesReport, TraceFailure

__all__ = [
    "NOT_FRESH",
    "PIPE_CLOSED",
    "PROTOCOL",
    "REPLIES",
    "REPORTS",
    "REQUESTS",
    "Achieved",
    "BenchmarkOptions",
    "BenchmarkReport",
    "BenchmarkRequest",
    "Collective",
    "Comparison",
    "CompileStages",
    "Constant",
    "Conversion",
    "Cost",
    "Device",
    "DeviceTime",
    "DiagnosisReport",
    "DiagnosisRequest",
    "Donation",
    "Eager",
    "Environment",
    "EnvironmentReport",
    "EnvironmentRequest",
    "Failure",
    "FailureKind",
    "Form",
    "GradientFinding",
    "GradientLeaf",
    "GradientsOptions",
    "GradientsReport",
    "GradientsRequest",
    "Growth",
    "Hello",
    "Input",
    "InspectionOptions",
    "InspectionReport",
    "InspectionRequest",
    "Interval",
    "LeafVerdict",
    "LineCost",
    "LineTime",
    "Local",
    "Log",
    "MachinePeak",
    "Memory",
    "Message",
    "Other",
    "Outcome",
    "Peak",
    "Phase",
    "ProgramText",
    "Progress",
    "ProtocolError",
    "Question",
    "Report",
    "Request",
    "Roofline",
    "Samples",
    "ShapesReport",
    "ShapesRequest",
    "SourceLine",
    "SourceLocation",
    "Stages",
    "Sweep",
    "SweepAxis",
    "SweepPoint",
    "Symptom",
    "Target",
    "TargetRequest",
    "TextLink",
    "TraceFailure",
    "Trouble",
    "decode",
    "encode",
    "from_json",
    "to_json",
]

PROTOCOL = 1

PIPE_CLOSED = 74
"""The exit code of a runner whose pipe the user's program has closed: it cannot say more."""

NOT_FRESH = 75
"""The exit code of a job in a copied Python that finds that a fresh one would run it differently."""

Request = Union[TargetRequest, EnvironmentRequest]
Report = Union[
    BenchmarkReport,
    GradientsReport,
    InspectionReport,
    ShapesReport,
    DiagnosisReport,
    EnvironmentReport,
]
Outcome = Union[Report, Question, Failure]
Message = Union[Request, Hello, Progress, Outcome]

REQUESTS: tuple[type, ...] = (
    BenchmarkRequest,
    GradientsRequest,
    InspectionRequest,
    ShapesRequest,
    DiagnosisRequest,
    EnvironmentRequest,
)
REPORTS: tuple[type, ...] = (
    BenchmarkReport,
    GradientsReport,
    InspectionReport,
    ShapesReport,
    DiagnosisReport,
    EnvironmentReport,
)
REPLIES: tuple[type, ...] = (Hello, Progress, *REPORTS, Question, Failure)
_BY_NAME = {cls.__name__: cls for cls in (*REQUESTS, *REPLIES)}


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

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
    RankLatency,
    Samples,
    Stages,
    Sweep,
    SweepPoint,
)
from jaxsight_runner.protocol.capture import (
    CapturedArgument,
    CapturedSignature,
    CaptureReport,
    CaptureRequest,
    Leaf,
)
from jaxsight_runner.protocol.cells import CellStart, by_cell, cells_in, place_in_cells
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
from jaxsight_runner.protocol.frames import FRAME_LIMIT, FrameReader, frames
from jaxsight_runner.protocol.gradients import (
    GradientFinding,
    GradientLeaf,
    GradientsReport,
    LeafVerdict,
)
from jaxsight_runner.protocol.inspection import (
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
    RankJob,
    ShapesRequest,
    ShardingOptions,
    ShardingRequest,
    SourceLine,
    SweepAxis,
    TargetRequest,
    Tick,
    Up,
)
from jaxsight_runner.protocol.shapes import Local, ShapesReport, TraceFailure
from jaxsight_runner.protocol.sharding import (
    Collective,
    DeviceMesh,
    MeasuredScaling,
    MeshAxis,
    Moved,
    PlacedArray,
    ReplicatedWork,
    ScalingEstimate,
    ScalingPoint,
    ShardingReport,
    Uneven,
    Work,
)

__all__ = [
    "FRAME_LIMIT",
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
    "CaptureReport",
    "CaptureRequest",
    "CapturedArgument",
    "CapturedSignature",
    "CellStart",
    "Collective",
    "Comparison",
    "CompileStages",
    "Constant",
    "Conversion",
    "Cost",
    "Device",
    "DeviceMesh",
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
    "FrameReader",
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
    "Leaf",
    "LeafVerdict",
    "LineCost",
    "LineTime",
    "Local",
    "Log",
    "MachinePeak",
    "MeasuredScaling",
    "Memory",
    "MeshAxis",
    "Message",
    "Moved",
    "Other",
    "Outcome",
    "Peak",
    "Phase",
    "PlacedArray",
    "ProgramText",
    "Progress",
    "ProtocolError",
    "Question",
    "RankJob",
    "RankLatency",
    "ReplicatedWork",
    "Report",
    "Request",
    "Roofline",
    "Samples",
    "ScalingEstimate",
    "ScalingPoint",
    "ShapesReport",
    "ShapesRequest",
    "ShardingOptions",
    "ShardingReport",
    "ShardingRequest",
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
    "Tick",
    "TraceFailure",
    "Trouble",
    "Uneven",
    "Up",
    "Work",
    "by_cell",
    "cells_in",
    "decode",
    "encode",
    "frames",
    "from_json",
    "place_in_cells",
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
    ShardingReport,
    DiagnosisReport,
    CaptureReport,
    EnvironmentReport,
]
Outcome = Union[Report, Question, Failure]
Message = Union[Request, Hello, Up, Tick, Progress, Outcome]

REQUESTS: tuple[type, ...] = (
    BenchmarkRequest,
    GradientsRequest,
    InspectionRequest,
    ShapesRequest,
    ShardingRequest,
    DiagnosisRequest,
    EnvironmentRequest,
)
REPORTS: tuple[type, ...] = (
    BenchmarkReport,
    GradientsReport,
    InspectionReport,
    ShapesReport,
    ShardingReport,
    DiagnosisReport,
    CaptureReport,
    EnvironmentReport,
)
REPLIES: tuple[type, ...] = (Hello, Up, Tick, Progress, *REPORTS, Question, Failure)
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
    except (ValueError, RecursionError) as error:
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

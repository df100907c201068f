"""What a capture is asked and what it reports: the arguments that real calls of a function had.

Its process is the user's own program, whose standard input and output are theirs. So the request
and the report are files of a folder: `request.json`, and `report.json` with a report or a failure.
"""

from __future__ import annotations

from typing import Literal, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol.common import Environment, Target


@dataclass(frozen=True)
class CaptureRequest:
    """Which function to watch, while which program runs."""

    path: str  # of the source file, absolute
    qualname: str  # `step`, `Model.step`, `make_step.<locals>.step`
    program: tuple[str, ...]  # a script, `-m MODULE` or an installed command, and its arguments
    stop_after: Optional[int] = None  # end the program after so many calls
    keep_in: Optional[str] = None  # a folder for the values of first calls


@dataclass(frozen=True)
class Leaf:
    """An array in an argument, in the calls that were looked at closely."""

    path: str  # "batch['image']"
    value: str  # `f32[32,28,28,1]`
    low: Optional[float] = None  # of the finite elements, as all that follows
    high: Optional[float] = None
    mean: Optional[float] = None
    std: Optional[float] = None
    zeros: Optional[float] = None  # share of all elements
    non_finite: Optional[float] = None  # share of all elements
    sharding: Optional[str] = None  # where the array is spread over devices
    weak: bool = False  # weakly typed: its dtype yields to others


@dataclass(frozen=True)
class CapturedArgument:
    """One argument."""

    name: str
    type: str  # "dict", "flax.training.train_state.TrainState"
    spec: Optional[str]  # `x: f32[8] in [0, 1]`, `n = 3`; null where none can be written
    leaves: tuple[Leaf, ...]
    reason: Optional[str] = None  # why no spec can be written
    suggestion: Optional[str] = None  # what to write instead: `model = Model(...)`


@dataclass(frozen=True)
class CapturedSignature:
    """Calls whose arguments had the same structure, shapes and dtypes."""

    calls: int
    values: Literal[
        "concrete", "enclosing", "abstract"
    ]  # "enclosing": those of the call around a trace
    arguments: tuple[CapturedArgument, ...]
    kept: Optional[str] = None  # the folder with the values of the first of these calls


@dataclass(frozen=True)
class CaptureReport:
    """What was recorded while the user's program ran."""

    target: Target
    calls: int
    looked_at: int  # of them; the rest was only counted, to keep the program fast
    loaded: bool  # did the program load the file at all?
    signatures: tuple[CapturedSignature, ...]  # the most frequent first
    notes: tuple[str, ...]
    environment: Optional[Environment]  # null where the program used no device
    version: int = 1
    kind: Literal["capture"] = "capture"

"""What `shapes` reports: shape and dtype of every local variable, by abstract evaluation alone."""

from __future__ import annotations

from typing import Literal, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol.common import Environment, Input, Target


@dataclass(frozen=True)
class Local:
    """A variable that a line of a function sets, a parameter, or what is returned."""

    path: str
    line: int
    name: str  # "return" for what is returned
    function: str  # qualified name
    kind: Literal["parameter", "local", "return"]
    shapes: tuple[str, ...]  # `f32[B,64]`; several where the line ran with several


@dataclass(frozen=True)
class TraceFailure:
    """Why tracing ended, at the user's innermost line."""

    message: str
    path: Optional[str]
    line: Optional[int]


@dataclass(frozen=True)
class ShapesReport:
    """The shapes of every function of the user's that tracing reached."""

    target: Target
    how: Literal["symbolic", "two sizes", "concrete"]
    dimensions: dict[str, str]  # what each named dimension was: itself, or "7 and 11"
    locals: tuple[Local, ...]  # up to the failure, where there is one
    failure: Optional[TraceFailure]
    notes: tuple[str, ...]
    inputs: tuple[Input, ...]
    environment: Environment
    version: int = 1
    kind: Literal["shapes"] = "shapes"

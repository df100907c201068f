"""What a check of gradients reports."""

from __future__ import annotations

from typing import Literal, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol.common import Environment, Input, SourceLocation, Target

LeafVerdict = Literal[
    "right",
    "wrong",
    "intended",  # differs, and the source says that it is meant to
    "kink",  # not smooth at this point, right beside it
    "non-finite",
    "dead",  # exactly zero although the output depends on it
    "stopped",  # a whole argument that `stop_gradient` makes a constant, or that is only asked whether it is zero
    "unused",  # the output does not depend on it
    "unsure",
    "not-differentiable",
]
FindingKind = Literal[
    "wrong-rule",  # a custom rule that is not the derivative of its function
    "mismatch",  # reverse mode and differences, and no line is known
    "forward-reverse",
    "cut",  # a line that derivatives do not pass
    "non-finite",
    "overflow",  # in the precision of the arguments, and not in float64
    "precision",  # lost in the precision of the arguments
    "no-reverse",  # there is no reverse mode: what was compared is forward mode
    "random",  # the function is not the same each time
    "elsewhere",  # wrong at a point near zero, or of the other sign
    "trap",  # NaN through what a `where` does not choose, at a point that the inputs may never take
    "singular",  # not finite at such a point, as the derivative itself may be
]


@dataclass(frozen=True)
class GradientLeaf:
    """How the derivative with respect to one leaf of the arguments compares."""

    path: str  # `params['w']`
    dtype: str
    shape: tuple[int, ...]
    verdict: LeafVerdict
    analytic: Optional[float] = (
        None  # directional derivative by vjp; by jvp where there is no reverse mode
    )
    numeric: Optional[float] = None  # the same by central differences
    error: Optional[float] = None  # relative
    uncertainty: Optional[float] = None  # relative, of the numerical reference
    message: Optional[str] = None
    element: Optional[tuple[int, ...]] = None  # the worst element, when it was looked for


@dataclass(frozen=True)
class GradientFinding:
    """Something about the gradient that a reader should know."""

    kind: FindingKind
    level: Literal["error", "warning", "note"]  # an error makes the verdict "wrong"
    message: str
    place: Optional[SourceLocation] = None
    last_line: Optional[int] = None  # of the function that begins at `place`
    leaves: tuple[str, ...] = ()


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
    precision: str  # "f64", or what the program had to be differentiated in
    directions: int
    notes: tuple[str, ...]
    inputs: tuple[Input, ...]
    environment: Environment
    findings: tuple[GradientFinding, ...] = ()  # the errors first
    second_order: tuple[GradientLeaf, ...] = ()  # the gradient of the gradient, when asked for
    version: int = 1
    kind: Literal["gradients"] = "gradients"

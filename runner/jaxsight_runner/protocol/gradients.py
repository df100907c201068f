"""What a check of gradients reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Optional

from jaxsight_runner.protocol.common import Environment, Input, SourceLocation, Target

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

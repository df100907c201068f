"""What a diagnosis reports: what goes wrong, or costs time, when a function is called again and again."""

from __future__ import annotations

from typing import Literal, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol.common import Environment, Input, Target

Trouble = Literal[
    "recompilation", "transfer", "leak", "key-reuse", "non-finite", "dispatch", "exception"
]


@dataclass(frozen=True)
class Symptom:
    """One thing that was seen, at the line of the user's where it happens."""

    trouble: Trouble
    message: str
    path: Optional[str]
    line: Optional[int]
    text: str  # of the line
    count: int  # in one call
    rule: Optional[str]  # that explains it: `jaxsight explain RULE`


@dataclass(frozen=True)
class DiagnosisReport:
    """What was seen in a few calls with equal arguments, each made anew."""

    target: Target
    symptoms: tuple[Symptom, ...]
    calls: int
    checked: tuple[Trouble, ...]
    notes: tuple[str, ...]  # what could not be checked, and why
    inputs: tuple[Input, ...]
    environment: Environment
    version: int = 1
    kind: Literal["diagnosis"] = "diagnosis"

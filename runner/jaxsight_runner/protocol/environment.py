"""What `doctor` reports."""

from __future__ import annotations

from typing import Literal

from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol.common import Device, Environment


@dataclass(frozen=True)
class EnvironmentReport:
    """What `doctor` asks: does this Python run jax, and on what?"""

    environment: Environment
    devices: tuple[Device, ...]
    problems: tuple[str, ...]
    version: int = 1
    kind: Literal["environment"] = "environment"

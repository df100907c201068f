"""Lets the CPU stand in for devices that are not there. The program's structure is right, its times mean nothing."""

from __future__ import annotations

import os
import re

from jaxsight_runner.inputs.meshes import devices_wanted
from jaxsight_runner.protocol import TargetRequest

DEFAULT_DEVICES = 8
_FLAG = "--xla_force_host_platform_device_count"


def simulate_mesh(request: TargetRequest) -> None:
    """Let the CPU be the devices of a mesh that the request, or a comment in its text, names."""
    wanted = devices_wanted(request)
    if wanted > 1:
        simulate_devices(wanted)


def simulate_devices(count: int) -> None:
    """Let the CPU be at least so many devices, unless the user asked for another number.

    The variable is read when the backend starts, in every release, and says nothing to a GPU or a TPU.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    found = re.search(rf"{_FLAG}=(\d+)", flags)
    if found is None:
        os.environ["XLA_FLAGS"] = f"{flags} {_FLAG}={count}".strip()
    elif int(found[1]) < count:
        os.environ["XLA_FLAGS"] = flags.replace(found[0], f"{_FLAG}={count}")

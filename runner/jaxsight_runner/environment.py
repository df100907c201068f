"""On what a report was made: versions, devices, flags. Nothing that names a person or a machine."""

from __future__ import annotations

import os
import platform
import sys
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.protocol import Device, Environment
from jaxsight_runner.worker import installed_version

_LIBRARIES = ("numpy", "flax", "optax", "equinox", "numpyro", "chex", "orbax-checkpoint", "jaxopt")


def describe_environment() -> Environment:
    """The environment of this process; initialises jax's backend."""
    jax = import_module("jax")
    devices = jax.devices()
    libraries = {name: installed_version(name) for name in _LIBRARIES}
    return Environment(
        python=platform.python_version(),
        executable=sys.executable,
        jax=installed_version("jax") or "",
        jaxlib=installed_version("jaxlib") or "",
        libraries={name: version for name, version in libraries.items() if version},
        platform=devices[0].platform,
        device_kind=devices[0].device_kind,
        device_count=len(devices),
        x64=bool(jax.config.jax_enable_x64),
        system=f"{platform.system()}-{platform.release()}-{platform.machine()}",
        cpu_count=os.cpu_count() or 1,
        flags={
            name: value
            for name, value in sorted(os.environ.items())
            if name == "XLA_FLAGS" or name.startswith(("JAX_", "XLA_PYTHON_"))
        },
    )


def list_devices() -> tuple[Device, ...]:
    """Every device jax sees."""
    return tuple(
        Device(device.id, device.device_kind, device.platform, _memory(device))
        for device in import_module("jax").devices()
    )


def _memory(device: Any) -> Optional[int]:
    try:
        statistics = device.memory_stats()
    except (AttributeError, NotImplementedError, RuntimeError):  # not every backend keeps them
        return None
    return statistics.get("bytes_limit") if isinstance(statistics, dict) else None  # pyright: ignore

"""Answers `jaxsight doctor`: does this Python run jax, and on what?"""

from __future__ import annotations

from importlib import import_module

from jaxsight_runner.environment import describe_environment, list_devices
from jaxsight_runner.protocol import EnvironmentReport, EnvironmentRequest
from jaxsight_runner.worker import Job


def run(_request: EnvironmentRequest, job: Job) -> EnvironmentReport:
    """Import jax, list its devices, add two numbers on the first."""
    job.enter("import", "importing jax")
    jax = import_module("jax")
    environment = describe_environment()
    problems: list[str] = []
    job.enter("execute", f"adding two numbers on {environment.device_kind}")
    if float(jax.numpy.asarray(1.0) + 1.0) != 2.0:
        problems.append(f"{environment.device_kind} does not add: 1 + 1 is not 2")
    if environment.platform == "cpu" and _has_gpu_plugin():
        problems.append("a GPU plugin of jax is installed, but jax uses the CPU: check the driver")
    return EnvironmentReport(environment, list_devices(), tuple(problems))


def _has_gpu_plugin() -> bool:
    from jaxsight_runner.worker import installed_version

    names = ("jax-cuda12-plugin", "jax-cuda13-plugin", "jax-rocm7-plugin", "jax-rocm60-plugin")
    return any(installed_version(name) for name in names)

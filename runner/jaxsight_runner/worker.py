"""One process, one task: reads the request, runs it, sends the last word and leaves."""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import os
import platform
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Optional, cast

from jaxsight_runner.failures import Stop, failure_of
from jaxsight_runner.loading.uncollected import UncollectedImports
from jaxsight_runner.processes import zygote
from jaxsight_runner.processes.keeper import run_kept
from jaxsight_runner.protocol import (
    PROTOCOL,
    REQUESTS,
    BenchmarkRequest,
    DiagnosisRequest,
    EnvironmentRequest,
    Failure,
    GradientsRequest,
    Hello,
    InspectionRequest,
    Outcome,
    Phase,
    Progress,
    ProtocolError,
    Request,
    ShapesRequest,
    ShardingReport,
    ShardingRequest,
    TargetRequest,
    decode,
)
from jaxsight_runner.wire import Wire

MINIMUM_JAX = (0, 4, 30)
_TASKS: dict[type, str] = {
    BenchmarkRequest: "benchmark",
    GradientsRequest: "gradients",
    InspectionRequest: "inspection",
    ShapesRequest: "shapes",
    ShardingRequest: "sharding",
    DiagnosisRequest: "diagnosis",
    EnvironmentRequest: "doctor",
}  # each a module of `tasks` with `run(request, job)`


class Job:
    """What a task tells while it works: the phase it is in, for progress and for failures.

    And which of how many processes this is that do it together.
    """

    def __init__(self, wire: Wire, rank: int = 0, processes: int = 1) -> None:
        self._wire = wire
        self.rank, self.processes = rank, processes
        self.phase: Phase = "start"

    def enter(self, phase: Phase, message: str) -> None:
        """Begin a phase, or say more about it."""
        self.phase = phase
        self._wire.send(Progress(phase, message))

    def so_far(self, report: ShardingReport) -> None:
        """What is known already, in case that time is over before the rest is."""
        self._wire.send(report)


def main(arguments: Sequence[str]) -> int:
    """Run one job - its id, bytes of memory it may have - or wait as a zygote for many."""
    if arguments[:1] == ["zygote"]:
        return zygote.serve(run_job, [f"jaxsight_runner.tasks.{name}" for name in _TASKS.values()])
    if len(arguments) == 3:  # one of several that do it together, and what it is told
        run_rank = import_module("jaxsight_runner.ranks.worker").run_rank
        return int(run_rank(arguments[0], int(arguments[1]), arguments[2]))
    job, memory_limit = arguments if len(arguments) == 2 else ("", "0")
    return run_kept(lambda: run_job(job, int(memory_limit)))


def run_job(job: str, memory_limit: int) -> int:
    """Run the task whose request comes on standard input."""
    wire = Wire(job)
    faulthandler.enable()  # a segmentation fault says where on standard error
    wire.send(Hello(PROTOCOL, platform.python_version(), installed_version("jax"), os.getpid()))
    line = wire.receive()
    try:
        message, wire.job = decode(line)
    except ProtocolError as error:
        wire.send(Failure("protocol", str(error)))
        return 2
    if not isinstance(message, REQUESTS):
        wire.send(Failure("protocol", f"{type(message).__name__} is no request"))
        return 2
    wire.end_with_client()
    limit_memory(memory_limit)
    wire.send(run_request(cast("Request", message), Job(wire)))
    leave()
    return 0


def installed_version(distribution: str) -> Optional[str]:
    """A distribution's version from its metadata, without importing it."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def run_request(request: Request, job: Job, ready: Callable[[], None] = lambda: None) -> Outcome:
    """The task's last word; the user's program can make it a failure, and nothing else.

    `ready`: what is to be done before anything of the user's is imported.
    """
    path = request.path if isinstance(request, TargetRequest) else ""
    try:
        _require_jax()
        ready()
        return _task(request, job)
    except Stop as end:
        if isinstance(end.outcome, Failure):
            return dataclasses.replace(end.outcome, phase=job.phase)
        return end.outcome
    except (Exception, SystemExit, KeyboardInterrupt, GeneratorExit) as error:
        return failure_of(error, job.phase, path)


def _task(request: Request, job: Job) -> Outcome:
    # Set before jax is imported: half of the GPU's memory may belong to the user's training run.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    sys.meta_path.insert(0, UncollectedImports())
    task = import_module(f"jaxsight_runner.tasks.{_TASKS[type(request)]}")
    return cast("Outcome", task.run(request, job))


def _require_jax() -> None:
    found = installed_version("jax")
    minimum = ".".join(map(str, MINIMUM_JAX))
    if found is None:
        raise Stop(
            Failure(
                "no-jax",
                f"{sys.executable} has no jax: choose the Python your program runs with, "
                f"or install it there (`{sys.executable} -m pip install jax`)",
            )
        )
    if _numbers(found) < MINIMUM_JAX:
        raise Stop(
            Failure(
                "old-jax",
                f"{sys.executable} has jax {found}; JAX Sight runs programs with {minimum} or newer",
            )
        )


def _numbers(text: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for part in text.split(".")[:3]:
        digits = "".join(char for char in part if char.isdigit())
        numbers.append(int(digits) if digits else 0)
    return tuple(numbers)


def limit_memory(limit: int) -> None:
    """Cap the address space, where the system can."""
    if limit <= 0 or sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def leave() -> None:
    """End at once: the user's threads and exit handlers may never finish."""
    with contextlib.suppress(OSError, ValueError):  # the user's code may have closed them
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)

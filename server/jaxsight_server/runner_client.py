"""Starts a runner, follows it and outlives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path

from jaxsight_runner.protocol import Log, Outcome, Progress, Request

OnProgress = Callable[[Progress], None]
OnLog = Callable[[Log], None]


class RunnerState(Enum):
    """Where a runner is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


class RunnerClient:
    """Runs one task at a time in a fresh process; cancelling `run` kills the process tree.

    A crash, a timeout or a full memory is a `Failure` that comes back, never an exception.
    """

    def __init__(self) -> None:
        self.state = RunnerState.DEAD

    async def run(
        self,
        request: Request,
        *,
        interpreter: Path,
        cwd: Path,
        env: Mapping[str, str] | None = None,  # added to this process's own
        timeout: float | None = None,  # seconds, from the start of the process
        memory_limit: int | None = None,  # bytes of address space
        on_progress: OnProgress | None = None,  # called on the event loop
        on_log: OnLog | None = None,
    ) -> Outcome:
        """Run a task in the user's Python and return its last word."""
        raise NotImplementedError

"""A runner's process: its pipes, its end, and the end of everything below it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from jaxsight_server.running.launch import Launch, runner_entry

_PATIENCE = 1.0  # seconds


class JobProcess(Protocol):
    """What a client needs of a process that does a job."""

    messages: asyncio.StreamReader
    output: asyncio.StreamReader

    @property
    def has_ended(self) -> bool:
        """Whether it has."""
        ...

    @property
    def exit_code(self) -> int | None:
        """Negative: the signal that ended it; None: it has not ended, or nobody knows."""
        ...

    def send(self, request: bytes) -> None:
        """Give it its request."""
        ...

    def kill(self, worker: int | None) -> None:
        """Kill it and all that is below it. `worker`: the process that said hello."""
        ...

    async def gone(self) -> None:
        """Wait, not for ever, until nothing of it is left."""
        ...


class Spawned:
    """A Python of its own, started for one job."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin and process.stdout and process.stderr
        self._process = process
        self._input = process.stdin
        self.messages = process.stdout
        self.output = process.stderr

    @property
    def has_ended(self) -> bool:
        """Whether the process that was started has."""
        return self._process.returncode is not None

    @property
    def exit_code(self) -> int | None:
        """Of the process that was started; its keeper ends as the job did."""
        return self._process.returncode

    def send(self, request: bytes) -> None:
        """Give it its request; standard input stays open, and ends when we do."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._input.write(request)

    def kill(self, worker: int | None) -> None:
        """Kill the job; a keeper above it is spared, and sees to what escaped."""
        leader = self._process.pid
        if sys.platform == "win32":
            if self._process.returncode is None:
                command = ["taskkill", "/F", "/T", "/PID", str(leader)]
                subprocess.run(command, capture_output=True, check=False)
            return
        self._input.close()
        below = descendants(leader)
        if worker is None or worker == leader:
            kill_group(leader)
        else:
            kill_group(worker)
        kill_all(below)

    async def gone(self) -> None:
        """Wait until it is reaped and its pipes are closed."""
        for _ in range(2):
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._process.wait(), timeout=_PATIENCE)
                return
            self.kill(None)


async def spawn(launch: Launch) -> Spawned:
    """Start a Python for one job. Raises OSError where there is none."""
    entry, limit = str(runner_entry()), str(launch.memory_limit or 0)
    process = await asyncio.create_subprocess_exec(
        str(launch.interpreter),
        "-u",
        entry,
        launch.job,
        limit,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=launch.cwd,
        env=dict(launch.env),
        start_new_session=True,
    )
    return Spawned(process)


def kill_group(leader: int) -> None:
    """Kill a process and its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def kill_all(pids: set[int]) -> None:
    """Kill processes, wherever they are."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def descendants(leader: int) -> set[int]:
    """Processes below one, where /proc tells; a session of their own does not hide them."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            text = entry.read_text("utf-8", "replace")
            parents[int(entry.parent.name)] = int(text.rpartition(")")[2].split()[1])
    found: set[int] = set()
    pending = [leader]
    while pending:
        parent = pending.pop()
        children = {pid for pid, above in parents.items() if above == parent} - found
        found |= children
        pending += children
    return found

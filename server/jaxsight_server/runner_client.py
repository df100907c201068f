"""Runs a task in the user's Python: follows the process and outlives it.

Every run is a process of its own, started or copied from one that waits (`running/`). Whatever
happens to it - a crash, a timeout, a full memory - is a `Failure` that comes back. However `run`
ends, also by cancelling, the whole process tree is dead when it returns.
"""

from __future__ import annotations

import asyncio
import codecs
import logging
import os
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from time import monotonic

from jaxsight_runner.protocol import (
    NOT_FRESH,
    PROTOCOL,
    EnvironmentRequest,
    Failure,
    Hello,
    Log,
    Message,
    Outcome,
    Phase,
    Progress,
    ProtocolError,
    Request,
    ShardingReport,
    Tick,
    Up,
    decode,
    encode,
)
from jaxsight_server.ranks.commands import Group
from jaxsight_server.ranks.supervisor import run_together
from jaxsight_server.running import endings
from jaxsight_server.running.device_lock import device_lock
from jaxsight_server.running.launch import Launch, runner_entry
from jaxsight_server.running.neighbours import beside_neighbours
from jaxsight_server.running.processes import JobProcess, spawn
from jaxsight_server.running.recorded_inputs import (
    UnreadableInputs,
    complete,
    project_root,
    recorded_input,
)
from jaxsight_server.running.zygotes import Forked, Zygotes

__all__ = ["RunnerClient", "RunnerState", "project_root", "recorded_input", "runner_entry"]

OnProgress = Callable[[Progress], None]
OnLog = Callable[[Log], None]

_LOGGER = logging.getLogger(__name__)
_LOG_LIMIT = 1 << 20  # characters of the user's output that are passed on
_LINE_LIMIT = 1 << 28  # bytes of one message
_POLL = 0.05  # seconds
_SILENCE = 1.0  # seconds that a process may live on when its pipe is closed
_HELLO = b'{"type": "Hello"'


class RunnerState(Enum):
    """Where a runner is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


def _ignore(_message: object) -> None:
    """Nobody listens."""


@dataclass
class _Run:
    """What is known of one running process."""

    process: JobProcess
    on_progress: OnProgress
    on_log: OnLog
    phase: Phase = "start"
    hello: Hello | None = None
    outcome: Outcome | None = None
    so_far: ShardingReport | None = None  # what it knew before it was through
    tail: str = ""  # the end of what it printed, for the words of a crash
    logged: int = 0

    def kill(self) -> None:
        """Kill the process tree."""
        self.process.kill(self.hello.pid if self.hello is not None else None)


class RunnerClient:
    """Runs one task at a time, each in a process of its own; cancelling `run` kills its tree.

    `zygotes`: Pythons that wait for jobs; without them each job starts one.
    """

    def __init__(self, zygotes: Zygotes | None = None) -> None:
        self.state = RunnerState.DEAD
        self._zygotes = zygotes

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
        group: Group | None = None,  # of several processes that do it together
    ) -> Outcome:
        """Run a task in the user's Python and return its last word."""
        tell, log = on_progress or _ignore, on_log or _ignore

        def launch(request: Request) -> Launch:
            everything = {**os.environ, **(env or {})}
            job = uuid.uuid4().hex[:8]
            return Launch(job, request, interpreter, cwd, everything, memory_limit)

        if isinstance(request, EnvironmentRequest):
            return await self._perform(launch(request), timeout, tell, log)
        try:
            async with device_lock(request, tell):
                if group is not None:
                    return await run_together(
                        complete(request),
                        group,
                        interpreter=interpreter,
                        cwd=cwd,
                        env=env or {},
                        timeout=timeout,
                        memory_limit=memory_limit,
                        on_progress=tell,
                        on_log=log,
                    )
                job = launch(complete(request))
                return await beside_neighbours(self._perform(job, timeout, tell, log))
        except UnreadableInputs as error:
            return Failure("inputs", str(error), phase="arguments")

    async def _perform(
        self, launch: Launch, timeout: float | None, on_progress: OnProgress, on_log: OnLog
    ) -> Outcome:
        self._enter(RunnerState.STARTING)
        start = monotonic()
        forked: Forked | None = None
        if self._zygotes is not None:
            on_progress(Progress("start", "starting Python"))
            try:
                forked = await asyncio.wait_for(self._zygotes.fork(launch), timeout)
            except asyncio.TimeoutError:
                self._enter(RunnerState.DEAD)
                return Failure("timeout", endings.too_long("start", timeout))
        if forked is not None:
            left = None if timeout is None else max(timeout - (monotonic() - start), 0.0)
            outcome = await self._work(_Run(forked, on_progress, on_log), launch, left)
            did_not_start = isinstance(outcome, Failure) and outcome.kind == "start"
            if forked.exit_code != NOT_FRESH and not did_not_start:
                return outcome
            _LOGGER.info("the program needs a Python of its own: it is started again")
        try:
            process = await spawn(launch)
        except OSError as error:
            self._enter(RunnerState.DEAD)
            words = endings.cannot_start(launch.interpreter, launch.cwd, error)
            return Failure("start", words)
        return await self._work(_Run(process, on_progress, on_log), launch, timeout)

    async def _work(self, run: _Run, launch: Launch, timeout: float | None) -> Outcome:
        """Have a process do the job; it is gone when this ends, however this ends."""
        try:
            outcome = await self._follow(run, launch, timeout)
        finally:
            run.kill()
            await run.process.gone()
            self._enter(RunnerState.DONE if run.outcome is not None else RunnerState.DEAD)
        return endings.with_limit(outcome, launch.memory_limit)

    def _enter(self, state: RunnerState) -> None:
        _LOGGER.debug("runner: %s -> %s", self.state.value, state.value)
        self.state = state

    async def _follow(self, run: _Run, launch: Launch, timeout: float | None) -> Outcome:
        """Send the request and read until the last word, the end of the process, or the timeout."""
        tasks = [
            asyncio.ensure_future(self._read_messages(run)),
            asyncio.ensure_future(_read_output(run)),
        ]
        try:
            run.process.send(encode(launch.request, launch.job))
            ended = await _wait_for_end(run, tasks[0], timeout)
            code = run.process.exit_code  # of its own; from now on the signal is ours
            run.kill()
            await asyncio.wait(tasks, timeout=1.0)  # what it still had to say
        finally:
            run.kill()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if run.outcome is not None:
            return run.outcome
        if not ended and run.so_far is not None:
            return endings.stopped(run.so_far, timeout)
        if not ended:
            return Failure("timeout", endings.too_long(run.phase, timeout), phase=run.phase)
        return endings.death(code, run.tail, run.phase, run.hello is not None)

    async def _read_messages(self, run: _Run) -> None:
        try:
            await self._read_until_last(run)
        except ProtocolError as error:
            run.outcome = _something_else(error)

    async def _read_until_last(self, run: _Run) -> None:
        async for line in _lines(run.process.messages):
            message = _message(run, line)
            if isinstance(message, Hello):
                run.hello = message
                if message.protocol != PROTOCOL:
                    words = endings.other_protocol(message.protocol)
                    run.outcome = Failure("protocol", words)
                    return
                self._enter(RunnerState.RUNNING)
            elif isinstance(message, Progress):
                run.phase = message.phase
                run.on_progress(message)
            elif isinstance(message, ShardingReport) and message.unfinished is not None:
                run.so_far = message
            elif message is not None and not isinstance(message, Request | Up | Tick):
                run.outcome = message
                return


def _message(run: _Run, line: bytes) -> Message | None:
    """The message in a line; what Python prints before it runs the runner is the program's output."""
    if run.hello is None and not line.startswith(b"{"):
        printed, hello, rest = line.partition(_HELLO)
        _log(run, printed.decode("utf-8", "replace") + "\n")
        if not hello:
            return None
        line = hello + rest
    try:
        return decode(line)[0]
    except ProtocolError as error:
        return _something_else(error)


def _something_else(error: ProtocolError) -> Failure:
    return Failure("protocol", f"the runner said something else: {error}")


async def _wait_for_end(run: _Run, reader: asyncio.Future[None], timeout: float | None) -> bool:
    """Wait until it has spoken its last word or ended; False when the time is over.

    Polls the exit code: `Process.wait` waits for the pipes too, which a grandchild may hold open.
    """
    deadline = None if timeout is None else monotonic() + timeout
    silent: float | None = None  # since when
    while not run.process.has_ended and run.outcome is None:
        if deadline is not None and monotonic() >= deadline:
            return False
        if not reader.done():
            await asyncio.wait([reader], timeout=_POLL)
            continue
        silent = silent or monotonic()
        if monotonic() - silent > _SILENCE:
            return True
        await asyncio.sleep(_POLL)
    if run.outcome is None:
        await asyncio.wait([reader], timeout=0.5)
    return True


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Raises ProtocolError where one has no end."""
    buffer = bytearray()
    while chunk := await stream.read(1 << 16):
        searched = len(buffer)
        buffer += chunk
        while (end := buffer.find(b"\n", searched)) >= 0:
            yield bytes(buffer[:end])
            del buffer[: end + 1]
            searched = 0
        if len(buffer) > _LINE_LIMIT:
            raise ProtocolError(f"a message of more than {_LINE_LIMIT >> 20} MiB")


async def _read_output(run: _Run) -> None:
    """Pass on what the user's program prints; read on so that it never blocks."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while chunk := await run.process.output.read(1 << 16):
        _log(run, decoder.decode(chunk))


def _log(run: _Run, text: str) -> None:
    """Pass on what was printed, up to a limit."""
    run.tail = (run.tail + text)[-8192:]
    room = _LOG_LIMIT - run.logged
    run.logged += len(text)
    if room > 0:
        run.on_log(Log("output", text[:room]))
        if len(text) > room:
            run.on_log(Log("output", "\n[the program printed more, which is not shown]\n"))

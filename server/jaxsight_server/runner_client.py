"""Starts a runner, follows it and outlives it.

Every run is a process of its own, the leader of its own session. Whatever happens to it - a crash,
a timeout, a full memory - is a `Failure` that comes back. However `run` ends, also by cancelling,
the whole process tree is dead when it returns.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import IO, cast

from jaxsight_runner.protocol import (
    PROTOCOL,
    EnvironmentRequest,
    Failure,
    Hello,
    Log,
    Outcome,
    Phase,
    Progress,
    ProtocolError,
    Request,
    TargetRequest,
    decode,
    encode,
)

OnProgress = Callable[[Progress], None]
OnLog = Callable[[Log], None]

_LOGGER = logging.getLogger(__name__)
_LOG_LIMIT = 1 << 20  # characters of the user's output that are passed on
_LINE_LIMIT = 1 << 28  # bytes of one message
_POLL = 0.05  # seconds


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

    process: asyncio.subprocess.Process
    on_progress: OnProgress
    on_log: OnLog
    phase: Phase = "start"
    hello: Hello | None = None
    outcome: Outcome | None = None
    tail: str = ""  # the end of what it printed, for the words of a crash
    logged: int = 0
    descendants: set[int] = field(default_factory=set[int])


class RunnerClient:
    """Runs one task at a time in a fresh process; cancelling `run` kills the process tree."""

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
        tell, log = on_progress or _ignore, on_log or _ignore
        try:
            if isinstance(request, EnvironmentRequest):
                return await self._start(
                    request, interpreter, cwd, env, timeout, memory_limit, tell, log
                )
            async with _device_lock(tell):
                complete = _complete(request)
                return await self._start(
                    complete, interpreter, cwd, env, timeout, memory_limit, tell, log
                )
        except _UnreadableInputs as error:
            return Failure("inputs", str(error), phase="arguments")

    async def _start(
        self,
        request: Request,
        interpreter: Path,
        cwd: Path,
        env: Mapping[str, str] | None,
        timeout: float | None,
        memory_limit: int | None,
        on_progress: OnProgress,
        on_log: OnLog,
    ) -> Outcome:
        self._enter(RunnerState.STARTING)
        job = uuid.uuid4().hex[:8]
        command = [str(interpreter), "-u", str(runner_entry()), job, str(memory_limit or 0)]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        except OSError as error:
            self._enter(RunnerState.DEAD)
            return Failure("start", _cannot_start(interpreter, cwd, error))
        run = _Run(process, on_progress, on_log)
        try:
            outcome = await self._follow(run, encode(request, job), timeout)
        finally:
            _kill(run)
            await _gone(process)
            self._enter(RunnerState.DONE if run.outcome is not None else RunnerState.DEAD)
        return _explain(outcome, memory_limit)

    def _enter(self, state: RunnerState) -> None:
        _LOGGER.debug("runner: %s -> %s", self.state.value, state.value)
        self.state = state

    async def _follow(self, run: _Run, request: bytes, timeout: float | None) -> Outcome:
        """Send the request and read until the last word, the end of the process, or the timeout."""
        tasks = [
            asyncio.ensure_future(self._read_messages(run)),
            asyncio.ensure_future(_read_output(run)),
        ]
        try:
            assert run.process.stdin is not None
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                run.process.stdin.write(request)
                await run.process.stdin.drain()
            ended = await _wait_for_end(run, tasks[0], timeout)
            _kill(run)
            await asyncio.wait(tasks, timeout=1.0)  # what it still had to say
        finally:
            _kill(run)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if run.outcome is not None:
            return run.outcome
        if not ended:
            return Failure("timeout", _too_long(run.phase, timeout), phase=run.phase)
        return _death(run)

    async def _read_messages(self, run: _Run) -> None:
        async for line in _lines(run.process.stdout):
            try:
                message, _ = decode(line)
            except ProtocolError as error:
                run.outcome = Failure("protocol", f"the runner said something else: {error}")
                return
            if isinstance(message, Hello):
                run.hello = message
                if message.protocol != PROTOCOL:
                    run.outcome = Failure("protocol", _other_protocol(message.protocol))
                    return
                self._enter(RunnerState.RUNNING)
            elif isinstance(message, Progress):
                run.phase = message.phase
                run.on_progress(message)
            elif not isinstance(message, Request):
                run.outcome = message
                return


def runner_entry() -> Path:
    """The file the user's Python is started with."""
    spec = find_spec("jaxsight_runner")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).with_name("__main__.py")


class _UnreadableInputs(Exception):  # noqa: N818 - becomes a Failure at once
    """`.jaxsight/inputs.toml` is there and cannot be read."""


def _complete(request: TargetRequest) -> TargetRequest:
    """The request with the project's folder and the inputs recorded there."""
    path = Path(request.path)
    root = Path(request.root) if request.root else project_root(path)
    recorded = request.recorded_input or recorded_input(root, path, request.qualname)
    return replace(request, root=str(root), recorded_input=recorded)


def project_root(path: Path) -> Path:
    """The folder of the project a file belongs to: the nearest that says so, else the file's own."""
    for folder in path.parents:
        if any((folder / name).exists() for name in ("pyproject.toml", "jaxsight.toml", ".git")):
            return folder
    return path.parent


def recorded_input(root: Path, path: Path, qualname: str) -> str | None:
    """The spec `.jaxsight/inputs.toml` holds for a function."""
    place = root / ".jaxsight" / "inputs.toml"
    try:
        data: dict[str, object] = _toml_loads()(place.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, not TOML
        raise _UnreadableInputs(f"cannot read {place}: {error}") from error
    with contextlib.suppress(ValueError):
        path = path.relative_to(root)
    entry = data.get(f"{path.as_posix()}::{qualname}")
    if not isinstance(entry, dict):
        return None
    spec = cast("dict[str, object]", entry).get("inputs")
    return spec if isinstance(spec, str) else None


def _toml_loads() -> Callable[[str], dict[str, object]]:
    return import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads


async def _wait_for_end(run: _Run, reader: asyncio.Future[None], timeout: float | None) -> bool:
    """Wait until it has spoken its last word or ended; False when the time is over.

    Polls the exit code: `Process.wait` waits for the pipes too, which a grandchild may hold open.
    """
    deadline = None if timeout is None else monotonic() + timeout
    while run.process.returncode is None and run.outcome is None:
        if deadline is not None and monotonic() >= deadline:
            return False
        await asyncio.wait([reader], timeout=_POLL)
        if reader.done():
            await asyncio.sleep(_POLL)
    if run.outcome is None:
        await asyncio.wait([reader], timeout=0.5)
    return True


async def _lines(stream: asyncio.StreamReader | None) -> AsyncIterator[bytes]:
    assert stream is not None
    buffer = bytearray()
    while chunk := await stream.read(1 << 16):
        buffer += chunk
        while (end := buffer.find(b"\n")) >= 0:
            yield bytes(buffer[:end])
            del buffer[: end + 1]
        if len(buffer) > _LINE_LIMIT:
            return


async def _read_output(run: _Run) -> None:
    """Pass on what the user's program prints, up to a limit; read on so that it never blocks."""
    stream = run.process.stderr
    assert stream is not None
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while chunk := await stream.read(1 << 16):
        text = decoder.decode(chunk)
        run.tail = (run.tail + text)[-8192:]
        room = _LOG_LIMIT - run.logged
        run.logged += len(text)
        if room > 0:
            run.on_log(Log("output", text[:room]))
            if len(text) > room:
                run.on_log(Log("output", "\n[the program printed more, which is not shown]\n"))


async def _gone(process: asyncio.subprocess.Process) -> None:
    """Wait, not for ever, until a killed process is reaped and its pipes are closed."""
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(process.wait(), timeout=2.0)


def _kill(run: _Run) -> None:
    """Kill the process, its session, and descendants that left the session."""
    if sys.platform == "win32":
        if run.process.returncode is None:
            command = ["taskkill", "/F", "/T", "/PID", str(run.process.pid)]
            subprocess.run(command, capture_output=True, check=False)
        return
    leader = run.process.pid
    run.descendants |= _descendants(leader)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    for pid in run.descendants:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    run.descendants.clear()


def _descendants(leader: int) -> set[int]:
    """Processes below `leader`, where /proc tells; a session of their own does not hide them."""
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


def _death(run: _Run) -> Failure:
    """What a process that ended without a last word died of, as far as its exit code tells."""
    code = run.process.returncode
    text = run.tail.strip()[-4000:] or None
    if run.hello is None:
        words = text.splitlines()[-1] if text else f"exit code {code}"
        return Failure(
            "start", f"the interpreter ended before the runner began: {words}", text, exit_code=code
        )
    during = f"while the runner was in phase {run.phase}"
    if code is None:
        return Failure("crash", f"the runner closed its pipe {during}", text, run.phase)
    if code >= 0:
        message = f"the program ended the process with exit code {code} {during} (`os._exit`?)"
        return Failure("crash", message, text, run.phase, exit_code=code)
    name = signal.Signals(-code).name
    if -code == signal.SIGKILL:
        message = f"the system killed the process {during}: most likely memory ran out"
        return Failure("out-of-memory", message, text, run.phase, exit_code=code)
    kind = "out-of-memory" if _speaks_of_memory(run.tail) else "crash"
    why = "memory ran out" if kind == "out-of-memory" else "a fault in native code"
    return Failure(kind, f"{name} {during}: {why}", text, run.phase, exit_code=code)


def _speaks_of_memory(text: str) -> bool:
    return any(word in text for word in ("bad_alloc", "out of memory", "Cannot allocate memory"))


def _explain(outcome: Outcome, memory_limit: int | None) -> Outcome:
    if isinstance(outcome, Failure) and outcome.kind == "out-of-memory" and memory_limit:
        limit = f"{memory_limit / 2**30:.3g} GiB"
        return replace(outcome, message=f"{outcome.message} (the runner's memory limit is {limit})")
    return outcome


def _too_long(phase: str, timeout: float | None) -> str:
    return f"still in phase {phase} after {timeout:g} s: give more time (`--timeout`) or smaller inputs"


def _other_protocol(number: int) -> str:
    return (
        f"the runner speaks protocol {number}, this client {PROTOCOL}: update the older of the two"
    )


def _cannot_start(interpreter: Path, cwd: Path, error: OSError) -> str:
    if not cwd.is_dir():
        return f"the folder {cwd} does not exist"
    return f"cannot start {interpreter}: {error.strerror or error}; choose another Python"


@contextlib.asynccontextmanager
async def _device_lock(on_progress: OnProgress) -> AsyncGenerator[None]:
    """One run at a time on this machine, by this user: two would spoil each other's times."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with _open_lock() as lock:
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    on_progress(Progress("start", "waiting for another run"))
                    told = True
                await asyncio.sleep(2 * _POLL)
        yield


def _open_lock() -> IO[bytes]:
    """The lock's file, in the first folder that can be written to."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folders = [Path(place) / "jaxsight" for place in (runtime, home) if place]
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return (folder / "device.lock").open("ab")
    return (Path(tempfile.gettempdir()) / f"jaxsight-{os.getuid()}.lock").open("ab")

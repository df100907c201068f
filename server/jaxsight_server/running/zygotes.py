"""Pythons that have imported JAX and wait for jobs: one for each interpreter and environment.

A job is a copy of such a process and starts in a fraction of the time. Where copying is not safe or
would not be the same as a fresh Python, there is none, and the caller starts a process as ever.

They belong to the server: a command that runs once would wait for the import all the same, and for
the next command to find one, somebody would have to stay.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import FileIO
from time import monotonic
from typing import Any, cast

from jaxsight_runner.protocol import TargetRequest
from jaxsight_server.running.launch import Launch, import_folders, runner_entry
from jaxsight_server.running.processes import descendants, kill_all, kill_group

_LOGGER = logging.getLogger(__name__)

_IDLE = 600.0  # seconds that one waits for its next job
_MOST = 2  # each takes some 150 MB
_PATIENCE = 1.0  # seconds
_IMPORTS = re.compile(r"^\s*(?:import|from)\s+(\w+(?:\.\w+)*)(?:\s+import\s+(\w+))?", re.MULTILINE)
_LATE = ("XLA_FLAGS",)  # variables that nothing reads before a job initialises its backend

_Key = tuple[str, frozenset[tuple[str, str]]]


class Zygotes:
    """Those that there are. Belongs to the event loop."""

    def __init__(self, idle: float = _IDLE) -> None:
        self._idle = idle
        self._all: dict[_Key, Zygote] = {}  # the one that was used last comes last
        self._unfit: dict[tuple[_Key, tuple[str, ...]], float] = {}

    @property
    def running(self) -> tuple[int, ...]:
        """The processes that wait."""
        return tuple(zygote.pid for zygote in self._all.values() if zygote.is_alive)

    async def fork(self, launch: Launch) -> Forked | None:
        """A copy for a job; None where a process has to be started for it."""
        folders = import_folders(launch.request)
        key = _key(launch)
        if sys.platform != "linux" or self._is_unfit(key, folders):
            return None
        for attempt in range(2):  # what it imported may have changed, then a new one does it
            zygote = await self._get(key, launch)
            if zygote is None:
                return None
            answer = await self._ask(key, zygote, launch, folders)
            if isinstance(answer, Forked):
                return answer
            _LOGGER.info("a Python that waited for jobs is not used: %s", answer.why)
            if answer.kind == "busy":
                return None
            if answer.kind != "stale" or attempt:
                self._unfit[key, folders] = monotonic()
                return None
        return None

    async def _ask(
        self, key: _Key, zygote: Zygote, launch: Launch, folders: tuple[str, ...]
    ) -> Forked | Refusal:
        answer: Forked | Refusal | None = None
        try:
            answer = await zygote.fork(launch, folders)
            return answer
        finally:
            if answer is None or answer.ends_it:  # when cancelled, it may copy itself yet
                self._all.pop(key, None)
                zygote.kill()
                await zygote.stop()

    async def stop(self) -> None:
        """End them all."""
        zygotes = list(self._all.values())
        self._all.clear()
        await asyncio.gather(*(zygote.stop() for zygote in zygotes))

    async def _get(self, key: _Key, launch: Launch) -> Zygote | None:
        zygote = self._all.pop(key, None)
        if zygote is not None and not zygote.is_alive:
            _LOGGER.info("the Python that waited for jobs has ended; another one is started")
            zygote = None
        if zygote is None:
            idle = [other for other, one in self._all.items() if one.job is None]
            for other in idle[: max(len(self._all) + 1 - _MOST, 0)]:
                await self._all.pop(other).stop()
            try:
                zygote = await _start(launch, self._idle)
            except OSError:  # the process that is started instead says why
                return None
        self._all[key] = zygote
        return zygote

    def _is_unfit(self, key: _Key, folders: tuple[str, ...]) -> bool:
        """Whether none could be used a while ago."""
        since = self._unfit.get((key, folders))
        return since is not None and monotonic() - since < self._idle


@dataclass(frozen=True)
class Refusal:
    """Why a zygote makes no copy."""

    kind: str  # "stale": another one would; "unfit": none would; "project": not in these folders; "busy"
    why: str

    @property
    def ends_it(self) -> bool:
        """Whether it is of no use any more."""
        return self.kind in ("stale", "unfit")


@dataclass
class Zygote:
    """One process that waits, and its job."""

    process: asyncio.subprocess.Process
    idle: float
    job: Forked | None = None
    _timer: asyncio.TimerHandle | None = None
    _reader: asyncio.Task[None] | None = None
    _answers: asyncio.Queue[Mapping[str, Any]] = field(
        default_factory=asyncio.Queue[Mapping[str, Any]]
    )
    _stopped: bool = False

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it waits for jobs still."""
        return self.process.returncode is None and not self._stopped

    async def fork(self, launch: Launch, folders: tuple[str, ...]) -> Forked | Refusal:
        """Have a copy made; it reads the request from a pipe that is its own."""
        self._rest()
        pipes = [os.pipe() for _ in range(3)]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        ours = [pipes[0][1], pipes[1][0], pipes[2][0]]
        try:
            answer = await self._ask(_order(launch, folders, theirs))
            pid = answer.get("forked")
            if not isinstance(pid, int):
                return Refusal(str(answer.get("refused", "unfit")), str(answer.get("why")))
            self.job = await _connect(pid, ours, self)
            ours = []
            return self.job
        finally:
            for descriptor in (*theirs, *ours):
                os.close(descriptor)
            self._wait()

    async def stop(self) -> None:
        """End it: it ends its job when its input closes."""
        self._stopped = True
        self._rest()
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), _PATIENCE)
        except asyncio.TimeoutError:  # it imports something
            self.kill()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.process.wait(), _PATIENCE)

    def kill(self) -> None:
        """End it and its job at once."""
        self._stopped = True
        self._rest()
        if self.process.returncode is None:
            below = descendants(self.pid)
            kill_group(self.pid)
            kill_all(below)

    async def _ask(self, order: Mapping[str, object]) -> Mapping[str, Any]:
        if self._reader is None:
            self._reader = asyncio.ensure_future(self._read())
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.process.stdin.write(json.dumps(order).encode("ascii") + b"\n")
        return await self._answers.get()

    async def _read(self) -> None:
        """Take its answers until it ends."""
        assert self.process.stdout is not None
        with contextlib.suppress(ValueError):  # a line without end, which is none of ours
            while line := await self.process.stdout.readline():
                self._take(_answer(line))
        if self.job is not None:
            self.job.lose_parent()
        self._stopped = True
        self._answers.put_nowait({"refused": "stale", "why": "it ended"})

    def _take(self, answer: Mapping[str, Any] | None) -> None:
        if answer is None:
            return  # what was printed when Python started
        if "ended" not in answer:
            self._answers.put_nowait(answer)
        elif self.job is not None and self.job.pid == answer["ended"]:
            self.job.end(answer["status"])
            self.job = None

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        """Stop when no job comes for a while."""
        if not self._stopped:
            self._timer = asyncio.get_running_loop().call_later(self.idle, self._give_up)

    def _give_up(self) -> None:
        if self.job is not None:
            self._wait()
        elif self.process.stdin is not None:
            self._stopped = True
            self.process.stdin.close()


class Forked:
    """A copy that does one job."""

    ends_it = False

    def __init__(
        self,
        pid: int,
        zygote: Zygote,
        sending: asyncio.WriteTransport,
        messages: _Receiving,
        output: _Receiving,
    ) -> None:
        self.pid = pid
        self.messages = messages.reader
        self.output = output.reader
        self._receiving = (messages.transport, output.transport)
        self.exit_code: int | None = None
        self._zygote = zygote
        self._sending = sending
        self._ended = asyncio.Event()
        self._has_parent = True

    @property
    def has_ended(self) -> bool:
        """Whether it has; when the zygote was killed, nobody learns how."""
        if not self._has_parent and not self._ended.is_set():
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                self._ended.set()
        return self._ended.is_set()

    def end(self, status: int) -> None:
        """It ended, and nothing is left below it."""
        self.exit_code = status
        self._ended.set()

    def lose_parent(self) -> None:
        """The zygote was killed; the job goes on."""
        self._has_parent = False

    def send(self, request: bytes) -> None:
        """Give it its request; the pipe stays open, and ends when we do."""
        self._sending.write(request)

    def kill(self, worker: int | None) -> None:
        """Kill it and all that is below it; the zygote sees to what escaped."""
        del worker  # it is the copy
        self._sending.close()
        if self.has_ended:
            return
        below = descendants(self._zygote.pid if self._has_parent else self.pid)
        kill_group(self.pid)
        kill_all(below)

    async def gone(self) -> None:
        """Wait until the zygote says so."""
        deadline = monotonic() + _PATIENCE
        while not self.has_ended and monotonic() < deadline:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 0.05)
        for transport in self._receiving:
            transport.close()


@dataclass(frozen=True)
class _Receiving:
    """Our end of a pipe that a job writes to."""

    reader: asyncio.StreamReader
    transport: asyncio.ReadTransport


async def _start(launch: Launch, idle: float) -> Zygote:
    env = {name: value for name, value in launch.env.items() if name not in _LATE}
    process = await asyncio.create_subprocess_exec(
        str(launch.interpreter),
        "-u",
        str(runner_entry()),
        "zygote",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=env,
        start_new_session=True,
    )
    return Zygote(process, idle)


async def _connect(pid: int, pipes: list[int], zygote: Zygote) -> Forked:
    """Our ends of a job's pipes."""
    loop = asyncio.get_running_loop()
    sending, messages, output = map(FileIO, pipes, ("wb", "rb", "rb"))
    writing, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, sending)
    return Forked(pid, zygote, writing, await _receive(messages), await _receive(output))


async def _receive(file: FileIO) -> _Receiving:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), file
    )
    return _Receiving(reader, transport)


def _order(launch: Launch, folders: tuple[str, ...], pipes: list[int]) -> dict[str, object]:
    text = launch.request.text if isinstance(launch.request, TargetRequest) else ""
    return {
        "job": launch.job,
        "memory": launch.memory_limit or 0,
        "cwd": os.fspath(launch.cwd),
        "client": os.getpid(),
        "pipes": pipes,
        "modules": sorted(imported_modules(text)),
        "folders": folders,
        "environ": {name: launch.env[name] for name in _LATE if name in launch.env},
    }


def imported_modules(text: str) -> set[str]:
    """The modules that a text may import: `a.b` stands for `a` too, `from a import b` for `a.b`."""
    found: set[str] = set()
    for match in _IMPORTS.finditer(text):
        name, member = match.groups()
        parts = name.split(".")
        found |= {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
        if member:
            found.add(f"{name}.{member}")
    return found


def _answer(line: bytes) -> Mapping[str, Any] | None:
    try:
        answer: object = json.loads(line)
    except ValueError:
        return None
    return cast("Mapping[str, Any]", answer) if isinstance(answer, dict) else None


def _key(launch: Launch) -> _Key:
    """What has to be the same for a copy to be as good as a fresh process."""
    env = {(name, value) for name, value in launch.env.items() if name not in _LATE}
    return os.fspath(launch.interpreter), frozenset(env)

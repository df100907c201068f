"""Runs one task in several processes at once, its own or those of the user's launcher, and outlives all of them.

JAX reports a process that died after 100 seconds and one that hangs never, so this watches itself: every process tells
twice a second where it is. The first that fails, dies, falls silent or keeps the others waiting ends them all, and the
failure says which it was. Nothing of them is left when `run` returns.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from jaxsight_runner.protocol import (
    Failure,
    FrameReader,
    Log,
    Outcome,
    Progress,
    ProtocolError,
    Request,
    decode,
)
from jaxsight_server.ranks.commands import Group, commands, remove_job_file
from jaxsight_server.ranks.verdicts import Limits, Watch, cause_of, merged
from jaxsight_server.running.processes import descendants, kill_all

OnProgress = Callable[[Progress], None]
OnLog = Callable[[Log], None]

_POLL = 0.1  # seconds
_GRACE = 0.5  # seconds in which the one that failed first may still say so
_POLITE = 1.0  # seconds that a launcher has to end its processes


@dataclass
class _Process:
    """A process of ours: a rank, or a launcher."""

    process: asyncio.subprocess.Process
    rank: int | None
    tail: str = ""


@dataclass
class _Run:
    """What is known of all of them."""

    on_progress: OnProgress
    on_log: OnLog
    watch: Watch
    processes: list[_Process] = field(default_factory=list[_Process])
    descendants: set[int] = field(default_factory=set[int])


async def run_together(
    request: Request,
    group: Group,
    *,
    interpreter: Path,
    cwd: Path,
    env: Mapping[str, str],
    timeout: float | None,
    memory_limit: int | None,
    on_progress: OnProgress,
    on_log: OnLog,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Outcome:
    """Run a task in a group of processes and return what all of them say."""
    on_progress(Progress("start", f"starting {group.words}"))
    job = uuid.uuid4().hex[:8]
    lines = await commands(group, request, job, interpreter, env, memory_limit or 0)
    run = _Run(on_progress, on_log, Watch(group.processes, limits))
    readers: list[asyncio.Future[None]] = []
    try:
        for number, words in enumerate(lines):
            rank = number if group.launch is None else None
            one = _Process(await _started(words, cwd, env), rank)
            run.processes.append(one)
            readers.append(asyncio.ensure_future(_read_frames(run, one, FrameReader(job))))
            readers.append(asyncio.ensure_future(_read_output(run, one)))
            _greet(one)
        return await _watch(run, timeout)
    except OSError as error:
        return Failure("start", _cannot_start(lines[len(run.processes)][0], error))
    finally:
        await _end(run, polite=group.launch is not None)
        if readers:
            await asyncio.wait(readers, timeout=1.0)  # a pipe that nobody reads is never closed
        for task in readers:
            task.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        remove_job_file(lines)


async def _started(
    words: Sequence[str], cwd: Path, env: Mapping[str, str]
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env={**os.environ, **env},
        start_new_session=True,
    )


def _cannot_start(word: str, error: OSError) -> str:
    return f"cannot start `{word}`: {error.strerror or error}"


def _greet(one: _Process) -> None:
    """A rank that reads a word on its standard input ends when that is closed."""
    assert one.process.stdin is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        one.process.stdin.write(b"go\n")


async def _watch(run: _Run, timeout: float | None) -> Outcome:
    """Until all have said their last word, or one has made that impossible."""
    deadline = None if timeout is None else monotonic() + timeout
    while True:
        await asyncio.sleep(_POLL)
        watch = run.watch
        reports = watch.reports()
        if reports is not None:
            return merged(reports)
        _note_ends(run)
        if watch.has_failed():
            await asyncio.sleep(_GRACE)
            _note_ends(run)
            return cause_of(watch)
        problem = watch.problem(monotonic())
        if problem is not None:
            return problem
        if deadline is not None and monotonic() >= deadline:
            return watch.too_long(timeout or 0.0)


def _note_ends(run: _Run) -> None:
    """Processes that ended without their last word."""
    for one in run.processes:
        code = one.process.returncode
        if code is not None:
            run.watch.ended(one.rank, code, one.tail)


async def _read_frames(run: _Run, one: _Process, reader: FrameReader) -> None:
    stream = one.process.stdout
    assert stream is not None
    buffer = bytearray()
    while chunk := await stream.read(1 << 16):
        buffer += chunk
        while (end := buffer.find(b"\n")) >= 0:
            line = bytes(buffer[:end])
            del buffer[: end + 1]
            if not reader.is_frame(line):  # a launcher's own words
                run.on_log(Log("output", line.decode("utf-8", "replace") + "\n"))
                continue
            whole = reader.read(line)
            while reader.broken:
                run.watch.lost(reader.broken.pop())
            if whole is not None:
                _heard(run, *whole)


def _heard(run: _Run, rank: int, line: bytes) -> None:
    try:
        message, _ = decode(line)
    except ProtocolError as error:
        message = Failure("protocol", f"the runner said something else: {error}")
    if isinstance(message, Progress) and rank == 0:
        run.on_progress(message)
    run.watch.heard(rank, message, monotonic())


async def _read_output(run: _Run, one: _Process) -> None:
    """Pass on what the program prints; what all ranks print alike is shown once, the first one's."""
    stream = one.process.stderr
    assert stream is not None
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while chunk := await stream.read(1 << 16):
        text = decoder.decode(chunk)
        one.tail = (one.tail + text)[-8192:]
        if not one.rank:
            run.on_log(Log("output", text))


async def _end(run: _Run, *, polite: bool) -> None:
    """End all processes: launchers get a moment to end theirs, and what is left is killed."""
    run.on_log = _unheard  # what they say of being ended is no news
    if sys.platform == "win32":
        for one in run.processes:
            if one.process.returncode is None:
                words = ["taskkill", "/F", "/T", "/PID", str(one.process.pid)]
                subprocess.run(words, capture_output=True, check=False)
        return
    for one in run.processes:
        run.descendants |= descendants(one.process.pid)
    if polite:
        _signal(run, signal.SIGTERM)
        end = monotonic() + _POLITE
        while monotonic() < end and any(one.process.returncode is None for one in run.processes):
            await asyncio.sleep(_POLL / 2)
    _signal(run, signal.SIGKILL)
    kill_all(run.descendants)
    for one in run.processes:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(one.process.wait(), timeout=2.0)


def _unheard(_log: Log) -> None:
    """Nobody listens any more."""


def _signal(run: _Run, number: signal.Signals) -> None:
    for one in run.processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(one.process.pid, number)

"""The command lines of a group of processes: our own on this machine, or the user's launcher with the runner behind it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shlex
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxsight_runner.protocol import RankJob, Request, encode, to_json
from jaxsight_server.running.launch import runner_entry

_LONGEST_WORD = 100_000  # characters; Linux takes 131,072 in one word of a command line


@dataclass(frozen=True)
class Group:
    """How many processes, or who starts them."""

    processes: int | None = None
    launch: tuple[str, ...] | None = None  # words before the interpreter

    @property
    def words(self) -> str:
        """As the user would say it."""
        if self.launch is not None:
            return f"`{shlex.join(self.launch)}`"
        return f"{self.processes} processes"


class LaunchError(Exception):
    """The launcher makes no sense."""


def group_of(processes: int | None, launch: str | None) -> Group | None:
    """What the options say; None for a single process of ours."""
    if processes is not None and launch is not None:
        raise LaunchError(
            "give --processes or --launch: the launcher says how many processes there are"
        )
    if launch is not None:
        try:
            words = shlex.split(launch)
        except ValueError as error:
            raise LaunchError(f"--launch {launch!r}: {error}") from error
        if not words:
            raise LaunchError('--launch is empty: give a program, as in --launch "srun -n 4"')
        return Group(launch=tuple(words))
    if processes is None or processes == 1:
        return None
    if processes < 1:
        raise LaunchError(f"--processes {processes}: give a number above 0")
    return Group(processes)


async def commands(
    group: Group,
    request: Request,
    job: str,
    interpreter: Path,
    env: Mapping[str, str],
    memory_limit: int,
) -> list[list[str]]:
    """The words of each process."""
    line = encode(request, job).decode("ascii")
    coordinator = f"127.0.0.1:{await free_port()}"
    start = [str(interpreter), "-u", str(runner_entry()), job, str(memory_limit)]
    if group.launch is not None:
        told = RankJob(line, coordinator=coordinator, env=dict(env))
        return [[*group.launch, *start, _word(told)]]
    count = group.processes or 1
    return [
        [*start, _word(RankJob(line, rank, count, coordinator, dict(env)))] for rank in range(count)
    ]


async def free_port() -> int:
    """A port of this machine's own address that nothing listens on just now, for the coordinator that JAX starts."""

    def closed(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(closed, "127.0.0.1", 0)
    try:
        return int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()


def _word(told: RankJob) -> str:
    """One word of letters that no shell changes (`ssh` gives its words to one); a file where it gets too long."""
    text = json.dumps(to_json(told)).encode("ascii")
    word = base64.urlsafe_b64encode(zlib.compress(text)).decode("ascii")
    if len(word) < _LONGEST_WORD:
        return word
    with tempfile.NamedTemporaryFile(
        "w", encoding="ascii", prefix="jaxsight-job-", suffix=".txt", delete=False
    ) as file:
        file.write(word)
    return f"@{file.name}"


def remove_job_file(lines: Sequence[Sequence[str]]) -> None:
    """Take away what a command line was too short for."""
    for words in lines:
        if words[-1].startswith("@"):
            with contextlib.suppress(OSError):
                Path(words[-1][1:]).unlink()

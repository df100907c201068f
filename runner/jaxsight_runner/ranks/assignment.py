"""What a process of several is told when it starts, and which of them it is."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol import RankJob, from_json


class NoRank(Exception):  # noqa: N818 - becomes a Failure at once
    """Nothing says which of the processes this is."""


@dataclass(frozen=True)
class Rank:
    """Which of how many processes this is, and where the first one waits for the others."""

    number: int
    count: int
    coordinator: Optional[str]  # None: JAX itself knows how to ask the launcher
    method: Optional[str] = None  # JAX's name for the way to ask


def read_assignment(word: str) -> RankJob:
    """From the word on the command line: text that no shell changes, or `@` and a file."""
    packed = Path(word[1:]).read_text("ascii") if word.startswith("@") else word
    data: Any = json.loads(zlib.decompress(base64.urlsafe_b64decode(packed)))
    return from_json(RankJob, data)


def rank_of(job: RankJob, environment: Mapping[str, str]) -> Rank:
    """As we were told, else as the launcher's variables say; a single process where there are none.

    Only a launcher that we were started by is asked: a shell inside an allocation has its variables too.
    """
    if job.rank is not None and job.processes is not None:
        return Rank(job.rank, job.processes, job.coordinator)
    for rank, count, here, method in _LAUNCHERS:
        if rank in environment and count in environment:
            number, processes = int(environment[rank]), int(environment[count])
            local = _local(environment, here, processes)
            if processes == 1:
                return Rank(0, 1, None)
            given = environment.get("JAX_COORDINATOR_ADDRESS") or (
                job.coordinator if local else None
            )
            if given is None and method is None:
                raise NoRank(
                    f"the launcher started {processes} processes on several hosts, and nothing says where the first "
                    "one is: set JAX_COORDINATOR_ADDRESS to host:port"
                )
            return Rank(number, processes, given, None if given else method)
    return Rank(0, 1, None)


def _local(environment: Mapping[str, str], here: str, processes: int) -> bool:
    """Whether all processes are on this host."""
    words = environment.get(here, "")
    return words.split("(")[0] == str(processes) and "," not in words


# the rank, how many there are, how many are on this host, and what JAX calls asking this launcher itself
_LAUNCHERS = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", "ompi"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE", "slurm"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS", None),
)

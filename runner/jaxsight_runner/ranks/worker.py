"""One of several processes that do one task together."""

from __future__ import annotations

import faulthandler
import os
import platform
from typing import cast

from jaxsight_runner.protocol import (
    PROTOCOL,
    REQUESTS,
    Failure,
    Hello,
    Outcome,
    ProtocolError,
    Request,
    Up,
    decode,
)
from jaxsight_runner.ranks.assignment import NoRank, Rank, rank_of, read_assignment
from jaxsight_runner.ranks.joining import join
from jaxsight_runner.ranks.telling import RankWire, stay, tick
from jaxsight_runner.worker import Job, installed_version, leave, limit_memory, run_request


def run_rank(job_id: str, memory_limit: int, word: str) -> int:
    """Run the task that the word on the command line holds, together with the others."""
    assignment = read_assignment(word)
    os.environ.update(assignment.env)
    # else SIGTERM, with which launchers end their processes, is swallowed
    os.environ.setdefault("JAX_ENABLE_PREEMPTION_SERVICE", "0")
    problem, rank = None, Rank(0, 1, None)
    try:
        rank = rank_of(assignment, os.environ)
    except NoRank as error:
        problem = Failure("start", str(error))
    wire = RankWire(job_id, rank.number)
    faulthandler.enable()
    wire.send(Hello(PROTOCOL, platform.python_version(), installed_version("jax"), os.getpid()))
    wire.send(Up(rank.number, rank.count, os.getpid()))
    wire.end_with_client()
    limit_memory(memory_limit)
    job = Job(wire, rank.number, rank.count)
    tick(job, wire)
    wire.send(problem or _outcome(assignment.request, rank, job))
    stay()
    leave()
    return 0


def _outcome(line: str, rank: Rank, job: Job) -> Outcome:
    try:
        message, _ = decode(line.encode("ascii"))
    except ProtocolError as error:
        return Failure("protocol", str(error))
    assert isinstance(message, REQUESTS)

    def ready() -> None:
        if rank.count > 1:
            job.enter("start", f"waiting for {rank.count} processes")
            join(rank)

    return run_request(cast("Request", message), job, ready)

"""Who else uses the machine while a run begins: what makes times say less than they seem to."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from pathlib import Path

from jaxsight_runner.protocol import BenchmarkReport, Outcome

_TIMEOUT = 5.0  # seconds: `nvidia-smi` takes its time when it wakes the driver
_QUERY = ("--query-compute-apps=pid,process_name,used_memory", "--format=csv,noheader,nounits")


async def beside_neighbours(run: Awaitable[Outcome]) -> Outcome:
    """What comes of a run; where times count, it says who else used the device when the run began."""
    load = busy_processor()
    asked = asyncio.ensure_future(_gpu_users())  # while the run starts, which takes longer
    try:
        outcome = await run
        if not isinstance(outcome, BenchmarkReport):
            return outcome
        on_gpu = outcome.environment.platform in ("gpu", "cuda")
        words = not_alone(load, await asked if on_gpu else [])
    finally:
        asked.cancel()
    return replace(outcome, notes=(*outcome.notes, words)) if words else outcome


def not_alone(load: str | None, users: Sequence[str]) -> str | None:
    """One sentence on who else uses the machine; None where nobody does."""
    found = [load] if load else []
    if users:
        found.append(f"the GPU was used by {', '.join(users)}")
    if not found:
        return None
    return f"not alone when the run began: {', and '.join(found)}; times may be longer for it"


def busy_processor() -> str | None:
    """How busy others keep the processor, in words; None where they do not, or nobody can tell."""
    try:
        load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
        runnable = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
    except (OSError, AttributeError, ValueError, IndexError):  # not Linux
        return None
    return is_busy(load, runnable - 1, cores)


def is_busy(load: float, others: int, cores: int) -> str | None:
    """The load of the last minute may be that of a run before: somebody has to want to run right now, too."""
    return f"the load was {load:.1f} on {cores} cores" if load >= cores / 2 and others else None


async def _gpu_users() -> list[str]:
    """The processes that compute on NVIDIA's GPUs; empty where there are none, or nobody can tell."""
    try:
        process = await asyncio.create_subprocess_exec(
            "nvidia-smi", *_QUERY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return []
    try:
        out, _ = await asyncio.wait_for(process.communicate(), _TIMEOUT)
    except asyncio.TimeoutError:
        return []
    finally:
        if process.returncode is None:
            process.kill()
    return gpu_users(out.decode("utf-8", "replace"))


def gpu_users(answer: str) -> list[str]:
    """The users in an answer of `nvidia-smi`, each in words."""
    found: list[str] = []
    for line in answer.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) >= 3 and parts[0].isdecimal():
            memory = f", {parts[-1]} MiB" if parts[-1].isdecimal() else ""
            found.append(f"{Path(', '.join(parts[1:-1])).name} (process {parts[0]}{memory})")
    return found

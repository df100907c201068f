"""How a process ended that did not say so itself, in words."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

from jaxsight_runner.protocol import PIPE_CLOSED, PROTOCOL, Failure, Outcome, Phase, ShardingReport

_FAULTS = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGTRAP", "SIGSYS")


def death(code: int | None, printed: str, phase: Phase, greeted: bool) -> Failure:
    """What a process that ended without a last word died of, as far as its exit code tells."""
    text = printed.strip()[-4000:] or None
    if not greeted:
        words = text.splitlines()[-1] if text else f"exit code {code}"
        message = f"the interpreter ended before the runner began: {words}"
        return Failure("start", message, text, exit_code=code)
    during = f"while the runner was in phase {phase}"
    if code is None or code == PIPE_CLOSED:
        message = f"the program closed the runner's pipe {during} (`os.closerange`?)"
        return Failure("crash", message, text, phase, exit_code=code)
    if code >= 0:
        message = f"the program ended the process with exit code {code} {during} (`os._exit`?)"
        return Failure("crash", message, text, phase, exit_code=code)
    if -code == signal.SIGKILL:
        message = f"the system killed the process {during}: most likely memory ran out"
        return Failure("out-of-memory", message, text, phase, exit_code=code)
    name = _signal(-code)
    if _speaks_of_memory(printed):
        kind, why = "out-of-memory", "memory ran out"
    else:
        kind = "crash"
        why = "a fault in native code" if name in _FAULTS else "a signal that was sent to it"
    return Failure(kind, f"{name} {during}: {why}", text, phase, exit_code=code)


def with_limit(outcome: Outcome, memory_limit: int | None) -> Outcome:
    """Name the limit where memory ran out."""
    if isinstance(outcome, Failure) and outcome.kind == "out-of-memory" and memory_limit:
        limit = f"{memory_limit / 2**30:.3g} GiB"
        return replace(outcome, message=f"{outcome.message} (the runner's memory limit is {limit})")
    return outcome


def too_long(phase: str, timeout: float | None) -> str:
    """What to say when the time is over."""
    return f"still in phase {phase} after {timeout:g} s: give more time (`--timeout`) or smaller inputs"


def stopped(report: ShardingReport, timeout: float | None) -> ShardingReport:
    """What was known when the time was over."""
    return replace(report, unfinished=f"stopped after {timeout:g} s, {report.unfinished}")


def other_protocol(number: int) -> str:
    """What to say to a runner of another release."""
    return (
        f"the runner speaks protocol {number}, this client {PROTOCOL}: update the older of the two"
    )


def cannot_start(interpreter: Path, cwd: Path, error: OSError) -> str:
    """Why there is no process."""
    if not cwd.is_dir():
        return f"the folder {cwd} does not exist"
    return f"cannot start {interpreter}: {error.strerror or error}; choose another Python"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _speaks_of_memory(text: str) -> bool:
    return any(word in text for word in ("bad_alloc", "out of memory", "Cannot allocate memory"))

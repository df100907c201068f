"""What is left of a job when it or its client ends: nothing. Small jobs without JAX, in real processes."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from jaxsight_server.running.processes import descendants, kill_all

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no keeper")

DAEMON = """
def daemon():
    "A program that has left its session and its parent, and ignores what is said to it."
    out, into = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            os.write(into, str(os.getpid()).encode())
            while True:
                time.sleep(100)
        os._exit(0)
    print(os.read(out, 20).decode(), flush=True)
"""


@contextmanager
def start(job: str, before: str = "") -> Generator[subprocess.Popen[str]]:
    """A keeper in a Python of its own, and the job below it; none of them is left."""
    program = "\n".join(
        [
            "import ctypes, os, signal, sys, threading, time",
            "from jaxsight_runner.processes.keeper import run_kept",
            dedent(before),
            DAEMON,
            "def job():",
            *(f"    {line}" for line in dedent(job).strip().splitlines()),
            "    return 0",
            "raise SystemExit(run_kept(job))",
        ]
    )
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            kill_all(descendants(process.pid))
            process.kill()


def is_gone(pid: int, seconds: float = 2.0) -> bool:
    """Wait for a process to end."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("job", "code"),
    [
        ("pass", 0),
        ("os._exit(3)", 3),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("ctypes.string_at(0)", -signal.SIGSEGV),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL", 0),
        ("assert os.getpid() == os.getpgrp() == os.getsid(0)", 0),
    ],
)
def test_a_keeper_ends_as_its_job_does(job: str, code: int) -> None:
    with start(job) as process:
        assert process.stderr is not None
        assert process.wait(30) == code, process.stderr.read()


@pytest.mark.parametrize("end", ["return 0", "os._exit(1)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_daemon_does_not_outlive_its_job(end: str) -> None:
    with start(f"daemon()\n{end}") as process:
        assert process.stdout is not None
        daemon = int(process.stdout.readline())
        process.wait(30)
        assert is_gone(daemon)


def test_nothing_outlives_the_client_not_even_what_keeps_python_from_running() -> None:
    """`PyDLL` holds on to the interpreter's lock, as native code may: no thread of the job can act."""
    job = "daemon()\nprint(os.getpid(), flush=True)\nctypes.PyDLL(None).sleep(1000)"
    with start(job) as process:
        assert process.stdin is not None and process.stdout is not None
        daemon, pid = int(process.stdout.readline()), int(process.stdout.readline())
        process.stdin.close()
        assert is_gone(pid)
        assert is_gone(daemon)
        assert process.wait(5) == 1


def test_a_process_with_threads_is_not_copied() -> None:
    thread = "threading.Thread(target=threading.Event().wait, daemon=True).start()"
    with start("print(os.getpid())", thread) as process:
        assert process.stdout is not None
        assert int(process.stdout.read()) == process.pid


def test_what_a_copy_of_the_job_says_is_not_the_jobs_word() -> None:
    """A program that forks goes on twice: only one of them has a client."""
    program = """
    import os
    from jaxsight_runner.protocol import Progress
    from jaxsight_runner.wire import Wire
    wire = Wire("")
    copied = os.fork()
    if copied:
        os.waitpid(copied, 0)
    wire.send(Progress("start", "parent" if copied else "child"))
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(program)], capture_output=True, text=True, check=True
    )
    assert "parent" in done.stdout and "child" not in done.stdout


def test_waiting_costs_no_time() -> None:
    """A keeper that looked again and again would spoil what its job measures."""
    with start("time.sleep(1)\nprint(os.getppid(), flush=True)\ntime.sleep(0.2)") as process:
        assert process.stdout is not None
        keeper = int(process.stdout.readline())
        status = Path(f"/proc/{keeper}/status").read_text()
        assert keeper == process.pid
    switches = next(line for line in status.splitlines() if line.startswith("voluntary"))
    assert int(switches.split()[1]) < 100, status

"""What user code and the machine can do to a run, beyond `test_survival.py`, and what the user is told.

Jobs are copies of one Python that waits, which spares an import of JAX for each case.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import pytest
from tests.runner.test_keeper import is_gone
from tests.runner.test_zygote import FOREVER

from jaxsight_runner.program.compile_cache import drop_oldest
from jaxsight_runner.protocol import (
    BenchmarkOptions,
    BenchmarkReport,
    BenchmarkRequest,
    Failure,
    Log,
    Outcome,
    Progress,
)
from jaxsight_server.runner_client import RunnerClient
from jaxsight_server.running.neighbours import gpu_users, is_busy, not_alone
from jaxsight_server.running.zygotes import Zygotes

QUICK = BenchmarkOptions(seconds=0.05, warmup_seconds=0.01, minimum_samples=6, extras=False)
PYTHON = Path(sys.executable)


@dataclass(frozen=True)
class Case:
    """A function's body, and what is told of it; no kind: a report."""

    name: str
    body: str
    kind: str = ""
    words: str = ""
    memory_limit: int | None = None
    timeout: float = 60


DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("pid", os.getpid(), flush=True)
        time.sleep(1000)
    os._exit(0)
return x + 1
"""
TAKES_LONG = """
import numpy
# XLA folds constants, one element after the other; not a ramp, which some releases compute anew instead
table = jnp.asarray(numpy.sqrt(numpy.arange(1 << 18, dtype="float32")))
return x + jax.lax.reduce_window(table, 0.0, jax.lax.add, (1 << 15,), (1,), "SAME")[0]
"""

CASES = (
    Case(
        "closes descriptors", "os.closerange(3, 256)\nreturn x", "crash", "closed the runner's pipe"
    ),
    Case(
        "closes descriptors and goes on",
        "os.closerange(3, 256)\nwhile True: pass",
        "crash",
        "closed the runner's pipe",
        timeout=20,
    ),
    Case("forks, and the copy leaves", "if os.fork() == 0: sys.exit(3)\nreturn x + 1"),
    Case("forks, and the copy goes on", "os.fork()\nreturn x + 1"),
    Case("leaves its session", "os.setsid()", "exception", "PermissionError"),
    Case("starts a daemon", DAEMON),
    Case(
        "starts a thread that never ends",
        "threading.Thread(target=threading.Event().wait).start()\nreturn x",
    ),
    Case("ends", "os._exit(3)", "crash", "exit code 3"),
    Case("is told to end", "os.kill(os.getpid(), signal.SIGTERM)", "crash", "SIGTERM"),
    Case("faults", "ctypes.string_at(0)", "crash", "SIGSEGV"),
    Case("aborts", "os.abort()", "crash", "SIGABRT"),
    Case(
        "fills the memory that it may have",
        "found = []\nwhile True: found.append(bytearray(64 << 20))",
        "out-of-memory",
        "memory limit is 6 GiB",
        memory_limit=6 << 30,
    ),
    Case(
        "fills the memory of the device",
        "return jnp.ones((1 << 19, 1 << 18)) * x[0]",
        "out-of-memory",
        "memory ran out",
    ),
    Case("hangs while it is traced", "while True: pass", "timeout", "in phase trace", timeout=3),
    Case("hangs while it is compiled", TAKES_LONG, "timeout", "in phase compile", timeout=8),
)
HEAD = "import ctypes, os, signal, sys, threading, time\nimport jax, jax.numpy as jnp\n"


async def test_whatever_a_function_does_the_user_is_told_and_nothing_is_left(
    tmp_path: Path,
) -> None:
    zygotes = Zygotes()
    wrong: dict[str, object] = {}
    for case in CASES:
        text = f"{HEAD}\ndef f(x):\n{indent(case.body.strip(), '    ')}\n"
        printed: list[str] = []
        start = time.monotonic()
        outcome = await RunnerClient(zygotes).run(
            BenchmarkRequest(str(tmp_path / "a.py"), text, "f", "x: f32[3]", options=QUICK),
            interpreter=PYTHON,
            cwd=tmp_path,
            timeout=case.timeout,
            memory_limit=case.memory_limit,
            on_log=lambda log, printed=printed: printed.append(log.text),
        )
        took = time.monotonic() - start
        if not _is_told(case, outcome) or took > case.timeout + 1:
            wrong[case.name] = (took, outcome)
        for line in "".join(printed).splitlines():
            if line.startswith("pid ") and not is_gone(int(line.split()[1])):
                wrong[case.name] = "something is left"
    (pid,) = zygotes.running
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    await zygotes.stop()
    assert wrong == {}
    assert children == ""


def _is_told(case: Case, outcome: Outcome) -> bool:
    if not case.kind:
        return isinstance(outcome, BenchmarkReport)
    return (
        isinstance(outcome, Failure) and outcome.kind == case.kind and case.words in outcome.message
    )


async def test_a_compilation_that_takes_long_is_cancelled_within_a_second(tmp_path: Path) -> None:
    text = f"{HEAD}\ndef f(x):\n    print('pid', os.getpid(), flush=True)\n{indent(TAKES_LONG, '    ')}"
    compiling = asyncio.Event()
    printed: list[str] = []

    def on_progress(progress: Progress) -> None:
        if progress.phase == "compile":
            compiling.set()

    def on_log(log: Log) -> None:
        printed.append(log.text)

    request = BenchmarkRequest(str(tmp_path / "a.py"), text, "f", "x: f32[3]", options=QUICK)
    run = RunnerClient().run(
        request, interpreter=PYTHON, cwd=tmp_path, on_progress=on_progress, on_log=on_log
    )
    task = asyncio.create_task(run)
    await asyncio.wait_for(compiling.wait(), 60)
    await asyncio.sleep(0.3)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=1)
    assert done
    assert is_gone(int("".join(printed).split()[1]), 0.5)


# -- the server


def test_nothing_outlives_a_server_that_is_killed(tmp_path: Path) -> None:
    wait = "__import__('ctypes').PyDLL(None).sleep(1000)"
    program = f"""
import asyncio
from pathlib import Path
from jaxsight_runner.protocol import BenchmarkRequest
from jaxsight_server.runner_client import RunnerClient
from jaxsight_server.running.zygotes import Zygotes
zygotes = Zygotes()
said = ""
def heard(log):
    global said
    said += log.text
    if said.startswith("pids") and said.endswith("\\n"):
        print(said.strip(), *zygotes.running, flush=True)
asyncio.run(RunnerClient(zygotes).run(
    BenchmarkRequest({str(tmp_path / "a.py")!r}, {FOREVER.replace("WAIT", wait)!r}, "f", "x: f32"),
    interpreter=Path({sys.executable!r}), cwd=Path({str(tmp_path)!r}), on_log=heard,
))
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        pids = [int(word) for word in server.stdout.readline().split()[1:]]
        server.kill()
    job, away, zygote = pids
    assert (is_gone(job), is_gone(away), is_gone(zygote)) == (True, True, True)


# -- other windows

WINDOW = """
import asyncio, sys
from pathlib import Path
from jaxsight_runner.protocol import BenchmarkRequest
from jaxsight_server.running.device_lock import device_lock
async def main():
    request = BenchmarkRequest("/project/train.py", "", "step", "")
    async with device_lock(request, lambda progress: None):
        print("has it", flush=True)
        await asyncio.sleep(1000)
asyncio.run(main())
"""


async def test_a_second_window_says_whom_it_waits_for_and_goes_on_when_that_dies(
    tmp_path: Path,
) -> None:
    heard: list[str] = []
    waits = asyncio.Event()

    def on_progress(progress: Progress) -> None:
        heard.append(progress.message)
        if progress.message.startswith("waiting"):
            waits.set()

    def start() -> asyncio.Task[Outcome]:
        waits.clear()
        run = RunnerClient().run(
            BenchmarkRequest(str(tmp_path / "a.py"), "def f(: ", "f", ""),
            interpreter=PYTHON,
            cwd=tmp_path,
            on_progress=on_progress,
        )
        return asyncio.create_task(run)

    with subprocess.Popen([sys.executable, "-c", WINDOW], stdout=subprocess.PIPE) as window:
        assert window.stdout is not None
        assert window.stdout.readline() == b"has it\n"
        cancelled = start()
        await asyncio.wait_for(waits.wait(), 20)
        cancelled.cancel()
        done, _ = await asyncio.wait([cancelled], timeout=1)
        assert done
        task = start()
        await asyncio.wait_for(waits.wait(), 20)
        await asyncio.sleep(0.3)
        assert not task.done()
        window.kill()
        outcome = await asyncio.wait_for(task, 30)
    assert isinstance(outcome, Failure) and outcome.kind == "syntax"
    assert "step of train.py" in heard[0] and str(window.pid) in heard[0]
    assert heard.count(heard[0]) == 2  # once for each that waited


# -- the disk


@pytest.mark.parametrize("name", ["a file", "nowhere/at/all"])
async def test_a_runtime_folder_that_cannot_be_used_is_done_without(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / name))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file"))
    request = BenchmarkRequest(str(tmp_path / "a.py"), "def f(: ", "f", "")
    outcome = await RunnerClient().run(request, interpreter=PYTHON, cwd=tmp_path)
    assert isinstance(outcome, Failure) and outcome.kind == "syntax"


PROGRAM = """
import jax.numpy as jnp
def f(x):
    return jnp.sum(jnp.sin(x) @ x)
"""


def jaxsight(*words: str, cwd: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    """A command in a home of its own, through a shell that may set limits first."""
    home = cwd / "home"
    home.mkdir(exist_ok=True)
    others = ("XDG_", "JAX_COMPILATION_CACHE")  # which say where caches lie
    environ = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    command = [sys.executable, "-m", "jaxsight_server.cli", *words, "--python", sys.executable]
    return subprocess.run(
        ["sh", "-c", f'{before} exec "$@"', "sh", *command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**environ, "HOME": str(home), "TMPDIR": str(cwd / "tmp")},
    )


def sizes(folder: Path) -> dict[str, int]:
    """The files that were written, and how large they are."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "a b.py"]
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}


def kinds(folder: Path, cache: str) -> set[str]:
    """What lies in the cache."""
    return {name[len(cache) :].split("/")[0] for name in sizes(folder)}


def test_nothing_is_written_but_in_the_cache_and_a_full_disk_ends_nothing(tmp_path: Path) -> None:
    """The disk is full for files: the shell forbids them any size."""
    folder = tmp_path / "проект é"
    (folder / "tmp").mkdir(parents=True)
    (folder / "a b.py").write_text(PROGRAM)
    target = ("a b.py::f", "--input", "x: f32[8,8]", "--json")
    full = jaxsight("bench", *target, cwd=folder, before="ulimit -f 0;")
    assert full.returncode == 0, full.stderr
    assert {"latency", "target"} <= set(json.loads(full.stdout))
    full = jaxsight("grad", *target, cwd=folder, before="ulimit -f 0;")
    assert json.loads(full.stdout)["verdict"] == "right", full.stderr
    assert "cache" not in full.stderr
    cache = "home/.cache/jaxsight/"
    assert {name: size for name, size in sizes(folder).items() if size} == {}
    assert kinds(folder, cache) <= {"compiled", "device.lock"}
    for command in ("bench", "grad"):
        done = jaxsight(command, *target, cwd=folder)
        assert done.returncode == 0, done.stderr
    found = sizes(folder)
    assert {name for name in found if not name.startswith(cache)} == set()
    assert kinds(folder, cache) == {"compiled", "device.lock", "history", "peaks"}
    assert [name for name, size in found.items() if not size] == [f"{cache}device.lock"]


def test_what_is_kept_of_compiling_is_bounded(tmp_path: Path) -> None:
    """The oldest go first, and what a full disk left empty."""
    (tmp_path / "kind").mkdir()
    for number in range(10):
        place = tmp_path / "kind" / f"{number}-cache"
        place.write_bytes(b"x" * (0 if number == 8 else 100))
        os.utime(place, (number, number))
    drop_oldest(tmp_path, most=1000)
    assert sorted(one.name[0] for one in (tmp_path / "kind").iterdir()) == list("012345679")
    drop_oldest(tmp_path, most=800)
    assert sorted(one.name[0] for one in (tmp_path / "kind").iterdir()) == list("345679")


# -- other users of the device


def test_other_users_are_named() -> None:
    answer = "4711, /usr/bin/python3, 20480\n4712, C:\\a, b, [N/A]\nnonsense\n"
    users = gpu_users(answer)
    assert users == ["python3 (process 4711, 20480 MiB)", "C:\\a, b (process 4712)"]
    words = not_alone("the load was 3.1 on 2 cores", users[:1])
    assert words is not None
    assert "the load was 3.1 on 2 cores" in words and "python3 (process 4711" in words
    assert not_alone(None, []) is None


def test_a_busy_processor_is_noticed_but_not_the_run_before() -> None:
    assert is_busy(3.06, 2, 4) == "the load was 3.1 on 4 cores"
    assert is_busy(3.06, 0, 4) is None
    assert is_busy(1.9, 1, 4) is None

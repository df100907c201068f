"""What user code can do to a runner, and what the user is told. Every test runs a real child."""

from __future__ import annotations

import asyncio
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest
from tests.runner.conftest import Bench

from jaxsight_runner.protocol import (
    BenchmarkReport,
    BenchmarkRequest,
    EnvironmentReport,
    EnvironmentRequest,
    Failure,
    Log,
    Outcome,
    Progress,
    Question,
    decode,
)
from jaxsight_server.runner_client import RunnerClient, RunnerState, runner_entry


def failure(outcome: Outcome) -> Failure:
    assert isinstance(outcome, Failure), outcome
    return outcome


async def test_what_user_code_prints_stays_off_the_wire(bench: Bench) -> None:
    seen = await bench(
        r"""
        import os, subprocess, sys
        import jax.numpy as jnp
        print("to stdout é")
        os.write(1, b"to fd 1 \xff\xfe\n")
        sys.stderr.write("to stderr\n")
        os.write(1, b"x" * (3 << 20) + b"\n")
        print(sys.stdin.read() == "", "stdin is empty")

        def f(x):
            print("while tracing")
            os.system("echo from a child")
            return x + 1
        """,
        "x: f32[3]",
        import_file=True,
    )
    assert isinstance(seen.outcome, BenchmarkReport)
    for words in ("to stdout é", "to fd 1 \ufffd\ufffd", "to stderr", "printed more"):
        assert words in seen.printed
    assert len(seen.printed) < 1_200_000
    assert seen.phases == sorted(
        seen.phases, key=["import", "arguments", "trace", "lower", "compile", "execute"].index
    )


@pytest.mark.parametrize(
    ("text", "kind", "phase", "words"),
    [
        ("def f(x):\n    import os\n    os._exit(3)", "crash", "trace", "exit code 3"),
        (
            "def f(x):\n    import ctypes\n    ctypes.string_at(0)",
            "crash",
            "trace",
            "SIGSEGV",
        ),
        (
            "def f(x):\n    import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)",
            "out-of-memory",
            "trace",
            "the system killed the process",
        ),
        ("def f(x):\n    raise SystemExit(4)", "exception", "trace", "sys.exit(4)"),
        ("def f(x):\n    return x.nope", "exception", "trace", "nope"),
        ("import jax\ndef f(x):\n    if x[0] > 0: return x", "exception", "trace", "TracerBool"),
        ("x = 1\ndef f(x:\n    return x", "syntax", "import", "target.py:2"),
        ("import missing_thing as m\ndef f(x): return m.g(x)", "missing-module", "import", "pip install missing"),
        ("a = 1 / 0\ndef f(x): ...", "import", "import", "ZeroDivisionError"),
        ("def fit(x): ...\ndef g(x): ...", "target", "import", "did you mean `fit`"),
        ("f = 3", "target", "import", "no function but a value of type int"),
        ("class f:\n    def run(self): ...", "target", "import", "name one of its methods, as `f.run`"),
        (
            "import jax.numpy as jnp\ndef f(x):\n    return jnp.zeros((1 << 20, 1 << 20)) + x[0]",
            "out-of-memory",
            "execute",
            "memory ran out",
        ),
    ],
)  # fmt: skip
async def test_a_run_that_fails_says_how_and_in_which_phase(
    bench: Bench, text: str, kind: str, phase: str, words: str
) -> None:
    seen = await bench(text, "x: f32[3]")
    found = failure(seen.outcome)
    assert words in found.message
    if kind == "out-of-memory":  # XLA may notice while compiling
        assert (found.kind, found.phase in (phase, "compile")) == (kind, True)
    else:
        assert (found.kind, found.phase) == (kind, phase)


async def test_an_exception_names_the_innermost_line_of_the_user(bench: Bench) -> None:
    seen = await bench(
        """
        import jax
        import jax.numpy as jnp

        def inner(x):
            return jnp.dot(x, jnp.ones((7, 7)))

        def f(x):
            return jax.vmap(inner)(x)
        """,
        "x: f32[3, 3]",
    )
    found = failure(seen.outcome)
    assert found.line == 6
    assert "jnp.dot(x, jnp.ones((7, 7)))" in (found.traceback or "")
    assert "jaxsight_runner" not in (found.traceback or "")


async def test_a_run_ends_when_its_time_is_over(bench: Bench) -> None:
    seen = await bench("def f(x):\n    while True: pass", "x: f32[3]", timeout=6)
    found = failure(seen.outcome)
    reached = seen.phases or ["start"]  # a slow host may not reach the loop
    assert (found.kind, found.phase) == ("timeout", reached[-1])


async def test_a_memory_limit_is_named_when_it_is_reached(bench: Bench) -> None:
    text = "def f(x):\n    return x + len(bytearray(40 << 30))"
    found = failure((await bench(text, "x: f32[3]", memory_limit=20 << 30)).outcome)
    assert found.kind == "out-of-memory"
    assert "memory limit is 20 GiB" in found.message


async def test_other_threads_and_children_do_not_keep_a_finished_run_alive(bench: Bench) -> None:
    seen = await bench(
        """
        import subprocess, threading

        def f(x):
            threading.Thread(target=threading.Event().wait).start()
            subprocess.Popen(["sleep", "1000"])
            return x
        """,
        "x: f32[3]",
        timeout=60,
    )
    assert isinstance(seen.outcome, BenchmarkReport)


def ended(pid: int, seconds: float) -> bool:
    """Wait for a process to end; a zombie has."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


BUSY = """
import os, subprocess
import jax, jax.numpy as jnp

def f(x):
    same = subprocess.Popen(["sleep", "1000"])
    away = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    print("pids", os.getpid(), same.pid, away.pid)
    return jax.lax.while_loop(lambda x: x[0] < 1e30, lambda x: x * 0.5, x)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through pidfds")
async def test_cancelling_kills_the_whole_tree_within_a_second(tmp_path: Path) -> None:
    pids: list[int] = []
    executing, started = asyncio.Event(), asyncio.Event()

    printed: list[str] = []

    def on_log(log: Log) -> None:
        printed.append(log.text)  # a line may come in pieces
        for line in "".join(printed).splitlines(keepends=True):
            if line.startswith("pids") and line.endswith("\n") and not pids:
                pids.extend(map(int, line.split()[1:]))
                started.set()

    def on_progress(progress: Progress) -> None:
        if progress.phase == "execute":
            executing.set()

    client = RunnerClient()
    request = BenchmarkRequest(str(tmp_path / "a.py"), BUSY, "f", "x: f32[2] in [0.1, 1]")
    task = asyncio.create_task(
        client.run(
            request,
            interpreter=Path(sys.executable),
            cwd=tmp_path,
            on_log=on_log,
            on_progress=on_progress,
        )
    )
    await asyncio.wait_for(asyncio.gather(executing.wait(), started.wait()), 100)
    assert client.state is RunnerState.RUNNING
    start = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - start < 1
    assert len(pids) == 3
    assert [pid for pid in pids if not ended(pid, 0.5)] == []
    assert client.state is RunnerState.DEAD


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through pidfds")
def test_a_runner_does_not_outlive_its_client(tmp_path: Path) -> None:
    script = f"""
import asyncio
from pathlib import Path
from jaxsight_runner.protocol import BenchmarkRequest
from jaxsight_server.runner_client import RunnerClient
asyncio.run(RunnerClient().run(
    BenchmarkRequest({str(tmp_path / "a.py")!r}, {BUSY!r}, "f", "x: f32[2] in [0.1, 1]"),
    interpreter=Path({sys.executable!r}), cwd=Path({str(tmp_path)!r}),
    on_log=lambda log: print(log.text, end="", flush=True),
    on_progress=lambda progress: print(progress.phase, flush=True),
))
"""
    client = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None
    lines: list[str] = []
    for line in client.stdout:  # until it runs compiled code, and will not write to the pipe again
        lines.append(line)
        if {"execute", "pids"} <= {word for heard in lines for word in heard.split()[:1]}:
            break
    pids = next(line for line in lines if line.startswith("pids"))
    runner, same, away = map(int, pids.split()[1:])
    client.kill()
    client.wait()
    client.stdout.close()
    try:
        assert ended(runner, 5)
        assert ended(same, 5)
    finally:  # it left the session, and nobody is there to look for it
        os.kill(away, signal.SIGKILL)


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """A real Python without any packages."""
    folder = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


async def test_a_python_without_jax_is_named(bench: Bench, bare_python: Path) -> None:
    found = failure((await bench("def f(x): ...", "x: f32", python=bare_python)).outcome)
    assert found.kind == "no-jax"
    assert str(bare_python) in found.message


async def test_a_jax_that_is_too_old_is_named(bench: Bench, bare_python: Path) -> None:
    command = [str(bare_python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    )
    (packages / "jax-0.4.20.dist-info").mkdir(parents=True)
    (packages / "jax-0.4.20.dist-info" / "METADATA").write_text("Name: jax\nVersion: 0.4.20\n")
    found = failure((await bench("def f(x): ...", "x: f32", python=bare_python)).outcome)
    assert found.kind == "old-jax"
    assert "0.4.20" in found.message and "0.4.30" in found.message


async def test_a_python_that_is_too_old_is_named(bench: Bench) -> None:
    beside = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which("python3.8"), *beside.glob("3.8.*/bin/python")]
    old = next((Path(item) for item in candidates if item and _starts(item)), None)
    if old is None:
        pytest.skip("there is no Python 3.8 here")
    found = failure((await bench("def f(x): ...", "x: f32", python=old)).outcome)
    assert found.kind == "old-python"


def _starts(python: Path | str) -> bool:
    """A version manager's shim may be there without the Python."""
    try:
        subprocess.run([python, "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


async def test_an_interpreter_that_is_none_is_named(bench: Bench, tmp_path: Path) -> None:
    found = failure((await bench("", "", python=tmp_path / "nothing")).outcome)
    assert found.kind == "start" and "nothing" in found.message
    liar = tmp_path / "liar"
    liar.write_text("#!/bin/sh\necho no python here >&2\nexit 9\n")
    liar.chmod(0o755)
    found = failure((await bench("", "", python=liar)).outcome)
    assert (found.kind, found.exit_code) == ("start", 9)
    assert "no python here" in found.message


def test_the_runner_says_hello_before_it_imports_jax_and_adds_nothing_to_the_path(
    tmp_path: Path,
) -> None:
    """A neighbour of the package must not be importable, and `jax` here cannot be imported."""
    (tmp_path / "jax.py").write_text("raise RuntimeError('imported')")
    shutil.copytree(runner_entry().parent, tmp_path / "lib" / "jaxsight_runner")
    (tmp_path / "lib" / "neighbour.py").write_text("")
    command = [sys.executable, "-u", str(tmp_path / "lib" / "jaxsight_runner" / "__main__.py")]
    done = subprocess.run(
        command,
        input=b'{"type": "Dance"}\n',
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    messages = [decode(line)[0] for line in done.stdout.splitlines()]
    assert [type(message).__name__ for message in messages] == ["Hello", "Failure"]
    assert "unknown message 'Dance'" in failure(messages[1]).message  # type: ignore[arg-type]


async def test_doctor_lists_devices(tmp_path: Path) -> None:
    outcome = await RunnerClient().run(
        EnvironmentRequest(), interpreter=Path(sys.executable), cwd=tmp_path, timeout=100
    )
    assert isinstance(outcome, EnvironmentReport)
    assert outcome.devices and outcome.environment.jax


async def test_two_runs_wait_for_each_other(tmp_path: Path) -> None:
    heard: list[str] = []
    request = BenchmarkRequest(str(tmp_path / "a.py"), "def f(: ", "f", "")

    async def run() -> Outcome:
        return await RunnerClient().run(
            request,
            interpreter=Path(sys.executable),
            cwd=tmp_path,
            on_progress=lambda progress: heard.append(progress.message),
        )

    outcomes = await asyncio.gather(run(), run())
    assert [failure(outcome).kind for outcome in outcomes] == ["syntax", "syntax"]
    waiting = [words for words in heard if words.startswith("waiting for another run")]
    assert len(waiting) == 1 and "f of a.py" in waiting[0]


async def test_a_file_that_runs_more_than_definitions_is_asked_about(bench: Bench) -> None:
    text = dedent("""
        print("ran")
        rows = []
        for i in range(3):
            rows.append(i)
        def f(x): return x + len(rows)
        """)
    seen = await bench(text, "x: f32")
    assert isinstance(seen.outcome, Question)
    assert (seen.outcome.kind, [line.line for line in seen.outcome.lines]) == ("import-file", [4])
    assert "ran" not in seen.printed
    assert isinstance((await bench(text, "x: f32", import_file=True)).outcome, BenchmarkReport)

"""Jobs that are copies of a Python which waits: the same reports, and nothing left when anything dies."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, cast

import pytest
import pytest_asyncio
from tests.runner.test_keeper import is_gone

from jaxsight_runner.protocol import (
    BenchmarkOptions,
    BenchmarkReport,
    BenchmarkRequest,
    DiagnosisRequest,
    EnvironmentRequest,
    Failure,
    GradientsReport,
    GradientsRequest,
    InspectionOptions,
    InspectionRequest,
    Log,
    Outcome,
    Request,
    ShapesReport,
    ShapesRequest,
    TargetRequest,
    to_json,
)
from jaxsight_server.runner_client import RunnerClient
from jaxsight_server.running.launch import Launch
from jaxsight_server.running.zygotes import Zygotes

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each job is started"),
    pytest.mark.asyncio(loop_scope="module"),
]

QUICK = BenchmarkOptions(seconds=0.05, warmup_seconds=0.01, minimum_samples=6, extras=False)
PYTHON = Path(sys.executable)


@pytest.fixture(scope="module", autouse=True)
def _own_lock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """One for all of these tests: other variables would be another zygote."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def zygotes() -> AsyncIterator[Zygotes]:
    """Shared, which spares imports of JAX. None is left."""
    found = Zygotes()
    yield found
    pids = found.running
    await found.stop()
    assert [pid for pid in pids if not is_gone(pid)] == []


async def run(
    zygotes: Zygotes | None,
    request: Request,
    *,
    python: Path = PYTHON,
    env: dict[str, str] | None = None,
    on_log: Callable[[Log], None] | None = None,
    timeout: float = 100,
) -> Outcome:
    """What comes of a request."""
    cwd = Path(request.path).parent if isinstance(request, TargetRequest) else Path.cwd()
    same = {"PYTEST_CURRENT_TEST": "", **(env or {})}  # other variables are another zygote
    return await RunnerClient(zygotes).run(
        request, interpreter=python, cwd=cwd, env=same, timeout=timeout, on_log=on_log
    )


def quick(folder: Path) -> Request:
    """A job that is over soon: its text does not parse."""
    return ShapesRequest(str(folder / "broken.py"), "def f(: ", "f", "")


async def is_done(zygotes: Zygotes, folder: Path, python: Path = PYTHON) -> bool:
    """Whether such a job says so."""
    outcome = await run(zygotes, quick(folder), python=python)
    return isinstance(outcome, Failure) and outcome.kind == "syntax"


# -- the same reports


async def test_a_projects_own_library_is_not_taken_from_elsewhere(
    zygotes: Zygotes, tmp_path: Path
) -> None:
    """First it is not imported beforehand; where it was, for another project, there is no copy."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "optax.py").write_text("def mean(x):\n    return x\n")
    text = "import optax\ndef f(x):\n    return optax.mean(x)\n"
    own = ShapesRequest(str(tmp_path / "own" / "a.py"), text, "f", "x: f32")
    assert isinstance(await run(zygotes, own), ShapesReport)
    (pid,) = zygotes.running
    other = ShapesRequest(str(tmp_path / "b.py"), text.replace("mean(x)", "nope"), "f", "x: f32")
    assert "optax" in str(await run(zygotes, other))
    assert isinstance(await run(zygotes, own), ShapesReport)
    assert zygotes.running == (pid,)


TEXT = """
import jax, jax.numpy as jnp
import optax
import numpy as np

def f(x, key):
    y = jnp.tanh(x @ x.T)
    z = jax.random.normal(key, y.shape)
    return jnp.sum(optax.huber_loss(y, z))
"""
TIMES = {  # fields whose values differ between two runs of the same program
    *(
        "stages",
        "latency",
        "throughput",
        "dispatch_floor",
        "samples",
        "verdict",
        "reasons",
        "notes",
    ),
    *("executable", "message", "detail"),
}


def without_times(value: Any) -> Any:
    """A report's JSON, without what is measured."""
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        if found.get("trouble") == "dispatch":  # a symptom that is told from times
            return None
        return {name: without_times(found[name]) for name in found.keys() - TIMES}
    if isinstance(value, list):
        items = [without_times(item) for item in cast("list[Any]", value)]
        return [item for item in items if item is not None]
    return value


async def test_every_task_reports_what_it_does_in_a_python_of_its_own(
    zygotes: Zygotes, tmp_path: Path
) -> None:
    common = (str(tmp_path / "wörk.py"), TEXT, "f", "x: f32[4,8], key: key")
    requests: list[Request] = [
        BenchmarkRequest(*common, options=QUICK),
        InspectionRequest(*common, options=InspectionOptions(roofline=False)),
        ShapesRequest(*common),
        DiagnosisRequest(*common),
        GradientsRequest(*common),
        EnvironmentRequest(),
    ]
    for request in requests:
        copied = to_json(await run(zygotes, request))
        started = to_json(await run(None, request))
        assert len(zygotes.running) == 1, request
        assert "kind" in copied  # it is a report
        assert without_times(copied) == without_times(started)


PROBE = """
import os, random, sys
import jax, numpy as np
def blas():
    import ctypes
    for path in {line.split()[-1] for line in open("/proc/self/maps") if "openblas" in line}:
        for name in ("scipy_openblas_get_num_threads64_", "openblas_get_num_threads64_",
                     "scipy_openblas_get_num_threads", "openblas_get_num_threads"):
            if hasattr(ctypes.CDLL(path), name):
                return getattr(ctypes.CDLL(path), name)()
print("blas", blas(), os.environ.get("OPENBLAS_NUM_THREADS"))
print("where", os.getcwd(), os.getpgrp() == os.getpid(), sys.argv, sys.path[:1], len(jax.devices()))
print("late", os.environ.get("XLA_FLAGS"), os.environ.get("EARLY"), jax.config.jax_enable_x64)
print("random", np.random.random(), random.random())
print("end")
def f(x):
    return x + 1
"""


async def test_a_job_finds_what_a_fresh_python_would(zygotes: Zygotes, tmp_path: Path) -> None:
    """Threads of OpenBLAS, folder, variables, devices; but random numbers are its own."""
    request = BenchmarkRequest(
        str(tmp_path / "a.py"), PROBE, "f", "x: f32", import_file=True, options=QUICK
    )
    flags = "--xla_force_host_platform_device_count=3"

    async def seen(zygotes: Zygotes | None, env: dict[str, str]) -> dict[str, str]:
        printed: list[str] = []
        outcome = await run(zygotes, request, env=env, on_log=lambda log: printed.append(log.text))
        assert isinstance(outcome, BenchmarkReport), outcome
        lines = "".join(printed).splitlines()
        return {name: rest for name, _, rest in (line.partition(" ") for line in lines)}

    first = await seen(zygotes, {})
    before = zygotes.running
    second = await seen(zygotes, {"XLA_FLAGS": flags})
    assert zygotes.running == before  # nobody reads that variable before the job
    assert first["random"].split()[0] != second["random"].split()[0]
    assert first["random"].split()[1] != second["random"].split()[1]
    started = await seen(None, {"XLA_FLAGS": flags})
    del second["random"], started["random"]
    assert second == started
    early = await seen(zygotes, {"EARLY": "1", "JAX_ENABLE_X64": "1"})
    assert zygotes.running != before
    assert early["late"] == "None 1 True"


async def test_a_variable_that_was_read_before_is_heard_in_a_python_of_its_own(
    zygotes: Zygotes, tmp_path: Path
) -> None:
    """Nor is JAX imported there before the program says how."""
    text = """
    import os
    os.environ["JAX_ENABLE_X64"] = "1"
    def f(x):
        return x + 1
    """
    request = BenchmarkRequest(
        str(tmp_path / "a.py"), dedent(text), "f", "x: f64[3]", import_file=True, options=QUICK
    )
    outcome = await run(zygotes, request)
    assert isinstance(outcome, BenchmarkReport), outcome
    assert outcome.environment.x64
    assert "JAX_ENABLE_COMPILATION_CACHE" not in outcome.environment.flags


# -- whatever dies

FOREVER = """
import os, signal, subprocess, time
def f(x):
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    away = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    print("pids", os.getpid(), away.pid, flush=True)
    WAIT
    return x
"""


class Pids:
    """The processes that a job names, as soon as it does."""

    def __init__(self) -> None:
        self.found: tuple[int, ...] = ()
        self.named = asyncio.Event()
        self._printed = ""

    def hear(self, log: Log) -> None:
        self._printed += log.text
        for line in self._printed.splitlines(keepends=True):
            if line.startswith("pids ") and line.endswith("\n"):
                self.found = tuple(map(int, line.split()[1:]))
                self.named.set()


async def test_killing_a_zygote_loses_nothing(
    zygotes: Zygotes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A job goes on, the next run finds another one, and the log has a line."""
    caplog.set_level(logging.INFO)
    text = FOREVER.replace("WAIT", "time.sleep(2)")
    request = BenchmarkRequest(str(tmp_path / "a.py"), text, "f", "x: f32", options=QUICK)
    pids = Pids()
    task = asyncio.create_task(run(zygotes, request, on_log=pids.hear))
    await asyncio.wait_for(pids.named.wait(), 60)
    *_, zygote = zygotes.running
    os.kill(zygote, signal.SIGKILL)
    assert isinstance(await task, BenchmarkReport)
    assert all(map(is_gone, pids.found))
    assert zygote not in zygotes.running
    assert await is_done(zygotes, tmp_path)
    *_, another = zygotes.running
    assert another != zygote
    os.kill(another, signal.SIGKILL)  # between two jobs
    assert is_gone(another)
    assert await is_done(zygotes, tmp_path)
    assert [record.levelno for record in caplog.records].count(logging.INFO) == 2


async def test_what_is_cancelled_is_gone_and_the_zygote_stays(
    zygotes: Zygotes, tmp_path: Path
) -> None:
    """Within a second, though the job keeps Python from running and ignores polite signals."""
    wait = "__import__('ctypes').PyDLL(None).sleep(1000)"
    text = FOREVER.replace("WAIT", wait)
    request = BenchmarkRequest(str(tmp_path / "a.py"), text, "f", "x: f32", options=QUICK)
    assert await is_done(zygotes, tmp_path)
    before = zygotes.running
    pids = Pids()
    task = asyncio.create_task(run(zygotes, request, on_log=pids.hear))
    await asyncio.wait_for(pids.named.wait(), 60)
    same = {**os.environ, "PYTEST_CURRENT_TEST": ""}
    beside = Launch("beside", quick(tmp_path), PYTHON, tmp_path, same, None)
    assert await zygotes.fork(beside) is None  # one job at a time
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=1)
    assert done
    assert all(is_gone(pid, 0.5) for pid in pids.found)
    late = await run(zygotes, request, timeout=4)
    assert isinstance(late, Failure) and late.kind == "timeout", late
    assert zygotes.running == before


async def test_cancelling_while_a_zygote_starts_leaves_nothing(tmp_path: Path) -> None:
    zygotes = Zygotes()
    request = BenchmarkRequest(str(tmp_path / "a.py"), TEXT, "f", "x: f32", options=QUICK)
    task = asyncio.create_task(run(zygotes, request))
    while not zygotes.running:
        await asyncio.sleep(0.01)
    (pid,) = zygotes.running
    task.cancel()
    await asyncio.wait([task])
    assert is_gone(pid)
    assert zygotes.running == ()


async def test_a_zygote_ends_when_nobody_asks(tmp_path: Path) -> None:
    zygotes = Zygotes(idle=0.2)
    assert await is_done(zygotes, tmp_path)
    pids = zygotes.running
    await asyncio.sleep(0.5)
    assert all(map(is_gone, pids))
    assert zygotes.running == ()
    await zygotes.stop()


# -- what is on the disk


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment of its own that has what this one has."""
    folder = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    site = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site / "here.pth").write_text("\n".join(here) + "\n")
    return python


async def test_another_environment_is_another_zygote(
    zygotes: Zygotes, environment: Path, tmp_path: Path
) -> None:
    """Installing ends the one that waits; a Python that is gone is said to be gone."""
    assert await is_done(zygotes, tmp_path, environment)
    *_, first = zygotes.running
    assert await is_done(zygotes, tmp_path, environment)
    assert zygotes.running[-1] == first
    site = next((environment.parent.parent / "lib").glob("*/site-packages"))
    (site / "new-1.0.dist-info").mkdir()
    assert await is_done(zygotes, tmp_path, environment)
    assert zygotes.running[-1] != first and is_gone(first)
    environment.unlink()
    outcome = await run(zygotes, quick(tmp_path), python=environment)
    assert isinstance(outcome, Failure) and str(environment) in outcome.message


async def test_a_python_that_does_things_when_it_starts(
    zygotes: Zygotes, environment: Path, tmp_path: Path
) -> None:
    """It prints without an end of line, and starts a thread: it is not copied, and works."""
    site = next((environment.parent.parent / "lib").glob("*/site-packages"))
    (site / "sitecustomize.py").write_text(
        "import sys, threading\n"
        "sys.stdout.write('hello from sitecustomize')\nsys.stdout.flush()\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    printed: list[str] = []
    text = "def f(x):\n    return x + 1\n"
    request = GradientsRequest(str(tmp_path / "a.py"), text, "f", "x: f32[3]")
    before = zygotes.running
    outcome = await run(
        zygotes, request, python=environment, on_log=lambda log: printed.append(log.text)
    )
    assert isinstance(outcome, GradientsReport), outcome
    assert "".join(printed).count("hello from sitecustomize") == 1
    assert set(zygotes.running) <= set(before)

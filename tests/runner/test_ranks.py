"""Several processes that do one task together: how they speak, who is to blame, and that nothing is left of them."""

from __future__ import annotations

import stat
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from jaxsight_runner.protocol import (
    FRAME_LIMIT,
    BenchmarkOptions,
    BenchmarkReport,
    BenchmarkRequest,
    Failure,
    FrameReader,
    Outcome,
    Progress,
    Question,
    RankJob,
    ShardingReport,
    ShardingRequest,
    Tick,
    Up,
    frames,
)
from jaxsight_runner.ranks.assignment import NoRank, Rank, rank_of
from jaxsight_server.cli import main
from jaxsight_server.commands import bench
from jaxsight_server.ranks.commands import Group, LaunchError, group_of
from jaxsight_server.ranks.supervisor import run_together
from jaxsight_server.ranks.verdicts import Limits, Watch, cause_of

TWO = Group(processes=2)
QUICK = BenchmarkOptions(seconds=0.1, minimum_samples=6, extras=False)
PROGRAM = """
import os, signal, time
import jax
import jax.numpy as jnp

jax.distributed.initialize()  # as programs do that are started by a launcher

def f(x):
    return jnp.sum(x * x)

def dies(x):
    if jax.process_index() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return jnp.sum(x)

def hangs(x):
    while jax.process_index() == 1:
        time.sleep(0.1)
    return jnp.sum(x)

def raises(x):
    if jax.process_index() == 1:
        raise ValueError("bad data on this host")
    return jnp.sum(x)
"""


async def _together(
    tmp_path: Path, qualname: str, group: Group = TWO, request: type = BenchmarkRequest
) -> tuple[Outcome, str]:
    path = tmp_path / "target.py"
    text = dedent(PROGRAM)
    asked = request(
        str(path), text, qualname, 'x: f32[64] @ P("data")', import_file=True, root=str(tmp_path)
    )
    if isinstance(asked, BenchmarkRequest):
        asked = replace(asked, options=QUICK)
    printed: list[str] = []
    outcome = await run_together(
        asked,
        group,
        interpreter=Path(sys.executable),
        cwd=tmp_path,
        env={},
        timeout=150,
        memory_limit=None,
        on_progress=lambda _progress: None,
        on_log=lambda log: printed.append(log.text),
        limits=Limits(idle=3.0),
    )
    return outcome, "".join(printed)


async def test_two_processes_measure_the_same_calls(tmp_path: Path) -> None:
    report, _ = await _together(tmp_path, "f")
    assert isinstance(report, BenchmarkReport), report
    assert [one.rank for one in report.ranks] == [0, 1]
    assert report.ranks[0].latency.samples == report.ranks[1].latency.samples
    assert report.environment.device_count == 2
    shown = "\n".join(bench.text(report))
    assert "processes   2, each call made by all of them" in shown
    assert "rank 1: " in shown


def test_several_processes_measure_one_function(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "target.py"
    path.write_text("def f(x): ...")
    assert main(["bench", f"{path}::f", "--processes", "2", "--sweep", "B=1,2"]) == 2
    assert "leave --compare, --sweep and --fail-if-slower out" in capsys.readouterr().err
    assert main(["bench", f"{path}::f", "--processes", "2", "--launch", "srun"]) == 2
    assert "give --processes or --launch" in capsys.readouterr().err


LAUNCHER = """#!{python}
import os, subprocess, sys
print("a launcher's own words", flush=True)
processes = []
for rank in range(2):
    own = {{**os.environ, "OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_SIZE": "2"}}
    own["OMPI_COMM_WORLD_LOCAL_SIZE"] = "2"
    given = None if rank == 0 else subprocess.DEVNULL
    processes.append(subprocess.Popen(sys.argv[1:], env=own, stdin=given))
sys.exit(max(one.wait() for one in processes))
"""


async def test_a_launcher_starts_the_processes_and_its_words_are_not_theirs(tmp_path: Path) -> None:
    launcher = tmp_path / "launch it"
    launcher.write_text(LAUNCHER.format(python=sys.executable))
    launcher.chmod(launcher.stat().st_mode | stat.S_IXUSR)
    group = group_of(None, f"'{launcher}'")
    assert group is not None
    report, printed = await _together(tmp_path, "f", group, ShardingRequest)
    assert isinstance(report, ShardingReport), report
    assert (report.processes, report.devices, report.agreement) == (2, 8, None)
    (summed,) = report.collectives
    assert (summed.operation, summed.bytes, summed.group) == ("all-reduce", 4, 8)
    assert "a launcher's own words" in printed
    assert _left(tmp_path) == []


async def test_a_launcher_that_does_not_exist_is_named(tmp_path: Path) -> None:
    outcome, _ = await _together(tmp_path, "f", Group(launch=("no-such-launcher", "-n", "2")))
    assert isinstance(outcome, Failure)
    assert outcome.message == "cannot start `no-such-launcher`: No such file or directory"
    ended, _ = await _together(tmp_path, "f", Group(launch=("false",)))
    assert isinstance(ended, Failure)
    assert (
        "the launcher ended with exit code 1; no process of it has said anything" in ended.message
    )


@pytest.mark.parametrize(
    ("qualname", "kind", "words"),
    [
        ("dies", "crash", "rank 1 was ended by SIGKILL"),
        ("hangs", "timeout", "rank 1 hangs in phase trace, at target.py:1"),
        ("raises", "exception", "rank 1: ValueError: bad data on this host"),
    ],
)
async def test_one_that_fails_ends_all_and_is_named(
    tmp_path: Path, qualname: str, kind: str, words: str
) -> None:
    outcome, _ = await _together(tmp_path, qualname)
    assert isinstance(outcome, Failure)
    assert (outcome.kind, words in outcome.message) == (kind, True), outcome.message
    assert _left(tmp_path) == []


def _left(folder: Path) -> list[str]:
    """Processes that still run in a folder."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if entry.readlink() == folder:
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


def test_frames_are_short_and_survive_what_a_launcher_does_to_them() -> None:
    one, other = b'{"a": "' + b"x" * 5000 + b'"}\n', b'{"b": 1}\n'
    first, second = list(frames(one, "j", 0, 1)), list(frames(other, "j", 1, 1))
    assert all(len(frame) <= FRAME_LIMIT for frame in first)
    reader = FrameReader("j")
    mixed = [first[0], *second, *first[1:]]
    read = [reader.read(b"[1,0]<stdout>:" + frame.rstrip(b"\n")) for frame in mixed]
    assert [item for item in read if item] == [(1, other.rstrip()), (0, one.rstrip())]
    assert not reader.is_frame(b"jaxsight:other:0:1:0:1:{}")
    assert reader.broken == []
    lost = [first[0], first[2], *frames(other, "j", 0, 2)]
    assert [reader.read(frame.rstrip(b"\n")) for frame in lost][-1] == (0, other.rstrip())
    assert reader.broken == [0]


def _watch(*, processes: int = 2) -> Watch:
    watch = Watch(processes, Limits())
    for rank in range(processes):
        watch.heard(rank, Up(rank, processes, 1), 0.0)
        watch.heard(rank, Progress("trace", "tracing"), 0.0)
    return watch


def test_a_slow_one_is_not_one_that_hangs() -> None:
    watch = _watch()
    watch.heard(0, Progress("compile", "compiling"), 1.0)
    for second in range(1, 60):
        for rank in (0, 1):
            watch.heard(rank, Tick("trace", cpu=float(second * rank)), float(second))
        assert watch.problem(float(second)) is None
    for second in range(60, 75):
        watch.heard(1, Tick("trace", 59.0, "/a/train.py", 7), float(second))
    hung = watch.problem(75.0)
    assert hung is not None
    assert (
        hung.message == "rank 1 hangs in phase trace, at train.py:7, while the others wait for it"
    )
    watch.heard(0, Tick("trace", 100.0), 79.0)
    gone = watch.problem(79.0)
    assert gone is not None
    assert "rank 1 has fallen silent, as if it were killed, in phase trace" in gone.message


def test_one_that_gets_little_of_a_busy_machine_does_not_hang() -> None:
    watch = _watch()
    watch.heard(0, Progress("compile", "compiling"), 1.0)
    for step in range(1, 160):
        watch.heard(0, Tick("compile", 0.0), step / 2)
        watch.heard(1, Tick("trace", cpu=0.02 * step), step / 2)
        assert watch.problem(step / 2) is None


def test_one_that_never_starts_and_one_that_says_nothing() -> None:
    watch = Watch(None, Limits())
    watch.heard(0, Up(0, 3, 1), 0.0)
    watch.heard(0, Tick("start", 0.0), 59.0)
    assert watch.problem(59.0) is None
    watch.heard(0, Tick("start", 1.0), 61.0)
    missing = watch.problem(61.0)
    assert missing is not None
    assert missing.message == "rank 1 of 3 never started"
    silent = _watch().problem(21.0)
    assert silent is not None
    assert "rank 0 has been silent for 20 s" in silent.message


def test_who_lost_the_connection_is_not_to_blame() -> None:
    lost = Failure("exception", "XlaRuntimeError: Gloo: connection closed by peer")
    watch = _watch()
    watch.heard(0, lost, 1.0)
    assert "rank 1 is gone" in cause_of(watch).message
    watch.ended(1, -11, "Segmentation fault")
    assert "rank 1 was ended by SIGSEGV" in cause_of(watch).message
    watch.lost(1)
    watch.ended(1, 0, "")
    assert "exit code 0, and a part of what it said was lost on the way" in cause_of(watch).message
    watch.heard(1, Failure("exception", "ValueError: no"), 1.1)
    assert cause_of(watch).message == "rank 1: ValueError: no"
    watch.heard(0, Failure("exception", "ValueError: no"), 1.2)
    assert cause_of(watch).message == "ValueError: no"


def test_a_question_of_one_is_the_question_of_all() -> None:
    watch = _watch()
    watch.heard(1, Question("inputs", "values?"), 1.0)
    assert watch.reports() == [Question("inputs", "values?")]


@pytest.mark.parametrize(
    ("processes", "launch", "words"),
    [
        (2, "srun", "--processes or --launch"),
        (None, "srun 'x", "No closing quotation"),
        (None, " ", "--launch is empty"),
        (0, None, "a number above 0"),
    ],
)
def test_a_group_that_cannot_be_is_one_sentence(
    processes: int | None, launch: str | None, words: str
) -> None:
    with pytest.raises(LaunchError, match=words):
        group_of(processes, launch)


def test_a_launcher_is_asked_and_an_allocation_is_not() -> None:
    told = RankJob("", coordinator="127.0.0.1:5")
    slurm = {
        "SLURM_PROCID": "3",
        "SLURM_STEP_NUM_TASKS": "4",
        "SLURM_STEP_TASKS_PER_NODE": "4",
    }
    assert rank_of(told, {}) == Rank(0, 1, None)
    assert rank_of(told, slurm) == Rank(3, 4, "127.0.0.1:5")
    assert rank_of(told, {**slurm, "SLURM_STEP_TASKS_PER_NODE": "2(x2)"}).method == "slurm"
    assert rank_of(replace(told, rank=1, processes=2), slurm) == Rank(1, 2, "127.0.0.1:5")
    with pytest.raises(NoRank, match="JAX_COORDINATOR_ADDRESS"):
        rank_of(told, {"PMI_RANK": "0", "PMI_SIZE": "2"})

"""What is remembered of runs, and what `--fail-if-slower` makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from jaxsight_server import history
from jaxsight_server.commands.quantities import ago
from jaxsight_server.history import History, Run

JAXSIGHT = (sys.executable, "-m", "jaxsight_server.cli")
RUN = Run(1e9, "h", "def f(x): ...", "cpu", "x: f32", 1e-3, 0.9e-3, 1.1e-3, "ok")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_runs_come_back_in_order_each_function_for_itself() -> None:
    kept = History("/a.py", "f")
    for number in (1, 2):
        kept.add(replace(RUN, median=number * 1e-3))
    runs, problem = History("/a.py", "f").read()
    assert [run.median for run in runs] == [1e-3, 2e-3]
    assert runs[0] == RUN and problem is None
    assert History("/a.py", "g").read() == ([], None)


def test_a_history_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = History("/a.py", "f")
    monkeypatch.setattr(history, "MOST_RUNS", 3)
    for number in range(5):
        kept.add(replace(RUN, time=1 + number))
    assert [run.time for run in kept.read()[0]] == [3, 4, 5]
    monkeypatch.setattr(history, "MOST_BYTES", 2500)
    kept.add(replace(RUN, time=6, text="#" * 1500))
    kept.add(replace(RUN, time=7, text="#" * 1500))
    assert [run.time for run in kept.read()[0]] == [7]
    monkeypatch.setattr(history, "MOST_FUNCTIONS", 2)
    for number, name in enumerate("gh"):
        one = History("/a.py", name)
        one.add(RUN)
        os.utime(one.place, (2e9 + number, 2e9 + number))
    History("/a.py", "h").add(RUN)
    assert kept.read()[0] == [] and History("/a.py", "g").read()[0]


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"time": 1}', "\x00", '"text"'])
def test_what_is_damaged_is_said_in_a_sentence_and_ignored(line: str) -> None:
    kept = History("/a.py", "f")
    kept.add(RUN)
    with kept.place.open("a") as file:
        file.write(line + "\n")
    runs, problem = kept.read()
    assert runs == [RUN]
    assert problem is not None and "1 damaged line" in problem
    kept.add(RUN)
    assert kept.read() == ([RUN, RUN], None)


def test_a_folder_that_cannot_be_written_forgets() -> None:
    history.folder().parent.mkdir(parents=True)
    history.folder().write_text("a file")
    kept = History("/a.py", "f")
    kept.add(RUN)
    assert history.folder().read_text() == "a file"
    assert kept.read()[0] == []


def test_how_long_ago_is_said_in_the_unit_that_fits() -> None:
    assert [ago(seconds) for seconds in (5, 60, 7300, 86400)] == [
        "just now",
        "1 minute ago",
        "2 hours ago",
        "1 day ago",
    ]


SLEEPS = dedent(
    """
    import jax, numpy as np
    from pause import pause
    def wait(x):
        pause(SECONDS)
        return np.asarray(x)
    # jaxsight: inputs x: f32[3]
    def f(x):
        return jax.pure_callback(wait, jax.ShapeDtypeStruct(x.shape, x.dtype), x)
    """
)


class Project:
    """A file whose function sleeps, and a command line that runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "target.py"
        self.helper = folder / "pause.py"
        self.helper.write_text("from time import sleep as pause\n")
        self.sleep(0.002)

    def sleep(self, seconds: float) -> None:
        """Make the function take so long."""
        self.file.write_text(SLEEPS.replace("SECONDS", str(seconds)))

    def bench(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Measure it."""
        environ = {
            **os.environ,
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "PYTHONIOENCODING": "utf-8",
        }
        command = [
            *JAXSIGHT,
            "bench",
            "target.py::f",
            "--quick",
            *words,
            "--python",
            sys.executable,
        ]
        return subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env=environ,
            input="",
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


@pytest.mark.slow
def test_a_function_that_becomes_slower_fails_and_is_not_remembered(project: Project) -> None:
    first = project.bench("--fail-if-slower", "20", "--json")
    assert first.returncode == 0, first.stderr
    found = json.loads(first.stdout)
    assert found["held"]["verdict"] == "no baseline" and "last" not in found
    again = project.bench("--fail-if-slower", "20")
    assert again.returncode == 0, again.stderr
    assert "HELD" in again.stdout and "changed since the run of" in again.stdout
    assert "the same text" in again.stdout
    project.sleep(0.02)
    slower = project.bench("--fail-if-slower", "20")
    assert slower.returncode == 1, slower.stderr
    assert "SLOWER" in slower.stdout and "20 % is allowed" in slower.stdout
    assert "another text" in slower.stdout
    runs, _ = History(str(project.file), "f").read()
    assert len(runs) == 2  # the slow one would be its own baseline


@pytest.mark.slow
def test_what_is_imported_is_judged_by_times_that_were_not_taken_in_turns(project: Project) -> None:
    assert project.bench().returncode == 0
    project.helper.write_text("import time\ndef pause(s): time.sleep(20 * s)\n")
    slower = project.bench("--fail-if-slower", "20", "--json")
    found = json.loads(slower.stdout)["held"]
    assert (slower.returncode, found["verdict"]) == (1, "slower")
    assert "pause.py" in found["message"] and "not be measured in turns" in found["message"]
    project.helper.write_text("import time\ndef pause(s): time.sleep(1.2 * s)\n")
    close = project.bench("--fail-if-slower", "20", "--json")
    assert close.returncode == 0
    assert json.loads(close.stdout)["held"]["verdict"] in ("unsure", "held")


@pytest.mark.slow
def test_what_is_compared_with_is_the_baseline_where_it_is_named(project: Project) -> None:
    project.sleep(0.02)
    (project.folder / "fast.py").write_text(SLEEPS.replace("SECONDS", "0.001"))
    done = project.bench("--compare", "fast.py::f", "--fail-if-slower", "20")
    assert done.returncode == 1 and "slower than fast.py::f" in done.stdout
    project.sleep(0.001)
    (project.folder / "fast.py").write_text(SLEEPS.replace("SECONDS", "0.02"))
    done = project.bench("--compare", "fast.py::f", "--fail-if-slower", "20")
    assert done.returncode == 0 and "HELD" in done.stdout


def test_a_percentage_is_a_number_above_zero(project: Project) -> None:
    for word in ("0", "-3", "much", "nan"):
        done = project.bench(f"--fail-if-slower={word}")
        assert done.returncode == 2 and "no percentage above 0" in done.stderr

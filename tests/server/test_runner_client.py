"""Which Python runs a file, what `bench` and `grad` print, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jaxsight_server.commands.quantities import count, duration, histogram
from jaxsight_server.interpreters import find_interpreter
from jaxsight_server.runner_client import project_root, recorded_input
from jaxsight_server.running.zygotes import imported_modules

JAXSIGHT = (sys.executable, "-m", "jaxsight_server.cli")


def python_in(folder: Path) -> Path:
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return python


def test_the_python_nearest_to_a_file_runs_it(tmp_path: Path) -> None:
    file = tmp_path / "project" / "pkg" / "a.py"
    file.parent.mkdir(parents=True)
    active, path = python_in(tmp_path / "active"), python_in(tmp_path / "path")
    environ = {"PATH": str(path.parent)}
    (path.parent / "python3").symlink_to(sys.executable)

    def found(**named: str) -> tuple[Path, str]:
        interpreter = find_interpreter(file, environ=environ, **named)
        assert interpreter is not None
        return interpreter.path, interpreter.why

    assert found() == (path.parent / "python3", "python3 on PATH")
    environ["CONDA_PREFIX"] = str(active.parent.parent)
    assert found() == (active, "the active environment (CONDA_PREFIX)")
    outer = python_in(tmp_path / "venv")
    assert found()[0] == outer
    inner = python_in(tmp_path / "project" / ".venv")
    assert found()[0] == inner
    assert found(configured=str(tmp_path / "active"))[0] == active
    assert found(explicit="/no/python", configured=str(active))[0] == Path("/no/python")


def test_no_python_is_an_answer(tmp_path: Path) -> None:
    assert find_interpreter(tmp_path / "a.py", environ={"PATH": ""}) is None


def test_a_project_begins_where_its_configuration_lies(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    assert project_root(tmp_path / "a" / "b" / "c.py") == tmp_path


def test_inputs_are_recorded_by_file_and_function(tmp_path: Path) -> None:
    (tmp_path / ".jaxsight").mkdir()
    place = tmp_path / ".jaxsight" / "inputs.toml"
    place.write_text('["a/b.py::M.step"]\ninputs = "x: f32"\n["a/b.py::g"]\nother = 1\n')
    file = tmp_path / "a" / "b.py"
    assert recorded_input(tmp_path, file, "M.step") == "x: f32"
    assert recorded_input(tmp_path, file, "g") is None
    assert recorded_input(tmp_path / "a", file, "M.step") is None


def test_what_a_text_may_import() -> None:
    text = "import jax, os\n  from flax import nnx\nimport a.b.c as d\nfrom .x import y\nimportant = 1\n"
    assert imported_modules(text) == {"jax", "flax", "flax.nnx", "a", "a.b", "a.b.c"}


def test_quantities_are_words() -> None:
    assert [duration(value) for value in (1.5, 0.0123456, 4.2e-6, 3e-9)] == [
        "1.50 s",
        "12.3 ms",
        "4.20 µs",
        "3.00 ns",
    ]
    assert count(1234567, "B") == "1.23 MB"
    assert histogram([1, 1, 1, 2, 3], 3) == "█ ▆"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target.py"
    path.write_text(
        "import jax\nimport jax.numpy as jnp\n\n"
        "def f(x):\n    print('from f')\n    return jnp.sum(jnp.sin(x))\n\n"
        "def wrong(x):\n    return jnp.sum(jax.lax.stop_gradient(x) * x)\n\n"
        "def forever(x):\n    print('busy', flush=True)\n    while True: pass\n"
    )
    (tmp_path / "loop.py").write_text("for i in range(2): print('ran')\ndef f(x): return x + i\n")
    return path


def jaxsight(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(cwd / "run"), "PYTHONIOENCODING": "utf-8"}
    command = [*JAXSIGHT, *words, "--python", sys.executable]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=environ, input=""
    )


def test_bench_prints_a_report_and_keeps_the_programs_output_apart(target: Path) -> None:
    done = jaxsight("bench", "target.py::f", "--input", "x: f32[8]", cwd=target.parent)
    assert done.returncode == 0, done.stderr
    for word in ("latency", "throughput", "stages", "memory", "x: f32[8]", " ± "):
        assert word in done.stdout
    assert "from f" in done.stderr and "from f" not in done.stdout
    assert "jaxsight: measuring latency" in done.stderr


def test_bench_prints_json_for_scripts(target: Path) -> None:
    done = jaxsight("bench", "target.py::f", "--input", "x: f32[8]", "--json", cwd=target.parent)
    report = json.loads(done.stdout)
    wanted = {"stages", "latency", "throughput", "memory", "samples", "verdict", "target"}
    assert wanted <= set(report)
    assert {"median", "low", "high", "unit"} <= set(report["latency"])


def test_inspect_prints_lines_and_programs(target: Path) -> None:
    words = ("inspect", "target.py::f", "--input", "x: f32[8]")
    done = jaxsight(*words, cwd=target.parent)
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if "return jnp.sum" in line)
    assert row.split()[:3] == ["6", "15", "100%"]  # 8 sines and 7 additions
    for word in ("stages", "cost", "memory", "peak", "x: f32[8]"):
        assert word in done.stdout
    shown = jaxsight(*words, "--show", "jaxpr", cwd=target.parent).stdout
    assert any(line.split()[:1] == ["6"] and "sin" in line for line in shown.splitlines())


def test_bench_compares_with_a_revision_and_says_what_that_leaves_out(target: Path) -> None:
    def git(*words: str) -> None:
        user = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", *user, *words], cwd=target.parent, check=True, capture_output=True)

    git("init", "-q")
    git("add", "target.py")
    git("commit", "-q", "-m", "first")
    target.write_text(target.read_text().replace("def f(x):", "def f(x):\n    x = x + 1"))
    words = ("bench", "target.py::f", "--input", "x: f32[8]", "--compare", "HEAD")
    done = jaxsight(*words, "--json", cwd=target.parent)
    found = json.loads(done.stdout)["comparison"]
    assert found["verdict"] in ("faster", "slower", "same", "unsure")
    assert (found["name"], found["results"]) == ("HEAD", "different")
    assert "work tree" in found["notes"][0]
    done = jaxsight(*words, cwd=target.parent)
    assert "they compute different things" in done.stdout and "times as long" in done.stdout


@pytest.mark.parametrize(("name", "code"), [("f", 0), ("wrong", 1)])
def test_grad_ends_with_its_verdict(target: Path, name: str, code: int) -> None:
    done = jaxsight(
        "grad", f"target.py::{name}", "--input", "x: f32[3]", "--json", cwd=target.parent
    )
    assert done.returncode == code, done.stderr
    assert json.loads(done.stdout)["verdict"] == ("right", "wrong")[code]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bench", "target.py"), "names no function"),
        (("bench", "none.py::f"), "cannot read none.py"),
        (("bench", "target.py::g", "--input", "x: f32"), "has no `g`"),
        (("bench", "target.py::f"), '--input "x: f32[8]"'),
        (("bench", "target.py::f", "--compare", "HEAD~1"), "git has no target.py at `HEAD~1`"),
        (("bench", "target.py::f", "--compare=--output=x"), "nor a revision of git"),
        (("bench", "target.py::f", "--compare", "none.py::f"), "cannot read none.py"),
        (("bench", "target.py::f", "--compare", "target.py::f"), "is the function itself"),
        (("grad", "loop.py::f", "--input", "x: f32"), "--import-file"),
        (("grad", "target.py::forever", "--input", "x: f32", "--timeout", "4"), "after 4 s"),
    ],
)
def test_what_cannot_be_run_is_one_clear_sentence(
    target: Path, words: tuple[str, ...], said: str
) -> None:
    done = jaxsight(*words, cwd=target.parent)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_interrupt_ends_the_run_without_a_traceback(target: Path) -> None:
    command = [*JAXSIGHT, "bench", "target.py::forever", "--input", "x: f32"]
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(target.parent / "run")}
    process = subprocess.Popen(
        [*command, "--python", sys.executable],
        cwd=target.parent,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=environ,
    )
    assert process.stderr is not None
    assert any("busy" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait(10) == 130
    assert "Traceback" not in rest

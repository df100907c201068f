"""`jaxsight explain --traceback`, with tracebacks that JAX itself writes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = """\
import jax
import jax.numpy as jnp


def clip(x):
    if x > 0:
        return x
    return -x


@jax.jit
def step(x):
    return clip(x) + 1


if __name__ == "__main__":
    step(jnp.float32(1.0))
"""
TRACEBACK = """\
Traceback (most recent call last):
  File "/home/me/project/train.py", line 17, in <module>
    step(jnp.float32(1.0))
  File "/home/me/project/train.py", line 6, in clip
    if x > 0:
       ^^^^^
jax.errors.TracerBoolConversionError: Attempted boolean conversion of traced array with shape bool[].
"""


def explain(text: str, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jaxsight_server.cli", "explain", *(words or ("--traceback", "-"))],
        cwd=cwd,
        input=text,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_the_finding_at_the_line_is_shown_with_its_fixes(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    done = explain(TRACEBACK.replace("/home/me/project", str(tmp_path)), tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("TracerBoolConversionError: Attempted boolean conversion")
    assert "train.py:6:8: error[traced-if]" in done.stdout
    assert "= help: Use `jnp.where`" in done.stdout
    assert "`step` is compiled by `jax.jit` here" in done.stdout
    assert "`jaxsight explain traced-if`" in done.stdout


def test_a_file_of_another_machine_is_found_here_and_may_have_been_edited(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/train.py").write_text(f"# edited since\n\n{TRAIN}")

    done = explain(TRACEBACK, tmp_path)

    assert "project/train.py:8:8: error[traced-if]" in done.stdout


def test_without_the_file_the_line_in_the_traceback_says_which_rule(tmp_path: Path) -> None:
    done = explain(TRACEBACK, tmp_path)

    assert done.returncode == 0
    assert "/home/me/project/train.py:6, in clip\n    if x > 0:" in done.stdout
    assert "traced-if: Branches in Python on a value that JAX traces." in done.stdout
    assert "As it works:" in done.stdout


def test_a_file_is_read_as_well_as_standard_input(tmp_path: Path) -> None:
    (tmp_path / "error.txt").write_text(TRACEBACK)

    done = explain("", tmp_path, "--traceback", "error.txt")

    assert done.stdout == explain(TRACEBACK, tmp_path).stdout != ""
    missing = explain("", tmp_path, "--traceback", "missing.txt")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "missing.txt: cannot be read" in missing.stderr


def test_an_error_of_no_rule_is_said_to_be_that(tmp_path: Path) -> None:
    done = explain(TRACEBACK.replace("jax.errors.TracerBool", "my.Own"), tmp_path)

    assert done.returncode == 2
    assert "No rule of JAX Sight is about this error." in done.stdout
    assert "train.py:6" in done.stdout


def test_a_text_without_a_traceback_is_refused(tmp_path: Path) -> None:
    done = explain("all is well\n", tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "no traceback was found" in done.stderr


def test_the_same_error_of_several_tests_is_explained_once(tmp_path: Path) -> None:
    done = explain(TRACEBACK + TRACEBACK, tmp_path)

    assert done.stdout.count("As it works:") == 1


@pytest.mark.slow
@pytest.mark.parametrize("filtering", ["auto", "off", "remove_frames", "tracebackhide"])
def test_what_jax_writes_is_understood(tmp_path: Path, filtering: str) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    failed = subprocess.run(
        [sys.executable, "train.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "JAX_TRACEBACK_FILTERING": filtering},
    )
    done = explain(failed.stderr, tmp_path)

    assert failed.returncode == 1
    assert done.returncode == 0
    assert "train.py:6:8: error[traced-if]" in done.stdout

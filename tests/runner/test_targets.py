"""Functions of every kind run: inside others, methods, modules, transformed ones, models of NumPyro."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.runner.conftest import Bench
from tests.runner.target_cases import CASES

from jaxsight_runner.protocol import BenchmarkReport, Question


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What came of all cases, from one process that imports the libraries once."""
    path = tmp_path_factory.mktemp("targets") / "cases.py"
    done = subprocess.run(
        [sys.executable, "-m", "tests.runner.target_cases", str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.target for case in CASES])
def test_a_target_gives_what_a_call_of_it_gives(index: int, outcomes: list[str]) -> None:
    case, outcome = CASES[index], outcomes[index]
    if case.value:
        assert outcome == ""
    else:
        assert case.words in outcome


FACTORY = """
import jax, jax.numpy as jnp
# jaxsight: inputs scale = 2.0
def make(scale, depth):
    # jaxsight: inputs x: f32[B=4]
    @jax.jit
    def step(x):
        for _ in range(depth):
            x = jnp.tanh(x * scale)
        return x
    return step
"""


async def test_a_report_says_what_the_outer_function_was_called_with(bench: Bench) -> None:
    question = (await bench(FACTORY, None, "make.step")).outcome
    assert isinstance(question, Question) and "`make` needs values for `depth`" in question.message
    report = (await bench(FACTORY, "depth = 3", "make.step")).outcome
    assert isinstance(report, BenchmarkReport), report
    assert report.target.qualname == "make.<locals>.step" and report.target.line == 7
    assert [(one.name, one.value, one.source) for one in report.inputs] == [
        ("make.depth", "3", "request"),
        ("make.scale", "2.0", "comment"),
        ("x", "f32[4]", "comment"),
    ]
    assert "`step` is what it was when `make` returned" in report.notes
    assert "the file's own" in report.target.how or "as the file says" in report.target.how

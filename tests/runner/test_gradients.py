"""Gradient checks against known derivatives and planted mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from tests.runner import gradient_cases
from tests.runner.conftest import Bench
from tests.runner.gradient_cases import CASES, FINDINGS, HEAD, ROUNDED, X, custom

from jaxsight_runner.protocol import Failure, GradientsReport
from jaxsight_server.runner_client import runner_entry


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every case, checked in one process, which spares forty imports of jax."""
    folder = tmp_path_factory.mktemp("cases")
    command = [
        sys.executable,
        gradient_cases.__file__,
        str(folder),
        str(runner_entry().parent.parent),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {item["name"]: item for item in found}


def skip_what_is_not_rounded(name: str, outcomes: dict[str, Any]) -> None:
    version: str = outcomes[name].get("environment", {}).get("jax", "")
    if name in ROUNDED and version.startswith("0.4."):
        pytest.skip(f"JAX {version} does not round there")


@pytest.mark.parametrize("name", CASES)
def test_a_gradient_is_judged_right(name: str, outcomes: dict[str, Any]) -> None:
    skip_what_is_not_rounded(name, outcomes)
    _, _, verdict, leaves = CASES[name]
    found = outcomes[name]
    if verdict == "unsupported":
        assert (found["type"], found["kind"]) == ("Failure", "unsupported")
        return
    assert found.get("verdict") == verdict, found
    verdicts = {leaf["path"]: leaf["verdict"] for leaf in found["leaves"]}
    assert {path: verdicts[path] for path in leaves} == leaves, found
    if verdict == "right" and not leaves:
        assert set(verdicts.values()) <= {"right", "kink"}


def text_at(found: dict[str, Any], name: str) -> str:
    line: int = found["culprit"]["line"]
    return (HEAD + CASES[name][0]).splitlines()[line - 1]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("wrong sign", "def bwd(x, g):"),
        ("0.3 % off", "def bwd(x, g):"),
        ("wrong custom_jvp", "@h.defjvp"),
        ("wrong defjvps", "h.defjvps("),
        ("wrong in one of two", "def bwd(x, g):"),
        ("intended, but another is wrong", "k.defvjp("),
    ],
)
def test_the_wrong_rule_is_named(name: str, line: str, outcomes: dict[str, Any]) -> None:
    assert text_at(outcomes[name], name).startswith(line)


@pytest.mark.parametrize("name", FINDINGS)
def test_what_is_to_blame_is_found_with_its_line(name: str, outcomes: dict[str, Any]) -> None:
    skip_what_is_not_rounded(name, outcomes)
    kinds, start = FINDINGS[name]
    found = [item for item in outcomes[name]["findings"] if item["kind"] in kinds.split("|")]
    assert found, outcomes[name]["findings"]
    line: int = found[0]["place"]["line"]
    assert (HEAD + CASES[name][0]).splitlines()[line - 1].strip().startswith(start)


_TOLD_OF_WHAT_IS_RIGHT = {"latent trap": "trap", "reverse through while": "no-reverse"}


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[2] == "right"])
def test_what_is_right_has_no_finding_but_notes(name: str, outcomes: dict[str, Any]) -> None:
    found = outcomes[name].get("findings", [])
    told = {item["kind"] for item in found if item["level"] != "note"}
    assert told <= {_TOLD_OF_WHAT_IS_RIGHT.get(name)}
    assert name == "latent trap" or all(item["kind"] != "trap" for item in found)


def test_the_function_inside_a_gradient_function_is_checked(outcomes: dict[str, Any]) -> None:
    assert any("the function inside it" in note for note in outcomes["gradient function"]["notes"])


def test_the_second_derivative_is_checked_on_request(outcomes: dict[str, Any]) -> None:
    assert outcomes["second derivative"]["second_order"][0]["verdict"] == "right"
    assert outcomes["stopped in a rule"]["second_order"][0]["verdict"] == "wrong"
    assert outcomes["polynomial"]["second_order"] == []


def test_the_convention_of_complex_numbers_is_said(outcomes: dict[str, Any]) -> None:
    assert any("conjugate" in note for note in outcomes["complex"]["notes"])


def test_a_rule_is_named_from_its_first_line_to_its_last(outcomes: dict[str, Any]) -> None:
    rule = outcomes["wrong sign"]["findings"][0]
    assert rule["last_line"] == rule["place"]["line"] + 1


def test_a_stop_that_is_to_blame_is_named(outcomes: dict[str, Any]) -> None:
    assert "stop_gradient" in text_at(outcomes["half stopped"], "half stopped")
    assert [f["kind"] for f in outcomes["half stopped"]["findings"]] == ["cut"]


def test_the_one_wrong_element_is_named(outcomes: dict[str, Any]) -> None:
    assert outcomes["one wrong element"]["leaves"][0]["element"] == [37]


def test_a_declared_mismatch_keeps_its_reason(outcomes: dict[str, Any]) -> None:
    assert outcomes["intended clip"]["intended"] == "clips the gradient on its way back"
    assert outcomes["wrong sign"]["intended"] is None


def test_a_loop_that_has_no_reverse_mode_is_named_and_its_forward_mode_checked(
    outcomes: dict[str, Any],
) -> None:
    found = outcomes["reverse through while"]
    assert found["summary"].startswith("forward mode agrees with differences")
    (told,) = found["findings"]
    assert (told["kind"], told["place"]["line"]) == ("no-reverse", 4)
    assert "reverse mode" in told["message"]


def test_right_gradients_agree_to_many_digits(outcomes: dict[str, Any]) -> None:
    for name in ("polynomial", "dict", "scan", "complex", "right custom rule"):
        assert outcomes[name]["precision"] == "f64"
        assert max(leaf["error"] for leaf in outcomes[name]["leaves"]) < 1e-8
    assert outcomes["hard-coded f32"]["precision"] == "mixed"


async def test_a_check_runs_through_a_real_runner(bench: Bench) -> None:
    seen = await bench(HEAD + custom("-g * 2 * jnp.cos(x)"), X, gradients=True)
    assert isinstance(seen.outcome, GradientsReport)
    assert seen.outcome.verdict == "wrong"
    assert seen.outcome.environment.x64
    assert "compare" in seen.phases


async def test_a_model_of_nnx_is_checked_leaf_by_leaf(bench: Bench) -> None:
    pytest.importorskip("flax.nnx")
    text = """
        import jax.numpy as jnp
        from flax import nnx
        class Model(nnx.Module):
            def __init__(self, rngs):
                self.linear = nnx.Linear(3, 2, rngs=rngs)
                self.dropout = nnx.Dropout(0.5, rngs=rngs)
            def __call__(self, x):
                return jnp.tanh(self.dropout(self.linear(x)))
        def f(model, x): return model(x)
        """
    seen = await bench(text, "model = Model(nnx.Rngs(0)), x: f32[4, 3]", gradients=True)
    assert isinstance(seen.outcome, GradientsReport), seen.outcome
    assert seen.outcome.verdict == "right"
    kernel = next(leaf for leaf in seen.outcome.leaves if "kernel" in leaf.path)
    assert kernel.verdict == "right" and kernel.path.startswith("model")


async def test_an_exception_in_the_function_is_the_users(bench: Bench) -> None:
    seen = await bench("def f(x):\n    return x.nothing", X, gradients=True)
    assert isinstance(seen.outcome, Failure)
    assert (seen.outcome.kind, seen.outcome.line) == ("exception", 2)

"""The examples: what is wrong in them is found, and they work once it is repaired."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from jaxsight_analyzers.registry import all_rules

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
JAXSIGHT = Path(sys.executable).with_name("jaxsight")
SCRIPTS = ("data.py", "heat.py", "regression_numpyro.py", "train_linen.py", "train_nnx.py")
INTERPRETERS = {"3.11": "0.10.", "3.12": "0.12."}  # each resolves to another JAX

FINDINGS = Counter(
    {
        ("data.py", "key-reuse-in-loop"): 1,
        ("heat.py", "array-item-assignment"): 1,
        ("heat.py", "jit-in-loop"): 1,
        ("regression_numpyro.py", "jit-in-loop"): 1,
        ("regression_numpyro.py", "key-reuse"): 1,
        ("train_linen.py", "key-reuse"): 1,
        ("train_linen.py", "numpy-on-traced"): 1,
        ("train_nnx.py", "print-in-trace"): 1,
        ("train_nnx.py", "removed-api"): 1,
        ("train_nnx.py", "traced-if"): 1,
    }
)


def check(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs `jaxsight check` on a folder."""
    return subprocess.run(
        [str(JAXSIGHT), "check", *options, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def findings(folder: Path) -> Counter[tuple[str, str]]:
    """How often each rule reports in each file."""
    report = json.loads(check(folder, "--output-format", "json").stdout)
    assert report["errors"] == []
    return Counter((Path(found["path"]).name, found["rule"]) for found in report["diagnostics"])


def copied(target: Path) -> Path:
    """The examples as they are, elsewhere."""
    target.mkdir()
    for name in (*SCRIPTS, "pyproject.toml"):
        shutil.copy(ROOT / "examples" / name, target)
    return target


def interpreter(version: str) -> Path:
    """The Python of that version that has JAX; skips the test where there is none."""
    for name in (f".venv-{version}", ".venv"):
        python = ROOT / name / "bin" / "python"
        folder = python.parent.parent / "lib" / f"python{version}" / "site-packages"
        if python.exists() and any(folder.glob(f"jax-{INTERPRETERS[version]}*.dist-info")):
            return python
    pytest.skip(f"no environment with Python {version} and JAX {INTERPRETERS[version]}x")


def probed(version: str, folder: Path) -> dict[str, Any]:
    """What `probe.py` saw of the examples in a folder, run by that Python."""
    done = subprocess.run(
        [str(interpreter(version)), str(HERE / "probe.py")],
        cwd=folder,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples after every fix that JAX Sight has, and our own for what needs a person."""
    folder = copied(tmp_path_factory.mktemp("repaired") / "examples")
    check(folder, "--fix", "--unsafe-fixes")
    for patch in sorted(HERE.glob("*.patch")):
        subprocess.run(["git", "apply", str(patch)], cwd=folder, check=True, timeout=30)
    return folder


@pytest.fixture(scope="module", params=INTERPRETERS)
def broken_run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the examples do as they are."""
    return probed(request.param, copied(tmp_path_factory.mktemp("broken") / "examples"))


@pytest.fixture(scope="module", params=INTERPRETERS)
def repaired_run(
    request: pytest.FixtureRequest, repaired: Path, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """What the repaired examples do."""
    folder = tmp_path_factory.mktemp("run") / "examples"
    shutil.copytree(repaired, folder)
    return probed(request.param, folder)


def test_every_planted_mistake_is_found_and_nothing_else() -> None:
    assert findings(ROOT / "examples") == FINDINGS


def test_the_examples_show_stable_rules_of_many_families() -> None:
    families = {rule.name: rule.family for rule in all_rules() if not rule.preview}

    assert len({families[rule] for _, rule in FINDINGS}) >= 6


def test_nothing_is_found_in_the_repaired_examples(repaired: Path) -> None:
    assert findings(repaired) == Counter()


def test_only_the_wrong_derivative_and_what_has_no_fix_need_a_person() -> None:
    assert {patch.stem for patch in HERE.glob("*.patch")} == {"wrong-derivative"}


@pytest.mark.slow
def test_as_they_are_the_examples_fail_or_are_wrong(broken_run: Any) -> None:
    assert broken_run["counted_parameters"].startswith("AttributeError")  # removed-api
    assert broken_run["nnx_step"]["raised"] == "TracerBoolConversionError"  # traced-if
    assert "Tracer" in broken_run["nnx_step"]["printed"]  # print-in-trace
    assert broken_run["linen_training"].startswith("TracerArrayConversionError")  # numpy-on-traced
    assert broken_run["heated_rod"].startswith("TypeError")  # array-item-assignment
    first, second, third = broken_run["shuffled_epochs"]  # key-reuse-in-loop
    assert first == second == third
    assert broken_run["simulated_noise"] > 0.99  # key-reuse
    assert abs(broken_run["posterior"]["slope"] - 2.0) > 0.4
    for compiled in (broken_run["exceedance_compilations"], broken_run["simulation_compilations"]):
        assert compiled[1] - compiled[0] == 3  # jit-in-loop: three more iterations
    assert broken_run["derivative_errors"]["step"] > 0.01
    assert broken_run["derivative_errors"]["solve"] < 1e-5


@pytest.mark.slow
def test_repaired_networks_learn_and_checkpoints_restore_them(repaired_run: Any) -> None:
    training = repaired_run["nnx_training"]
    assert training["last"] < 0.8 * training["first"]
    assert training["accuracy"] > 0.45
    assert training["loaded"] == training["accuracy"]
    assert repaired_run["counted_parameters"] == 123
    assert repaired_run["linen_training"]["last"] < repaired_run["linen_training"]["first"] - 0.5
    assert repaired_run["linen_training"]["error"] < 0.05


@pytest.mark.slow
def test_repaired_step_prints_numbers(repaired_run: Any) -> None:
    step = repaired_run["nnx_step"]
    assert step["raised"] is None
    assert "loss" in step["printed"]
    assert "Tracer" not in step["printed"]


@pytest.mark.slow
def test_repaired_random_numbers_differ_and_the_posterior_is_near_the_truth(
    repaired_run: Any,
) -> None:
    assert len({tuple(order) for order in repaired_run["shuffled_epochs"]}) == 3
    assert abs(repaired_run["simulated_noise"]) < 0.2
    posterior = repaired_run["posterior"]
    assert abs(posterior["intercept"] - 1.0) < 0.15
    assert abs(posterior["slope"] - 2.0) < 0.15
    assert abs(posterior["noise"] - 0.5) < 0.1


@pytest.mark.slow
def test_repaired_loops_compile_once(repaired_run: Any) -> None:
    for compiled in (
        repaired_run["exceedance_compilations"],
        repaired_run["simulation_compilations"],
    ):
        assert compiled[0] == compiled[1]


@pytest.mark.slow
def test_repaired_solver_has_right_derivatives_and_finds_the_bad_spot(repaired_run: Any) -> None:
    assert repaired_run["heated_rod"] == [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    assert repaired_run["derivative_errors"]["solve"] < 1e-5
    assert repaired_run["derivative_errors"]["step"] < 1e-5
    study = repaired_run["heat_study"]
    assert study["error"] < 0.05 * study["error of the first guess"]
    assert abs(study["bad spot"] - 0.6) < 0.05

"""`jaxsight rules`, `explain`, `doctor` and the generated pages, as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def jaxsight(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jaxsight_server.cli", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_rules_lists_every_rule_in_its_family() -> None:
    done = jaxsight("rules")

    assert done.returncode == 0
    assert "prng:\n  constant-key-in-function" in done.stdout
    rows = json.loads(jaxsight("rules", "--output-format", "json").stdout)["rules"]
    assert all(row["name"] in done.stdout for row in rows)
    assert {"name", "family", "severity", "fix", "since", "status"} <= set(rows[0])


def test_explain_prints_the_page_that_is_in_the_documentation() -> None:
    done = jaxsight("explain", "key-reuse")

    assert done.returncode == 0
    assert done.stdout == (ROOT / "docs/rules/key-reuse.md").read_text(encoding="utf-8")


def test_explain_understands_a_former_name_and_suggests_a_near_one() -> None:
    assert jaxsight("explain", "jit-in-loop-or-hot-function").stdout.startswith("# jit-in-loop\n")
    done = jaxsight("explain", "key-reus")

    assert done.returncode == 2
    assert "did you mean `key-reuse`?" in done.stderr


def test_doctor_names_the_python_it_was_given_and_its_jax() -> None:
    done = jaxsight("doctor", "--json", "--python", sys.executable)
    report = json.loads(done.stdout)

    assert done.returncode == 0
    assert report["interpreter"]["path"] == sys.executable
    assert report["environment"]["platform"] == report["devices"][0]["platform"]


def test_doctor_says_which_fixes_are_missing_without_libcst(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['libcst'] = None; from jaxsight_server.cli import main; main()"
    )
    command = [sys.executable, "-c", program, "doctor", "--json", "--python", str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    assert any("libcst" in problem for problem in json.loads(done.stdout)["problems"])


def test_doctor_says_what_is_wrong_with_a_python_that_is_not_there(tmp_path: Path) -> None:
    done = jaxsight("doctor", "--json", "--python", str(tmp_path / "python"), cwd=tmp_path)

    assert done.returncode == 0
    (problem,) = json.loads(done.stdout)["problems"]
    assert str(tmp_path / "python") in problem

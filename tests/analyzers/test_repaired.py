"""Programs with planted mistakes: found, repaired by fixes alone, and run before and after.

How to add one is said in `repaired/__init__.py`.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jaxsight_analyzers.engine import analyse
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile
from tests.analyzers.markers import assert_matches, without_markers
from tests.analyzers.repaired import Project, projects, versions
from tests.analyzers.test_proofs import CHECKS, differences

PROJECTS = projects()
WORKER = Path(__file__).parent / "proofs" / "worker.py"


@pytest.mark.parametrize("project", PROJECTS, ids=str)
def test_its_mistakes_are_found_where_they_were_planted(project: Project) -> None:
    analysis = analyse(SourceFile("before.py", project.code), Config(), versions())

    assert analysis.crashes == ()
    assert_matches(project.code, analysis.diagnostics)


@pytest.mark.parametrize("project", PROJECTS, ids=str)
def test_the_fixes_leave_nothing_to_report(project: Project) -> None:
    after = project.after

    assert after == project.written.read_text(encoding="utf-8"), (
        "python -m tests.analyzers.repaired"
    )
    assert [*analyse(SourceFile("after.py", after), Config(), versions()).diagnostics] == []


@pytest.mark.slow
@pytest.mark.parametrize("project", PROJECTS, ids=str)
def test_it_runs_when_it_is_repaired(project: Project) -> None:
    before, after = outcomes(without_markers(project.code), project.written.read_text("utf-8"))
    what, _, detail = project.before.partition(" ")

    assert "raised" not in after, after.get("message")
    assert differences(after["result"], after["expected"]) == []
    if what == "raises":
        assert detail in before.get("raised", ()), before
    else:
        assert "raised" not in before, before
        CHECKS[what](before, after, detail)


def outcomes(*programs: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(WORKER)],
        input=json.dumps(programs).encode(),
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "0"},
    )
    return pickle.loads(done.stdout)

"""What the model says of real programs is what JAX does with them.

The fast tests compare with `truth/recorded.json`; the slow one asks JAX again. Recall may not fall
below `truth/recall.toml`, and the floors are raised when it rises. `python -m
tests.analyzers.truth.report` prints the tables.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.analyzers.truth import report
from tests.analyzers.truth.compare import Answer, Tally, compare, tally
from tests.analyzers.truth.instrument import instrument
from tests.analyzers.truth.record import RECORDED, digest, listed, read_toml

ROOT = Path(__file__).parents[2]
FLOORS = Path(__file__).parent / "truth" / "recall.toml"
SLACK = 0.1  # a floor that is further below what is reached is to be raised
HALVES = ("tuning", "held back")


@cache
def answers(half: str) -> list[Answer]:
    return report.answers(report.halves()[half])


@cache
def total(half: str) -> Tally:
    return tally(answers(half))


def floors() -> dict[str, Any]:
    return read_toml(FLOORS)


def test_the_programs_are_those_listed_and_half_are_held_back_by_their_names() -> None:
    programs = listed()

    assert sorted(programs) == sorted(p.stem for p in (FLOORS.parent / "programs").glob("*.py"))
    for name, facts in programs.items():
        by_hash = hashlib.sha256(name.encode()).digest()[0] % 2 == 1
        assert facts.get("held_back", False) is by_hash, name


def test_the_recording_is_of_these_texts() -> None:
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))

    stale = [n for n in listed() if recorded[n]["digest"] != digest(report.source_of(n))]
    assert stale == [], "python -m tests.analyzers.truth.record"


def test_what_is_certain_is_right() -> None:
    every = tally([*answers("tuning"), *answers("held back")])
    wrong = [
        f"{a.program}:{a.point.line} {a.point.name or a.point.function}: {a.wrong}, {a.model}"
        for a in answers("tuning")
        if a.wrong
    ]

    assert every.precision >= floors()["precision"], "\n".join(
        [report.table(total(half)) for half in HALVES] + wrong
    )


@pytest.mark.parametrize("half", HALVES)
def test_recall_does_not_fall(half: str) -> None:
    least = floors()[half]
    reached = {
        construct: total(half).recall(construct)
        for construct, counts in total(half).recalled.items()
        if counts["all"] >= 5
    }
    fallen = [c for c, floor in least.items() if reached.get(c, 0.0) < floor]
    many = [c for c in reached if total(half).recalled[c]["all"] >= 30]
    risen = [c for c in many if reached[c] - least.get(c, 0.0) > SLACK]

    assert fallen == [], report.table(total(half))
    assert risen == [], "raise: python -m tests.analyzers.truth.report --floors"


def test_keys_that_jax_saw_used_twice_are_found() -> None:
    seen, found, certain, wrong = report.keys(list(listed()))

    assert wrong == 0
    assert found / seen >= floors()["keys"], (seen, found, certain)


def test_a_question_stands_after_each_binding() -> None:
    source = "def f(x):\n    'd'\n    y, z = x\n    return [a for a in (lambda b: b)(y)]\n"

    asked = instrument(source)

    assert asked.text == (
        'def f(x):\n    """d"""\n    reveal_contexts()\n    reveal_value(x)\n    y, z = x\n'
        "    reveal_value(y)\n    reveal_value(z)\n"
        "    return [reveal_value(a) for a in (lambda b: reveal_value(b))(y)]\n"
    )
    assert sorted(p.name for p in asked.points.values()) == ["", "a", "b", "x", "y", "z"]


@pytest.mark.parametrize(
    ("function", "name", "wrong"),
    [
        ("traced 0 > jit", "abstract", []),
        ("host", "array", ["never traced", "never a tracer"]),
        ("traced 1 > jit > scan", "array", ["never a tracer"]),
        ("traced 0 > jit", "concrete", ["every tracer has a value"]),
        ("traced 0 > vmap", "abstract", ["not by jit"]),
    ],
)
def test_what_jax_contradicts_is_wrong(function: str, name: str, wrong: list[str]) -> None:
    source = "import jax\n@jax.jit\ndef f(x):\n    return x\n"
    seen = {
        f"{line}:{column}": [function if point.binding == "function" else name]
        for (line, column), point in instrument(source).points.items()
    }

    assert [a.wrong for a in compare("a", source, {"seen": seen}) if a.wrong] == wrong


@pytest.mark.slow
def test_jax_still_does_what_was_recorded(tmp_path: Path) -> None:
    anew = tmp_path / "recorded.json"
    command = [sys.executable, "-W", "ignore", "-m", "tests.analyzers.truth.record", "--to", anew]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": ""}, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr[-2000:]
    before = json.loads(RECORDED.read_text(encoding="utf-8"))
    after = json.loads(anew.read_text(encoding="utf-8"))
    assert [name for name in before if before[name] != after.get(name)] == []

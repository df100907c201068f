"""Random edits of real files: whatever was typed before, the findings are those of a fresh analysis.

The fresh analysis reads the whole file and remembers nothing. `JAXSIGHT_FUZZ_SECONDS` makes each of
these tests run that long, from a seed of its own.
"""

from __future__ import annotations

import math
import os
import random
import sysconfig
import time
from itertools import count
from pathlib import Path

import pytest

from jaxsight_analyzers.engine import Analysis, analyse
from jaxsight_analyzers.source import SourceFile
from tests.analyzers.random_edits import FILES, edited, retold
from tests.analyzers.test_incremental import effects

SECONDS = float(os.environ.get("JAXSIGHT_FUZZ_SECONDS", "0"))
_TESTS = Path(__file__).parent
PROGRAMS = sorted(_TESTS.glob("truth/programs/*.py")) + sorted(
    _TESTS.glob("mutation/programs/*.py")
)
ONCE = {"truth/programs/flow_realnvp.py": 1795870293076162391}
"""Programs, and the seeds of edits after which something else was found in them once."""
CHARACTERS = 150_000  # to be analysed for each group of files, where no time is given


def _check(text: str, analysis: Analysis, told: str) -> None:
    fresh = analyse(SourceFile("a.py", text))
    assert analysis.crashes == fresh.crashes == (), told
    assert analysis.diagnostics == fresh.diagnostics, told
    assert effects(analysis) == effects(fresh), told
    assert analysis.diagnostics == fresh.diagnostics, told


def _session(path: Path, seed: int, until: float, characters: float = math.inf) -> tuple[int, int]:
    """Edits a file, several times before it is undone; how often it was Python, and its size."""
    original = path.read_text(encoding="utf-8")
    chance = random.Random(seed)
    history = [original]
    analysis: Analysis | None = None
    valid = broken = read = 0
    for step in range(100):
        if broken > chance.choice((1, 3, 6)):
            history.pop()
            while len(history) > 1 and chance.random() < 0.6:
                history.pop()
        elif step:
            last = history[-1]
            again = (
                retold(last, chance) if chance.random() < 0.6 else edited(last, original, chance)
            )
            history.append(again)
        if not history or len(history[-1]) > 2 * len(original) + 2000:
            history = [original]
        text = history[-1]
        analysis = analyse(SourceFile("a.py", text), previous=analysis)
        read += len(text)
        if analysis.problems:
            broken += 1
            assert analysis.crashes == ()
        else:
            valid, broken = valid + 1, 0
            _check(text, analysis, f"{path}, seed {seed}, edit {step}")
        if time.monotonic() > until or read > characters:
            break
    return valid, read


def _groups() -> dict[str, list[Path]]:
    groups = {path.stem: [path] for path in FILES}
    for number in range(6):
        groups[f"programs-{number}"] = PROGRAMS[number::6]
        if SECONDS:
            groups[f"installed-{number}"] = _installed()[number::6]
    return groups


def _installed() -> list[Path]:
    """The files of the libraries that use JAX most, in no order."""
    site = Path(sysconfig.get_path("purelib"))
    found = [
        path
        for name in ("flax", "jax", "numpyro", "optax")
        for path in site.glob(f"{name}/**/*.py")
    ]
    found = sorted(path for path in found if path.stat().st_size < 60_000)
    random.Random(len(found)).shuffle(found)
    return found


GROUPS = _groups()


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(name, marks=() if name.startswith("programs") else pytest.mark.slow)
        for name in GROUPS
    ],
)
def test_findings_are_those_of_a_fresh_analysis(group: str) -> None:
    files = GROUPS[group]
    until = time.monotonic() + (SECONDS or 60)
    most = math.inf if SECONDS else CHARACTERS
    valid = read = 0
    for seed in count(time.time_ns() if SECONDS else 0):
        more, size = _session(files[seed % len(files)], seed, until, most)
        valid, read = valid + more, read + size
        if time.monotonic() > until or read > most:
            break

    assert valid > 0


@pytest.mark.parametrize("program", ONCE)
def test_findings_that_once_were_others(program: str) -> None:
    valid, _ = _session(_TESTS / program, ONCE[program], time.monotonic() + 60)

    assert valid > 0

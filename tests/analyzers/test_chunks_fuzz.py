"""Random edits of real files: whatever was typed before, a text that is Python is parsed as such.

`JAXSIGHT_FUZZ_SECONDS` makes each of these tests run that long, from a seed of its own.
"""

from __future__ import annotations

import os
import random
import time
from itertools import count
from pathlib import Path

import pytest

from jaxsight_analyzers.source import SourceFile
from jaxsight_analyzers.syntax import classes, pieces
from jaxsight_analyzers.syntax.chunks import Chunks, parse_chunks
from tests.analyzers.parsing import assert_as_parsed
from tests.analyzers.random_edits import FILES, edited

SECONDS = float(os.environ.get("JAXSIGHT_FUZZ_SECONDS", "0"))


def _session(original: str, seed: int, edits: int, until: float) -> int:
    """Edits a text, several times before it is undone; how often it was Python."""
    chance = random.Random(seed)
    history = [original]
    chunks: Chunks | None = None
    valid = broken = 0
    for step in range(edits):
        if broken > chance.choice((1, 3, 6)):
            history.pop()
            while len(history) > 1 and chance.random() < 0.6:
                history.pop()
        elif step:
            history.append(edited(history[-1], original, chance))
        if len(history[-1]) > 2 * len(original) + 2000 or not history:
            history = [original]
        chunks = parse_chunks(SourceFile("a.py", history[-1]), chunks)
        if assert_as_parsed(chunks):
            valid, broken = valid + 1, 0
        else:
            broken += 1
        if time.monotonic() > until:
            break
    return valid


@pytest.mark.parametrize("big", [80, 8], ids=["classes", "small-classes"])
@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}/{path.stem}" for path in FILES])
def test_edits_give_what_the_parser_gives(
    path: Path, big: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "BIG_CLASS", big)
    monkeypatch.setattr(classes, "BIG_CLASS", big)
    original = path.read_text(encoding="utf-8")
    edits = max(800_000 // (len(original) + 6_000), 12)  # a big file takes no longer
    until = time.monotonic() + (SECONDS or 60)
    valid = 0
    for seed in count(time.time_ns() if SECONDS else 0):
        valid += _session(original, seed, edits if not SECONDS else 100, until)
        if not SECONDS or time.monotonic() > until:
            break

    assert valid > edits // 6

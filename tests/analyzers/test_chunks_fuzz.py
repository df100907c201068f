"""Random edits of real files: whatever was typed before, a text that is Python is parsed as such.

`JAXSIGHT_FUZZ_SECONDS` makes each of these tests run that long, from a seed of its own.
"""

from __future__ import annotations

import importlib.util
import os
import random
import time
from itertools import count
from pathlib import Path

import pytest

from jaxsight_analyzers import classes, pieces
from jaxsight_analyzers.chunks import Chunks, parse_chunks
from jaxsight_analyzers.source import SourceFile
from tests.analyzers.parsing import assert_as_parsed

SECONDS = float(os.environ.get("JAXSIGHT_FUZZ_SECONDS", "0"))
TOKENS = (
    *("a", "q", "1", " ", "(", ")", "[", "]", "{", "}", '"', '"""', "'", "'''", ":", "#", "\\"),
    *(
        "\n",
        "@",
        ";",
        "\t",
        ",",
        "    ",
        "\n    ",
        "if x:\n",
        "def f():\n",
        "class A:\n",
        "else:\n",
    ),
    *("except:\n", "try:\n", "@d\n", "\f", "é", "\r", "\r\n", "\\\n", "=", "pass\n", "return "),
    *("\n\n\n", '"""\n', "# c\n", "        ", "    pass\n", "    def g(self):\n        pass\n"),
    *("x = 1\n", " = ", "lambda", 'f"{', "\ufeff", "\x00", "match x:\n", "  case y:\n", "async "),
)
LIBRARIES = {
    "jax": ("version.py", "_src/tree_util.py", "_src/core.py", "_src/abstract_arrays.py"),
    "flax": ("linen/module.py", "linen/attention.py", "core/lift.py", "nnx/rnglib.py"),
    "optax": ("_src/base.py", "schedules/_inject.py", "losses/_classification.py"),
    "numpyro": ("distributions/constraints.py", "distributions/distribution.py", "diagnostics.py"),
}


def files() -> list[Path]:
    found: list[Path] = []
    for library, names in LIBRARIES.items():
        spec = importlib.util.find_spec(library)
        if spec is not None and spec.origin is not None:
            found += [Path(spec.origin).parent / name for name in names]
    return [path for path in found if path.exists()] or sorted(Path(__file__).parent.glob("*.py"))


FILES = files()


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _edited(text: str, original: str, chance: random.Random) -> str:
    """A text after one edit: of a few characters, of lines, or of their indentation."""
    kind = chance.random()
    place = chance.randrange(len(text) + 1)
    if kind < 0.45:
        return text[:place] + chance.choice(TOKENS) + text[place:]
    if kind < 0.55:
        return text[:place] + text[place + chance.choice((1, 1, 1, 2, 5, 20)) :]
    lines = _lines(text) or ["x\n"]
    start = chance.randrange(len(lines))
    if kind < 0.7:
        return "".join(lines[:start] + lines[start + chance.choice((1, 1, 2, 3, 10, 40)) :])
    if kind < 0.85:
        pasted = _lines(original)
        first = chance.randrange(len(pasted))
        pasted = pasted[first : first + chance.choice((1, 1, 2, 5, 30, 120))]
        return "".join(lines[:start] + pasted + lines[start:])
    end = start + chance.choice((1, 1, 3, 10))
    indent = chance.choice(("    ", " ", "\t"))
    if chance.random() < 0.5:
        moved = [indent + line for line in lines[start:end]]
    else:
        moved = [line.removeprefix(indent) for line in lines[start:end]]
    return "".join(lines[:start] + moved + lines[end:])


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
            history.append(_edited(history[-1], original, chance))
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

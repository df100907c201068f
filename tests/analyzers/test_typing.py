"""While something is typed, nearly every state is analysed afresh, and what is found elsewhere stays.

`pytest -s` shows the shares, by what is typed and by whether the editor closes brackets and quotes.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from jaxsight_analyzers.engine import Analysis, analyse
from jaxsight_analyzers.source import SourceFile
from jaxsight_analyzers.syntax.chunks import parse_chunks
from tests.analyzers.parsing import parsed
from tests.analyzers.random_edits import FILES
from tests.analyzers.typing_states import Typed, typed_lines, typed_parts

PROGRAMS = sorted((Path(__file__).parent / "truth" / "programs").glob("*.py"))
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
FEW = "few"
MANY = pytest.param("many", marks=pytest.mark.slow)


@pytest.mark.parametrize("amount", [FEW, MANY])
def test_nearly_every_state_has_a_fresh_tree(amount: str) -> None:
    """At least nine of ten of each kind: of lines, statements, blocks and functions."""
    chance = random.Random(7)
    small = [path for path in FILES if path.stat().st_size < 40_000]
    files = [
        *chance.sample(PROGRAMS, 6 if amount == FEW else 16),
        *small[: 2 if amount == FEW else 8],
    ]
    states: Counter[tuple[str, bool]] = Counter()
    python: Counter[tuple[str, bool]] = Counter()
    fresh: Counter[tuple[str, bool]] = Counter()
    for path in files:
        for part in typed_parts(
            path.read_text(encoding="utf-8"), 1 if amount == FEW else 3, chance
        ):
            for closing in (False, True):
                kind = part.kind, closing
                chunks = parse_chunks(SourceFile("a.py", part.before + part.after))
                for text in part.states(closing=closing):
                    chunks = parse_chunks(SourceFile("a.py", text), chunks)
                    states[kind] += 1
                    python[kind] += not chunks.problems
                    fresh[kind] += not any(chunk.stale for chunk in chunks.chunks)

    for kind, count in sorted(states.items()):
        share = f"{python[kind] / count:.1%} Python, {fresh[kind] / count:.1%} analysed"
        print(f"{kind[0]}, brackets {'closed' if kind[1] else 'open'}: {count} states, {share}")
    assert len(states) == 8
    assert all(fresh[kind] >= 0.97 * count for kind, count in states.items())
    assert sum(python.values()) < 0.7 * sum(states.values())


ON_REQUEST = pytest.param(
    "many",
    marks=pytest.mark.skipif(
        not os.environ.get("JAXSIGHT_FUZZ_SECONDS"),
        reason="known gap: a repair may give a file another meaning elsewhere; JAXSIGHT_FUZZ_SECONDS looks for it",
    ),
)


@pytest.mark.parametrize("amount", [FEW, ON_REQUEST])
def test_findings_elsewhere_stay_while_something_is_typed(amount: str) -> None:
    """What is found before and after is found in each state, and what is found in neither in none that is broken."""
    chance = random.Random(5)
    states = stayed = 0
    for path in [*EXAMPLES, *chance.sample(PROGRAMS, 2 if amount == FEW else 5)]:
        text = path.read_text(encoding="utf-8")
        parts = typed_parts(text, 1 if amount == FEW else 3, chance)
        for part in [*parts, *_beside_findings(text)]:
            if len(part.typed) > (150 if amount == FEW else 1000) or _is_decorated(part):
                continue
            before = _elsewhere(analyse(SourceFile("a.py", part.before + part.after)), part)
            after = _elsewhere(analyse(SourceFile("a.py", text)), part)
            analysis: Analysis | None = None
            for state in part.states(closing=chance.random() < 0.5):
                analysis = analyse(SourceFile("a.py", state), previous=analysis)
                found = _elsewhere(analysis, part)
                states += 1
                stayed += len(before & after)
                assert before & after <= found, state
                if parsed(state) is None:
                    assert found <= before | after, state

    print(f"{states} states, {stayed} findings that stayed")
    assert states > 400
    assert stayed > 400


def _is_decorated(part: Typed) -> bool:
    """Whether what is typed has a decorator, which is one of what follows until there is a `def`."""
    line = part.before.rstrip().rpartition("\n")[2]
    return part.typed.lstrip().startswith("@") or line.lstrip().startswith("@")


def _beside_findings(text: str) -> list[Typed]:
    """The lines before those in which something is found."""
    source = SourceFile("a.py", text)
    lines = {source.line_of(found.span.start) - 1 for found in analyse(source).diagnostics}
    return typed_lines(text, [line for line in sorted(lines) if source.line_text(line).strip()])


def _elsewhere(analysis: Analysis, part: Typed) -> set[tuple[str, int]]:
    """What is found before or after what is typed, and how far from the end of the text that is on.

    The words do not count: they may name what is being typed.
    """
    end = len(analysis.source.text) - len(part.after)
    return {
        (found.rule, found.span.start - (end if found.span.start >= end else 0))
        for found in analysis.diagnostics
        if found.span.end <= len(part.before) or found.span.start >= end
    }

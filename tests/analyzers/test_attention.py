"""Rules are not asked about units in which there is nothing of what they are about: they would find nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jaxsight_analyzers.attention import Attention
from jaxsight_analyzers.diagnostic import Severity
from jaxsight_analyzers.engine import Analysis, analyse
from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.rule import Rule
from jaxsight_analyzers.source import SourceFile
from tests.analyzers.random_edits import FILES

PAGES = sorted((Path(__file__).parent / "mdtest").rglob("*.md"))
PROGRAM = re.compile(r"^```py[^\n]*\n(?P<code>.*?)^```$", re.M | re.S)
ASKED = [(rule, rule.severity) for rule in all_rules()]


def _asked(analysis: Analysis) -> tuple[int, int, list[tuple[str, int]]]:
    """How many rules are asked, how many are not, and which of these would have found something."""
    attention = Attention(ASKED, analysis.model)
    asked = left = 0
    missed: list[tuple[str, int]] = []
    for unit in analysis.model.units:
        chosen: list[tuple[Rule, Severity | None]] = attention.of(unit)
        names = {rule.name for rule, _ in chosen}
        for rule, _ in ASKED:
            if rule.name in names:
                asked += 1
                continue
            left += 1
            if list(rule.check(unit)):
                missed.append((rule.name, unit.number))
    return asked, left, missed


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_rule_that_is_not_asked_would_find_nothing(page: Path) -> None:
    for match in PROGRAM.finditer(page.read_text(encoding="utf-8")):
        analysis = analyse(SourceFile("a.py", match["code"]), rules=all_rules())
        _, _, missed = _asked(analysis)
        assert missed == [], match["code"]


def test_most_rules_are_not_asked_about_most_of_real_code() -> None:
    asked = left = 0
    for path in FILES:
        source = SourceFile(str(path), path.read_text(encoding="utf-8"))
        analysis = analyse(source, rules=all_rules())
        more_asked, more_left, missed = _asked(analysis)
        assert missed == [], path
        asked, left = asked + more_asked, left + more_left
    assert asked < 0.2 * (asked + left)


def test_rules_that_fail_on_nothing_are_asked_always() -> None:
    def fails(unit: object) -> list[object]:
        raise ValueError(unit)

    rule = Rule(name="fails", severity=Severity.ERROR, since="0", check=fails, examples=())  # type: ignore[arg-type]
    analysis = analyse(SourceFile("a.py", "x = 1\n"), rules=(rule,))
    assert len(analysis.crashes) == 1

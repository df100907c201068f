"""Which rules have something to look at in a unit.

Most units are a few lines in which a handful of kinds of things are seen, and a rule is about one or two. What
it is about is learnt from the rule itself: it looks at a unit in which nothing was seen, and what it asks for
there is noted. Where a unit has nothing of that either, it gets the same answers and finds nothing again,
because a rule knows of a file only what it asks the unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from jaxsight_analyzers.diagnostic import Severity
from jaxsight_analyzers.rule import Rule
from jaxsight_analyzers.semantic.blank import BlankUnit

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic import SemanticModel, Unit

Asker = tuple[Rule, "Severity | None"]
"""A rule, and how grave the settings say it is."""


class Attention:
    """What each of some rules is about: kinds of events, and calls of which functions and libraries."""

    def __init__(self, rules: Sequence[Asker], model: SemanticModel) -> None:
        self._rules = rules
        self._always: list[int] = []
        self._by_kind: dict[str, list[int]] = {}
        self._by_name: dict[str, list[int]] = {}
        self._by_library: dict[str, list[int]] = {}
        for number, (rule, _) in enumerate(rules):
            self._learn(number, rule, BlankUnit(model))

    def _learn(self, number: int, rule: Rule, unit: BlankUnit) -> None:
        try:
            found = list(rule.check(unit))
        except Exception:  # it fails on each unit then, where that is noted
            self._always.append(number)
            return
        if found or unit.asked_others or unit.asked_imports or unit.asked_texts:
            self._always.append(number)
            return
        _enter(self._by_kind, unit.asked_kinds, number)
        _enter(self._by_name, unit.asked_names, number)
        _enter(self._by_library, unit.asked_libraries, number)

    def of(self, unit: Unit) -> list[Asker]:
        """The rules that may find something in a unit, in their order."""
        chosen = set(self._always)
        for kind in unit.kinds:
            chosen.update(self._by_kind.get(kind, ()))
        for name in unit.called:
            chosen.update(self._by_name.get(name, ()))
            chosen.update(self._by_library.get(name.partition(".")[0], ()))
        return [self._rules[number] for number in sorted(chosen)]


def _enter(table: dict[str, list[int]], names: Iterable[str], number: int) -> None:
    for name in names:
        table.setdefault(name, []).append(number)

"""What JAX says, and the rules that would have said it before."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.rule import Rule


def matches(error: str, kinds: Iterable[str], message: str) -> bool:
    """Whether one of a rule's `errors` is this one: of these classes, the own one first."""
    kind, _, text = error.partition(": ")
    if kind not in [name.rpartition(".")[2] for name in kinds]:
        return False
    return re.search(".*?".join(map(re.escape, text.split("..."))), message) is not None


def rules_that_prevent(kind: str, message: str, line: str = "") -> list[Rule]:
    """The rules about an error, the likeliest first: those whose text says most and that suit the line."""
    found: list[tuple[bool, int, Rule]] = []
    for rule in all_rules():
        lengths = [len(error) for error in rule.errors if matches(error, (kind,), message)]
        if lengths:
            suits = bool(rule.raising) and re.search(rule.raising, line) is not None
            found.append((suits, max(lengths), rule))
    found.sort(key=lambda row: (not row[0], bool(row[2].raising and line), -row[1]))
    return [rule for _, _, rule in found]


def by_kind() -> dict[str, dict[str, list[Rule]]]:
    """All errors that rules prevent: by the name of the exception, then by text; both in alphabetical order."""
    found: dict[str, dict[str, list[Rule]]] = {}
    for rule in all_rules():
        for error in rule.errors:
            kind, _, text = error.partition(": ")
            found.setdefault(kind, {}).setdefault(text, []).append(rule)
    return {kind: dict(sorted(texts.items())) for kind, texts in sorted(found.items())}

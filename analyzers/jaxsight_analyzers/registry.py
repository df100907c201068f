"""Every rule, found by walking the rules package."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType

from jaxsight_analyzers import rules
from jaxsight_analyzers.rule import Rule


@cache
def all_rules() -> tuple[Rule, ...]:
    """All rules, by name. A package below `rules/` is a family, a module in it is a rule."""
    found: list[Rule] = []
    for family in _modules_of(rules):
        for name in _modules_of(import_module(family)):
            rule = getattr(import_module(name), "RULE", None)
            if isinstance(rule, Rule):
                found.append(rule)
    return tuple(sorted(found, key=lambda rule: rule.name))


def _modules_of(package: ModuleType) -> Iterator[str]:
    """What lies directly in a package. `pkgutil` does the same, and imports `inspect` for it."""
    for folder in package.__path__:
        for name in sorted(os.listdir(folder)):  # noqa: PTH208
            stem, suffix = os.path.splitext(name)  # noqa: PTH122
            is_module = suffix == ".py" or os.path.isdir(os.path.join(folder, name))  # noqa: PTH112, PTH118
            if is_module and stem.isidentifier() and not stem.startswith("__"):
                yield f"{package.__name__}.{stem}"


@cache
def rule_named(name: str) -> Rule | None:
    """The rule of that name or former name."""
    return next((rule for rule in all_rules() if name == rule.name or name in rule.aliases), None)


@cache
def families() -> tuple[str, ...]:
    """The families that have rules, in alphabetical order."""
    return tuple(sorted({rule.family for rule in all_rules()}))

"""Every rule, found by walking the rules package."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from jaxsight_analyzers import rules
from jaxsight_analyzers.rule import Rule


@cache
def all_rules() -> tuple[Rule, ...]:
    """All rules, by name. A package below `rules/` is a family, a module in it is a rule."""
    found: list[Rule] = []
    for family in iter_modules(rules.__path__, f"{rules.__name__}."):
        package = import_module(family.name)
        for info in iter_modules(package.__path__, f"{family.name}."):
            rule = getattr(import_module(info.name), "RULE", None)
            if isinstance(rule, Rule):
                found.append(rule)
    return tuple(sorted(found, key=lambda rule: rule.name))


@cache
def rule_named(name: str) -> Rule | None:
    """The rule of that name or former name."""
    return next((rule for rule in all_rules() if name == rule.name or name in rule.aliases), None)


@cache
def families() -> tuple[str, ...]:
    """The families that have rules, in alphabetical order."""
    return tuple(sorted({rule.family for rule in all_rules()}))

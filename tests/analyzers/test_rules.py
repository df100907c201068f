"""What holds for every rule, run over every example on every rule's page."""

from __future__ import annotations

import ast
from inspect import cleandoc

import pytest

from jaxsight_analyzers.diagnostic import Applicability
from jaxsight_analyzers.engine import analyse, fix_all
from jaxsight_analyzers.registry import all_rules, rule_named
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile
from tests.analyzers.markers import assert_matches, without_markers

EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.name}-{number}")
    for rule in all_rules()
    for number, example in enumerate(rule.examples, 1)
]


def with_rule(rule: Rule) -> Config:
    """All stable rules and this one, which may be in preview."""
    return Config(extend_select=(rule.name,))


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_example_is_reported_as_marked_and_by_no_other_rule(rule: Rule, example: Example) -> None:
    code = cleandoc(example.code)

    analysis = analyse(SourceFile("", code), with_rule(rule), dict(example.versions))

    assert analysis.crashes == ()
    assert_matches(code, analysis.diagnostics)


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_fixes_give_the_fixed_code_and_leave_nothing_to_fix(rule: Rule, example: Example) -> None:
    code = without_markers(cleandoc(example.code))
    expected = code if example.fixed is None else cleandoc(example.fixed)
    versions = dict(example.versions)

    fixed = fix_all(SourceFile("", code), with_rule(rule), versions, Applicability.UNSAFE)

    assert fixed == expected
    ast.parse(fixed)
    assert fixed == fix_all(SourceFile("", fixed), with_rule(rule), versions, Applicability.UNSAFE)


def test_names_are_unique_and_say_where_the_rule_lies() -> None:
    names = [name for rule in all_rules() for name in (rule.name, *rule.aliases)]

    assert len(set(names)) == len(names)
    for rule in all_rules():
        module = f"{rule.family}.{rule.name}".replace("-", "_")
        assert rule.check.__module__.endswith(f".rules.{module}")


def test_a_former_name_still_means_the_rule() -> None:
    rule = rule_named("jit-in-loop-or-hot-function")

    assert rule is not None
    assert rule.name == "jit-in-loop"


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_rule_shows_both_sides(rule: Rule) -> None:
    assert any("# error:" in example.code for example in rule.examples)
    assert any("# error:" not in example.code for example in rule.examples)


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_rule_page_has_its_sections(rule: Rule) -> None:
    assert rule.summary.endswith(".")
    assert "## Why is this bad?" in rule.doc
    assert "## Limits" in rule.doc
    assert ("## Fix safety" in rule.doc) == (rule.fix is not None)


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_a_fixable_rule_shows_its_fix(rule: Rule) -> None:
    assert (rule.fix is not None) == any(e.fixed is not None for e in rule.examples)

"""`jaxsight explain RULE`: the rule's page."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from jaxsight_analyzers.registry import all_rules, rule_named
from jaxsight_analyzers.report.page import UNUSED_SUPPRESSION, page


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("rule", metavar="RULE", help="the name of a rule, such as `key-reuse`")


def run(arguments: Namespace) -> int:
    """Print the page."""
    name: str = arguments.rule
    if name == "unused-suppression":
        print(UNUSED_SUPPRESSION, end="")
        return 0
    rule = rule_named(name)
    if rule is None:
        from jaxsight_analyzers.config import nearest

        names = [name for rule in all_rules() for name in (rule.name, *rule.aliases)]
        hint = nearest(name, names) or "; `jaxsight rules` lists them"
        print(f"error: there is no rule `{name}`{hint}", file=sys.stderr)
        return 2
    print(page(rule), end="")
    return 0

"""`jaxsight rules`: every rule there is."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from jaxsight_analyzers.diagnostic import Severity
from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.rule import Rule


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--output-format", choices=("text", "json"), default="text", help="default: text"
    )


def run(arguments: Namespace) -> int:
    """Print the rules."""
    if arguments.output_format == "json":
        import json

        rows = [_row(rule) for rule in all_rules()]
        print(json.dumps({"version": 1, "rules": rows}, indent=2, ensure_ascii=False))
        return 0
    width = max(len(rule.name) for rule in all_rules())
    family = ""
    for rule in sorted(all_rules(), key=lambda rule: (rule.family, rule.name)):
        if rule.family != family:
            family = rule.family
            print(f"{family}:")
        fix = "fix" if rule.fix is not None else "   "
        preview = " (preview)" if rule.preview else ""
        severity = rule.severity.value.ljust(len(Severity.WARNING.value))
        print(f"  {rule.name.ljust(width)}  {severity}  {fix}  {rule.summary}{preview}")
    return 0


def _row(rule: Rule) -> dict[str, object]:
    return {
        "name": rule.name,
        "family": rule.family,
        "severity": rule.severity.value,
        "fix": rule.fix is not None,
        "since": rule.since,
        "status": "preview" if rule.preview else "stable",
        "summary": rule.summary,
        "aliases": list(rule.aliases),
        "url": rule.url,
    }

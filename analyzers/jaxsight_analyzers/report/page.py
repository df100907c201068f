"""A rule's page: the same text in `docs/rules/`, in `jaxsight explain` and in an editor's hover."""

from __future__ import annotations

from inspect import cleandoc

from jaxsight_analyzers.rule import Rule

UNUSED_SUPPRESSION = """\
# unused-suppression

suppression · warning · since 0.1.0

A comment that suppresses nothing.

## Why is this bad?

`# jaxsight: ignore[rule-name]` says that a finding is known and accepted. Where there is no such finding,
because the code was mended, or the name is misspelt, or the brackets are missing, the comment misleads
its reader, and would hide a new mistake.

## Fix safety

Safe: the comment, or the name in it that is not needed, is removed.

## Limits

A name whose rule was not run, because the settings or the command line leave it out, is not reported.
"""


def page(rule: Rule) -> str:
    """A rule's page in Markdown."""
    summary, _, rest = rule.doc.partition("\n")
    example = next(e for e in rule.examples if "# error:" in e.code)
    status = " · preview" if rule.preview else ""
    parts = [
        f"# {rule.name}",
        f"{rule.family} · {rule.severity.value} · since {rule.since}{status}",
        summary,
        f"## Example\n\n```python\n{cleandoc(example.code)}\n```",
    ]
    if example.fixed is not None:
        parts.append(f"Use instead:\n\n```python\n{cleandoc(example.fixed)}\n```")
    parts.append(rest.strip())
    if rule.aliases:
        former = ", ".join(f"`{alias}`" for alias in rule.aliases)
        parts.append(f"Formerly {former}.")
    return "\n\n".join(parts) + "\n"

"""A rule's page: the same text in `docs/rules/`, in `jaxsight explain` and in an editor's hover."""

from __future__ import annotations

from inspect import cleandoc

from jaxsight_analyzers.diagnostic import Severity
from jaxsight_analyzers.registry import rule_named
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
`# noqa` and `# type: ignore` say nothing to JAX Sight, and are not looked at.
"""


def page_named(name: str) -> str | None:
    """The page of the rule of that name, or former name."""
    if name == "unused-suppression":
        return UNUSED_SUPPRESSION
    rule = rule_named(name)
    return None if rule is None else page(rule)


def page(rule: Rule) -> str:
    """A rule's page in Markdown."""
    summary, _, rest = rule.doc.partition("\n")
    why, _, after = rest.strip().partition("\n\n## ")
    example = next(e for e in rule.examples if "# error:" in e.code)
    status = " · preview" if rule.preview else ""
    parts = [
        f"# {rule.name}",
        f"{rule.family} · {rule.severity.value} · since {rule.since}{status}",
        summary,
        why,
        *_what_jax_says(rule),
        f"## Example\n\n```python\n{cleandoc(example.code)}\n```",
    ]
    if example.fixed is not None:
        parts.append(f"Use instead:\n\n```python\n{cleandoc(example.fixed)}\n```")
    if after:
        parts.append(f"## {after}")
    parts.append(_settings(rule))
    if rule.aliases:
        former = ", ".join(f"`{alias}`" for alias in rule.aliases)
        parts.append(f"Formerly {former}.")
    parts.append(f"<{rule.url}>")
    return "\n\n".join(parts) + "\n"


def in_short(rule: Rule) -> str:
    """The part of a page that a tooltip has room for: what, why, what JAX says, and where the rest is."""
    summary, _, rest = rule.doc.partition("\n")
    why = rest.partition("## Why is this bad?")[2].partition("\n## ")[0].strip()
    link = f"[More about it]({rule.url})"
    return "\n\n".join(part for part in (f"**{rule.name}** — {summary}", why, link) if part)


def _what_jax_says(rule: Rule) -> list[str]:
    if not rule.errors:
        return []
    lines = "\n".join(rule.errors)
    return [f"## What JAX says\n\n```text\n{lines}\n```"]


def _settings(rule: Rule) -> str:
    """How to have it otherwise."""
    table: list[str] = []
    if rule.preview:
        table.append(
            f'extend-select = ["{rule.name}"]  # runs it: it is in preview, and off until named'
        )
    else:
        table.append(f'ignore = ["{rule.name}"]  # or the family: "{rule.family}"')
    other = "warning" if rule.severity is Severity.ERROR else "hint"
    table.append(f'severity = {{ {rule.name} = "{other}" }}')
    table.append(f'per-file-ignores = {{ "tests/**" = ["{rule.name}"] }}')
    if rule.threshold is not None:
        table.append(f"thresholds = {{ {rule.name} = {rule.threshold:g} }}  # as by default")
    settings = "\n".join(table)
    return (
        "## Settings\n\n"
        f"`# jaxsight: ignore[{rule.name}] why` on the line or on the one before the statement accepts a finding, "
        f"`# jaxsight: file-ignore[{rule.name}] why` all of a file. In `pyproject.toml`:\n\n"
        f"```toml\n[tool.jaxsight]\n{settings}\n```"
    )

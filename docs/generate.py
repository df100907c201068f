"""Writes the files that are derived from the code: `python docs/generate.py [--check]`."""

from __future__ import annotations

import json
import sys
from argparse import HelpFormatter
from pathlib import Path

from generated_settings import extension_settings, schema, settings_page

from jaxsight_analyzers.errors import by_kind
from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.report.page import UNUSED_SUPPRESSION, page
from jaxsight_server.cli import COMMANDS, command, parser_of

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent


def pages() -> dict[Path, str]:
    """Every generated file and what it must hold."""
    found = {DOCS / "rules" / f"{rule.name}.md": page(rule) for rule in all_rules()}
    found[DOCS / "rules" / "unused-suppression.md"] = UNUSED_SUPPRESSION
    found[DOCS / "rules.md"] = _index()
    found[DOCS / "errors.md"] = _errors()
    found[DOCS / "settings.md"] = settings_page()
    found[DOCS / "cli.md"] = _command_line()
    found[DOCS / "jaxsight.schema.json"] = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    found |= _protocol()
    manifest = ROOT / "extension" / "package.json"
    if manifest.exists():
        found[manifest] = extension_settings(manifest.read_text(encoding="utf-8"))
    return found


def stale() -> list[Path]:
    """Generated files that are missing, out of date, or left over on disk."""
    wanted = pages()
    left_over = [path for path in (DOCS / "rules").glob("*.md") if path not in wanted]
    return left_over + [
        path
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def _protocol() -> dict[Path, str]:
    try:
        from protocol_page import generated
    except ModuleNotFoundError:
        return {}
    return {ROOT / path: text for path, text in generated().items()}


def _index() -> str:
    lines = [
        "# Rules",
        "",
        "An error raises or silently computes something else, and is certain; what is not certain is a warning",
        "and says *may*. A hint has a plainer spelling. `jaxsight explain NAME` prints a rule's page.",
        "Which rule prevents an error that JAX raised: [by error message](errors.md).",
    ]
    family = ""
    for rule in sorted(all_rules(), key=lambda rule: (rule.family, rule.name)):
        if rule.family != family:
            family = rule.family
            lines += ["", f"## {family}", "", "| rule | severity | fix | |", "|---|---|---|---|"]
        fix = "yes" if rule.fix is not None else ""
        name = f"[`{rule.name}`](rules/{rule.name}.md)"
        lines.append(f"| {name} | {rule.severity.value} | {fix} | {rule.summary} |")
    lines += ["", "## suppression", "", "| rule | severity | fix | |", "|---|---|---|---|"]
    name = "[`unused-suppression`](rules/unused-suppression.md)"
    lines.append(f"| {name} | warning | yes | A comment that suppresses nothing. |")
    return "\n".join(lines) + "\n"


def _errors() -> str:
    lines = [
        "# What JAX said, and the rule that says it before",
        "",
        "`jaxsight explain --traceback FILE` (or `-`, for what is pasted or piped) finds the rule and the line in a",
        "traceback; `...` stands for what varies in a message. The other [rules](rules.md) are about what JAX does not say.",
    ]
    for kind, texts in by_kind().items():
        lines += ["", f"## {kind}", "", "| message | rules |", "|---|---|"]
        for text, rules in texts.items():
            names = ", ".join(f"[`{rule.name}`](rules/{rule.name}.md)" for rule in rules)
            message = f"`` {text} ``" if "`" in text else f"`{text}`"
            lines.append(f"| {message if text else 'any'} | {names} |")
    return "\n".join(lines) + "\n"


def _command_line() -> str:
    parts = [
        "# Command line",
        "Exit codes: 0 for success, 1 for findings, 2 for what could not be done.",
    ]
    for name in COMMANDS:
        parser = parser_of(name, command(name))
        parser.formatter_class = _wide
        parts.append(f"## jaxsight {name}\n\n```\n{parser.format_help().strip()}\n```")
    return "\n\n".join(parts) + "\n"


def _wide(prog: str) -> HelpFormatter:
    """The same help text in any terminal and on any Python."""
    return HelpFormatter(prog, width=100)


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` name those that are stale."""
    if arguments == ["--check"]:
        for path in (out_of_date := stale()):
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`", file=sys.stderr)
        return 1 if out_of_date else 0
    for path in stale():
        if path not in pages():
            path.unlink()
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

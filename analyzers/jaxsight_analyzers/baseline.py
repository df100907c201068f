"""Accepted findings: a file that lets a project start clean and report only what is new.

An entry is a file, a rule and the text of the line, so it survives lines moving. How often the
same line was accepted is counted; one more of it is reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

VERSION = 1


class Entry(NamedTuple):
    """What an accepted finding is known by. `path` is relative to the baseline file's folder."""

    path: str
    rule: str
    text: str


class BaselineError(ValueError):
    """The text is no baseline. Says why in a sentence."""


class Baseline:
    """Accepted findings that are not met yet. Meeting one uses it up."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._left = Counter(entries)

    def accepts(self, entry: Entry) -> bool:
        """Whether a finding is accepted. Each accepted one counts once."""
        if self._left[entry] <= 0:
            return False
        self._left[entry] -= 1
        return True


def read_baseline(text: str) -> Baseline:
    """Read a baseline file's text. Raises `BaselineError` for what is none."""
    import json  # only runs with a baseline need it

    hint = "write it anew with `jaxsight check --write-baseline FILE`"
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"is not a baseline: {error}; {hint}") from None
    table = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    if table.get("version") != VERSION:
        raise BaselineError(f"is not a baseline of version {VERSION}; {hint}")
    entries: list[Entry] = []
    try:
        for row in table["findings"]:
            entry = Entry(str(row["path"]), str(row["rule"]), str(row["text"]))
            entries.extend([entry] * int(row.get("count", 1)))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BaselineError(f"has a finding without path, rule or text; {hint}") from None
    return Baseline(entries)


def write_baseline(entries: Iterable[Entry]) -> str:
    """The text of a baseline file: one finding a line, ordered, so that it reads well in a diff."""
    import json

    rows = [
        json.dumps(
            {**entry._asdict(), **({"count": count} if count > 1 else {})}, ensure_ascii=False
        )
        for entry, count in sorted(Counter(entries).items())
    ]
    inside = ",\n".join(f"    {row}" for row in rows)
    findings = f"[\n{inside}\n  ]" if rows else "[]"
    return f'{{\n  "version": {VERSION},\n  "findings": {findings}\n}}\n'

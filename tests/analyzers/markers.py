"""`# error: [rule-name] "text"` markers, matched one to one with diagnostics.

`# todo-error: [rule-name]` marks a finding that is missing today, `# todo-ok: [rule-name]` one that
should not be there: known gaps, kept in the open. A test fails when one of them closes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from jaxsight_analyzers.diagnostic import Diagnostic

_MARKER = re.compile(
    r"[ ]*#\s*(?P<kind>error|todo-error|todo-ok):\s*"
    r"\[(?P<rule>[a-z0-9-]+)\](?:[ ]*\"(?P<text>[^\"]*)\")?"
)


def assert_matches(code: str, diagnostics: Iterable[Diagnostic]) -> None:
    """Fail unless every marker has its diagnostic and every diagnostic its marker."""
    expected = [
        (number, match["rule"], match["text"] or "", match["kind"])
        for number, line in enumerate(code.split("\n"), 1)
        for match in _MARKER.finditer(line)
    ]
    unexpected: list[str] = []
    for diagnostic in diagnostics:
        line = code.count("\n", 0, diagnostic.span.start) + 1
        for marker in expected:
            if marker[:2] == (line, diagnostic.rule) and marker[2] in diagnostic.message:
                expected.remove(marker)
                if marker[3] == "todo-error":
                    unexpected.append(f"line {line}: this gap is closed: write `error`")
                break
        else:
            unexpected.append(f"line {line}: [{diagnostic.rule}] {diagnostic.message}")
    missing = [marker for marker in expected if marker[3] != "todo-error"]

    assert (unexpected, missing) == ([], []), f"(not marked, not reported) in:\n{code}"


def without_markers(code: str) -> str:
    """The code as a user would have it."""
    return _MARKER.sub("", code)

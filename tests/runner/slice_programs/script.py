"""One script, and what is expected of a slice of it."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Script:
    """One script and what is expected of it."""

    name: str
    text: str
    target: str
    call: str  # an expression in the module
    obstacle: str | None = None  # the beginning of the line that forbids it


def script(name: str, text: str, target: str, call: str, obstacle: str | None = None) -> Script:
    """A script whose text is indented as the code around it."""
    return Script(name, dedent(text).lstrip(), target, call, obstacle)

"""Path patterns of the configuration: `*`, `**`, `?` and `[...]`, always with forward slashes."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    anchored = "/" in pattern.rstrip("/")
    body = pattern.strip("/").removeprefix("./")
    prefix = "" if anchored else "(?:.*/)?"
    return re.compile(f"{prefix}{_translate(body)}(?:/.*)?", re.DOTALL)


def _translate(pattern: str) -> str:
    parts: list[str] = []
    index = 0
    while index < len(pattern):
        if pattern.startswith("**/", index):
            parts.append("(?:.*/)?")
            index += 3
        elif pattern.startswith("**", index):
            parts.append(".*")
            index += 2
        else:
            part, index = _translate_one(pattern, index)
            parts.append(part)
    return "".join(parts)


def _translate_one(pattern: str, index: int) -> tuple[str, int]:
    char = pattern[index]
    if char == "*":
        return "[^/]*", index + 1
    if char == "?":
        return "[^/]", index + 1
    end = pattern.find("]", index + 2) if char == "[" else -1
    if end < 0:
        return re.escape(char), index + 1
    inside = pattern[index + 1 : end].replace("\\", r"\\").replace("[", r"\[")
    if inside[0] == "!":
        inside = "^" + inside[1:]
    return f"[{inside}]", end + 1


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern covers a path.

    Without a slash a pattern is about a name at any depth, with one about a path from the root.
    A pattern that covers a folder covers everything below it.
    """
    try:
        return _compiled(pattern).fullmatch(path) is not None
    except re.error:  # such as the range in `[z-a]`: covers nothing
        return False

"""The proofs that stand in the specifications of the rules.

A block ```` ```py proof ```` in `mdtest/<family>/<rule-name>.md` is a program that JAX runs before and
after the rule's fix. ```` ```py proof safe ```` takes only the fixes that are safe. It begins with

    # before: EXPECTATION
    # fix: KIND          where a finding has several fixes: the kind of the one to take

and leaves what it computes in `result`, and where the old code computes something else, what is right
in `expected`. The expectation is one of

    raises NAME     the old code raises an exception of that name, or of a class below it
    differs         the old code computes something else than `expected`
    nan             what the old code computes is not finite somewhere, and the new code's is everywhere
    repeats         of the parts of `result` two are equal, and with the new code none are
    lowers N        the old code lowers N functions or more, and the new code fewer
    warns NAME      the old code warns, and the new code does not
    agrees          both compute the same
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MDTEST = Path(__file__).parents[1] / "mdtest"
_SECTION = re.compile(r"^##+ (?P<title>.+?)\n(?P<body>.*?)(?=^##+ |\Z)", re.M | re.S)
_BLOCK = re.compile(r"^```py proof(?P<safe> safe)?\n(?P<code>.*?)^```$", re.M | re.S)
_HEAD = re.compile(r"# (?P<name>before|fix): (?P<text>.+)\n")


class Proof(NamedTuple):
    """A program that shows what a fix is good for."""

    rule: str
    title: str
    code: str  # with markers
    before: str
    kind: str | None
    is_safe: bool

    def __str__(self) -> str:
        return f"{self.rule}::{self.title}"


def proofs() -> Iterator[Proof]:
    """All that stand in the specifications."""
    for path in sorted(MDTEST.rglob("*.md")):
        for section in _SECTION.finditer(path.read_text(encoding="utf-8")):
            for block in _BLOCK.finditer(section["body"]):
                yield _proof(path.stem, section["title"], block["code"], bool(block["safe"]))


def _proof(rule: str, title: str, code: str, is_safe: bool) -> Proof:
    head: dict[str, str] = {}
    at = 0
    while (match := _HEAD.match(code, at)) is not None:
        head[match["name"]] = match["text"].strip()
        at = match.end()
    assert "before" in head, f"{rule}::{title} does not say what the old code does"
    return Proof(rule, title, code, head["before"], head.get("fix"), is_safe)

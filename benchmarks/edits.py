"""A fixed mix of edits, as people make them, that ends where it began and begins anew."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import NamedTuple

_WORD = re.compile(r"[A-Za-z_]{4,}")
_TYPED = ("scaled = jnp.tanh(batch) * 0.5", "print(scale)", "y = x[0] + helper(x, key=key)")


class Edit(NamedTuple):
    """Text in place of a span, which is given in lines and columns, both from zero."""

    kind: str  # "rename", "newline", "type", "indent", "paste", "delete"; "undo" takes one back
    start: tuple[int, int]
    end: tuple[int, int]
    text: str


class Document:
    """Lines that are edited, as an editor keeps them."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")

    @property
    def text(self) -> str:
        """The text as it is now."""
        return "\n".join(self.lines)

    def apply(self, edit: Edit) -> Edit:
        """Make an edit; what takes it back is returned."""
        (line, column), (last, end) = edit.start, edit.end
        before, after = self.lines[line][:column], self.lines[last][end:]
        old = "\n".join([*self.lines[line:last], self.lines[last][:end]])[column:]
        self.lines[line : last + 1] = (before + edit.text + after).split("\n")
        new = edit.text.split("\n")
        ends = (line + len(new) - 1, len(new[-1]) + (column if len(new) == 1 else 0))
        return Edit("undo", edit.start, ends, old)


def mix(text: str, seed: int = 0) -> Iterator[tuple[Edit, str]]:
    """Edits without end, each with the text after it; after each few the text is as it was."""
    chance = random.Random(seed)
    document = Document(text)
    while True:
        for kind in (_rename, _type, _indent, _paste, _delete):
            undo: list[Edit] = []
            for edit in kind(document, chance):
                undo.append(document.apply(edit))
                yield edit, document.text
            for edit in reversed(undo):  # in the same steps
                document.apply(edit)
                yield edit, document.text


def _line(document: Document, chance: random.Random) -> int:
    """A line of code in a block; columns of ASCII lines are the same in every encoding."""
    while True:
        line = chance.randrange(len(document.lines))
        text = document.lines[line]
        if text.startswith("    ") and _WORD.search(text) and text.isascii():
            return line


def _rename(document: Document, chance: random.Random) -> Iterator[Edit]:
    """An identifier grows by a few characters, one after the other."""
    line = _line(document, chance)
    word = chance.choice(list(_WORD.finditer(document.lines[line])))
    for number, char in enumerate(chance.choice(("_new", "_2", "ed", "_of_step"))):
        column = word.end() + number
        yield Edit("rename", (line, column), (line, column), char)


def _type(document: Document, chance: random.Random) -> Iterator[Edit]:
    """A new line, and a statement on it, character by character."""
    line = _line(document, chance)
    text = document.lines[line]
    indent = text[: len(text) - len(text.lstrip())]
    yield Edit("newline", (line, len(text)), (line, len(text)), f"\n{indent}")
    for number, char in enumerate(chance.choice(_TYPED)):
        column = len(indent) + number
        yield Edit("type", (line + 1, column), (line + 1, column), char)


def _indent(document: Document, chance: random.Random) -> Iterator[Edit]:
    """A line moves to the right."""
    line = _line(document, chance)
    yield Edit("indent", (line, 0), (line, 0), "    ")


def _paste(document: Document, chance: random.Random) -> Iterator[Edit]:
    """A few lines from elsewhere."""
    line, source = _line(document, chance), _line(document, chance)
    copied = document.lines[source : source + chance.randrange(3, 20)]
    yield Edit("paste", (line, 0), (line, 0), "\n".join([*copied, ""]))


def _delete(document: Document, chance: random.Random) -> Iterator[Edit]:
    """A line goes, or a word."""
    line = _line(document, chance)
    if chance.random() < 0.5 and line + 1 < len(document.lines):
        yield Edit("delete", (line, 0), (line + 1, 0), "")
    else:
        word = chance.choice(list(_WORD.finditer(document.lines[line])))
        yield Edit("delete", (line, word.start()), (line, word.end()), "")

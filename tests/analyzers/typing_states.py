"""The states of a text while somebody types: each is what an editor shows after one key."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from jaxsight_analyzers.source import SourceFile

PAIRS = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}


class Typed(NamedTuple):
    """A part of a text that is typed anew: all of a line, a statement or a function."""

    kind: str
    before: str
    typed: str
    after: str

    def states(self, *, closing: bool) -> Iterator[str]:
        """The text after each key; `closing`: the editor closes brackets and quotes."""
        closers = ""
        for end, key in enumerate(self.typed, 1):
            if closing:
                if closers.startswith(key):
                    closers = closers[1:]
                elif _is_closed(self.typed[: end - 1], key, closers):
                    closers = PAIRS[key] + closers
            yield self.before + self.typed[:end] + closers + self.after


def _is_closed(before: str, key: str, closers: str) -> bool:
    """Whether editors add what closes a bracket or quote: not in strings, no quote after a word or quote."""
    if closers[:1] in ("'", '"') or key not in PAIRS:
        return False
    return key not in ("'", '"') or not (before[-1:].isalnum() or before[-1:] == key)


def typed_parts(text: str, count: int, chance: random.Random) -> list[Typed]:
    """Parts of a text to type anew, of each kind."""
    source = SourceFile("", text)
    lines = [n for n in range(len(source.line_starts)) if _is_code(source.line_text(n))]
    parts = typed_lines(text, chance.sample(lines, min(count, len(lines))))
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
    for kind, chosen in (
        ("statement", [n for n in nodes if not isinstance(n, _DEFINITIONS)]),
        ("block", [n for n in nodes if isinstance(n, (ast.If, ast.For, ast.With, ast.Try))]),
        ("function", [n for n in nodes if isinstance(n, _FUNCTIONS)]),
    ):
        fitting = [node for node in chosen if (node.end_lineno or 0) - node.lineno < 25]
        for node in chance.sample(fitting, min(count, len(fitting))):
            decorators: list[ast.expr] = getattr(node, "decorator_list", [])
            first = min([node.lineno, *[one.lineno for one in decorators]]) - 1
            start = source.line_starts[first]
            indent = len(source.line_text(first)) - len(source.line_text(first).lstrip())
            end = source.line_span((node.end_lineno or 1) - 1).end
            parts.append(_part(kind, text, start + indent, end))
    return parts


def typed_lines(text: str, lines: Iterable[int]) -> list[Typed]:
    """Lines to type anew."""
    source = SourceFile("", text)
    parts: list[Typed] = []
    for line in lines:
        span, shown = source.line_span(line), source.line_text(line)
        indent = len(shown) - len(shown.lstrip())
        parts.append(_part("line", text, span.start + indent, span.end))
    return parts


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)


def _is_code(line: str) -> bool:
    return bool(line.strip()) and not line.strip().startswith("#")


def _part(kind: str, text: str, start: int, end: int) -> Typed:
    return Typed(kind, text[:start], text[start:end], text[end:])

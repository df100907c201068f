"""Repairs of a piece of text that does not parse, so that the rest of it has a fresh tree."""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.pieces import Attempt, Level, State, attempt
from jaxsight_analyzers.source import SourceFile, SyntaxProblem

_OPENERS = {"(": ")", "[": "]", "{": "}"}
_ROUNDS = 3  # broken lines of one piece
_BUDGET = 80_000  # characters to parse for one piece


def repair(
    text: str, level: Level, indent: str, problem: SyntaxProblem, edited: int | None = None
) -> tuple[str, Attempt] | None:
    """A text that parses and differs in as few lines as possible; None if there is none at hand.

    `edited` is the offset of the last edit: what is being typed is broken more often than what
    the parser stumbles over.
    """
    budget = _BUDGET
    for _ in range(_ROUNDS):
        source = SourceFile("", text)
        line = source.line_of(problem.span.start)
        furthest: tuple[int, str, SyntaxProblem] | None = None
        for candidate in _candidate_lines(source, line, edited):
            for changed in _repairs(source, candidate):
                budget -= len(changed)
                if budget < 0:
                    return None
                tried = attempt(changed, level, indent, flags=0)
                if tried.state is State.GOOD:
                    return _as_parsed(changed, level), tried
                if tried.problem is None:
                    continue
                reached = SourceFile("", changed).line_of(tried.problem.span.start)
                if reached > (furthest[0] if furthest else line):
                    furthest = reached, changed, tried.problem
        if furthest is None:
            return None
        _, text, problem = furthest
        edited = None
    return None


def _as_parsed(text: str, level: Level) -> str:
    return f"\f{text[1:]}" if level is Level.TOP and text.startswith("\ufeff") else text


def _candidate_lines(source: SourceFile, line: int, edited: int | None) -> list[int]:
    """The line the parser names, the last one before it that is not empty, and the edited one."""
    while line > 0 and not source.line_text(line).strip():
        line -= 1
    before = line - 1
    while before >= 0 and not source.line_text(before).strip():
        before -= 1
    lines = [line]
    if before >= 0:
        lines.append(before)
    if edited is not None and edited <= len(source.text):
        touched = source.line_of(edited)
        if touched in lines:
            lines.remove(touched)
        lines.insert(0, touched)
    return lines


def _repairs(source: SourceFile, line: int) -> Iterator[str]:
    span = source.line_span(line)
    text = source.line_text(line)
    indent = text[: len(text) - len(text.lstrip())]
    code = text.rstrip()
    closers = _missing_closers(code)
    lines = [code + closers] if closers else []
    lines += [f"{indent}pass", f"{code}{closers}:", f"{indent}if 1:", ""]
    for new in lines:
        yield source.text[: span.start] + new + source.text[span.end :]


def _missing_closers(line: str) -> str:
    """What a line lacks to close the brackets it opens. Strings are not told from code."""
    stack: list[str] = []
    for char in line:
        if char in _OPENERS:
            stack.append(_OPENERS[char])
        elif stack and char == stack[-1]:
            stack.pop()
    return "".join(reversed(stack))

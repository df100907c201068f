"""Repairs of a piece of text that does not parse, so that the rest of it has a fresh tree.

What is broken is most often the line that is being typed, and what it lacks is most often at the
cursor or at its end: an operand, the brackets that are open there, a colon and a body. Else the line
or its statement is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from jaxsight_analyzers.source import SourceFile, SyntaxProblem
from jaxsight_analyzers.syntax.lexing import open_at
from jaxsight_analyzers.syntax.pieces import Attempt, Level, State, attempt, parse_text

_ROUNDS = 4  # broken places of one piece
_BUDGET = 80_000  # characters to parse for one piece
_HEADER = re.compile(
    r"[ \t\f]*(?:async[ \t]+)?(if|elif|else|for|while|with|try|except|finally|def|class|match|case)\b"
)
_OPEN_TRY = "'except' or 'finally'"
_NO_BODY = re.compile(r"expected an indented block after .* on line (\d+)")
_TRY = re.compile(r"^([ \t\f]*)try[ \t]*:", re.MULTILINE)
_NAME_END = re.compile(r"\w\Z")
_AFTER = {
    **dict.fromkeys(("elif", "else"), "if 1: pass\n"),
    **dict.fromkeys(("except", "finally"), "try: pass\n"),
}
"""What stands before the parts of a statement that are none alone."""


class Repair(NamedTuple):
    """A text that may parse, and the one statement in it that has to."""

    text: str
    statement: str | None = None  # None: that is not told


def repair(
    text: str, level: Level, indent: str, problem: SyntaxProblem, edited: int | None = None
) -> tuple[str, Attempt] | None:
    """A text that parses and differs in as little as possible; None if there is none at hand.

    `edited` is the offset of the last edit: what is being typed is broken more often than what
    the parser stumbles over.
    """
    budget = _BUDGET
    for _ in range(_ROUNDS):
        line = SourceFile("", text).line_of(problem.span.start)
        furthest: tuple[int, str, SyntaxProblem] | None = None
        tries: set[str] = {text}
        waiting = [_repairs(text, line, problem, edited)]
        while waiting:
            made = next(waiting[-1], None)
            if made is None:
                waiting.pop()
                continue
            changed = made.text
            if changed in tries or not _parses(made.statement):
                continue
            tries.add(changed)
            budget -= len(changed)
            if budget < 0:
                return None
            tried = attempt(changed, level, indent, flags=0)
            if tried.state is State.GOOD:
                return _as_parsed(changed, level), tried
            if tried.problem is None:
                continue
            reached = SourceFile("", changed).line_of(tried.problem.span.start)
            if _OPEN_TRY in tried.problem.message and len(waiting) == 1:
                waiting.append(_without_try(changed, tried.problem.span.start))
            elif reached > (furthest[0] if furthest else line):
                furthest = reached, changed, tried.problem
        if furthest is None:
            return None
        _, text, problem = furthest
        edited = None
    return None


def _as_parsed(text: str, level: Level) -> str:
    return f"\f{text[1:]}" if level is Level.TOP and text.startswith("\ufeff") else text


def _repairs(text: str, line: int, problem: SyntaxProblem, edited: int | None) -> Iterator[Repair]:
    source = SourceFile("", text)
    if _OPEN_TRY in problem.message:
        yield from _without_try(text, problem.span.start)
    bodiless = _NO_BODY.search(problem.message)
    if bodiless is not None:
        yield from _with_body(source, int(bodiless[1]) - 1)
    for number in _lines(source, line, edited):
        here = edited if edited is not None and source.line_of(edited) == number else None
        yield from _completed(source, number, here)
        yield from _left_out(source, number)


def _lines(source: SourceFile, line: int, edited: int | None) -> list[int]:
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


def _completed(source: SourceFile, line: int, cursor: int | None) -> Iterator[Repair]:
    """The text with a line that has what it seems to lack."""
    span, shown = source.line_span(line), source.line_text(line)
    text, code = source.text, shown.rstrip()
    if not code:
        return
    end = span.start + len(code)
    at = end if cursor is None else min(max(cursor, span.start), end)
    inside = open_at(text, at)
    there = open_at(text, end)
    alone = open_at(code, len(code)).closers
    closers = list(dict.fromkeys((alone, there.closers)))
    header = _HEADER.match(text, there.start)
    for fill in _fills(text[span.start : at], inside.closers, header[1] if header else ""):
        begun = text[:at] + fill + text[at:end]
        for closing in closers:
            for tail in ("", ":", ": pass") if header else ("",):
                ended = begun + closing + tail
                whole = closing == there.closers
                statement = _alone(ended[there.start :], header[1] if header else "")
                yield Repair(ended + text[end:], statement if whole else None)
    yield Repair(text[:end] + "(" + text[end:])  # a call whose arguments are already there


def _alone(code: str, header: str) -> str | None:
    """A statement that is complete where its first line is, made to stand by itself; None where that cannot be told."""
    code = code.strip()
    if header in ("match", "case") or code.endswith("\\"):
        return None
    if code.startswith("@"):
        return f"{code}\ndef _(): pass"
    body = " pass" if header and code.endswith(":") else ""
    return f"{_AFTER.get(header, '')}{code}{body}"


def _parses(statement: str | None) -> bool:
    """Whether a statement parses by itself, or may: a whole piece is parsed only then."""
    if statement is None:
        return True
    try:
        parse_text(statement)
    except SyntaxError:
        return False
    except (ValueError, RecursionError, MemoryError):
        return True
    return True


def _fills(before: str, closers: str, header: str) -> Iterator[str]:
    """What may be missing at the cursor, the least first."""
    yield ""
    if closers[:1] in ("'", '"'):
        return
    gap = " " if _NAME_END.search(before) else ""
    yield f"{gap}_"
    if header in ("def", "class"):
        yield f"{gap}_()" if before.rstrip().endswith(("def", "class")) else "()"
    elif header == "for":
        yield f"{gap}in _"
    if closers:
        yield "=_"
        yield f"{gap}for _ in _"
    if closers[:1] == "}" or "lambda" in before:
        yield ": _"
    if " if " in before or before.rstrip().endswith(" if"):
        yield f"{gap}else _"
        yield f"{gap}_ else _"


def _left_out(source: SourceFile, line: int) -> Iterator[Repair]:
    """The text without a line, or without its statement as far as it goes there."""
    text, span = source.text, source.line_span(line)
    shown = source.line_text(line)
    indent = shown[: len(shown) - len(shown.lstrip())]
    for new in (f"{indent}pass", f"{indent}if 1:", ""):
        yield Repair(text[: span.start] + new + text[span.end :])
    start = open_at(text, span.end).start
    if start < span.start:
        begun = source.line_text(source.line_of(start))
        indent = begun[: len(begun) - len(begun.lstrip())]
        yield Repair(text[:start] + f"{indent}pass" + text[span.end :])
        yield Repair(text[:start] + f"{indent}if 1:" + text[span.end :])


def _without_try(text: str, before: int) -> Iterator[Repair]:
    """The text with `if 1:` for the last `try`, which nothing follows yet, then for more of them."""
    for match in reversed(list(_TRY.finditer(text, 0, before))):
        text = text[: match.start()] + f"{match[1]}if 1:" + text[match.end() :]
        yield Repair(text)


def _with_body(source: SourceFile, line: int) -> Iterator[Repair]:
    """The text with a body for a header on this line, or for what begins on it."""
    for number in range(line, min(line + 30, len(source.line_starts))):
        span, code = source.line_span(number), source.line_text(number).rstrip()
        if code.endswith(":"):
            yield Repair(source.text[: span.start] + f"{code} pass" + source.text[span.end :])
            return

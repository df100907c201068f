"""Pieces of a file that parse by themselves: where one ends, and what a parser makes of it.

A piece begins at a line that cannot continue what is before it, and ends with a whole line. If each
of two neighbours parses alone, their statements are those of both together: a tokenizer has no
state at such a border.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.source import SourceFile, SyntaxProblem

BIG_CLASS = 80  # lines; a longer class is parsed member by member

_LINE_END = re.compile(r"\r\n|\r|\n")
_FIRST_CODE = re.compile(
    r"\ufeff?(?:[ \t\f]*(?:#[^\r\n]*)?(?:\r\n|\r|\n))*([ \t\f]*)([^ \t\f\r\n#]\w*)?"
)
_CONTINUES = frozenset({"else", "elif", "except", "finally"})
_ONLY_AST = ast.PyCF_ONLY_AST
_INCOMPLETE = 0x4000 if sys.version_info >= (3, 11) else 0  # PyCF_ALLOW_INCOMPLETE_INPUT
_OPEN_ENDED = ("was never closed", "triple-quoted", "EOF")


class Level(IntEnum):
    """What a piece of text is to its file."""

    TOP = 0  # statements of the module
    HEADER = 1  # a class without its members
    MEMBER = 2  # statements of a class


class State(IntEnum):
    """Whether a piece is Python, and if not, whether more text could make it so."""

    GOOD = 0
    WRONG = 1  # whatever follows
    INCOMPLETE = 2  # the parser came to the end and wanted more
    ESCAPES = 3  # it is no member any more: it ends the class's block


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a parser makes of a piece. `base` is the line number of its first line."""

    body: list[ast.stmt]
    base: int
    state: State
    problem: SyntaxProblem | None = None
    code: str | None = None  # what was parsed, if it is not the text


@dataclass(frozen=True, slots=True)
class Part:
    """Statements that share no line with others, and the text from where the last ones end."""

    start: int
    end: int
    body: list[ast.stmt]


def line_starts(text: str) -> tuple[int, ...]:
    """The offset at which each line begins, as Python counts lines."""
    return (0, *(match.end() for match in _LINE_END.finditer(text)))


def count_lines(text: str) -> int:
    """How many lines end in a text."""
    returns = text.count("\r")
    return text.count("\n") + (returns - text.count("\r\n") if returns else 0)


def first_code(text: str, start: int = 0) -> tuple[str, str, int]:
    """The indentation and the beginning of the first line that is neither blank nor a comment.

    The beginning is empty if there is none. A form feed sets a line's indentation back to nothing.
    """
    match = _FIRST_CODE.match(text, start)
    assert match is not None
    return match[1], match[2] or "", match.start(1)


def begins(text: str, indent: str, start: int = 0) -> bool:
    """Whether the first code of a text can only be the beginning of a statement of a block."""
    if text.startswith("\ufeff", start):  # only a file begins with a byte order mark
        return False
    found, word, _ = first_code(text, start)
    if not indent:
        found = found.rpartition("\f")[2]
    return found == indent and word not in _CONTINUES and not word.startswith("\\")


def ends_line(text: str) -> bool:
    """Whether a text ends with a line's end."""
    return text.endswith(("\n", "\r"))


def attempt(
    text: str, level: Level = Level.TOP, indent: str = "", *, flags: int = _INCOMPLETE
) -> Attempt:
    """Parse a piece by itself. Without `flags`, WRONG may be INCOMPLETE, which takes less time."""
    if level is Level.TOP:
        code, base = f"\f{text[1:]}" if text.startswith("\ufeff") else text, 1
    elif level is Level.MEMBER:
        code, base = f"if 1:\n{text}", 2
    else:
        code, base = f"{text}{indent}pass\n", 1
    try:
        body = parse_text(code, flags)
    except SyntaxError as error:
        state = _state(error, code)
        if state is State.INCOMPLETE and _INCOMPLETE:
            try:  # once more for the message
                parse_text(code)
            except SyntaxError as plain:
                error = plain
            except (ValueError, RecursionError, MemoryError):
                pass
        return Attempt([], base, state, _problem(error, text, base))
    except (RecursionError, MemoryError):
        problem = SyntaxProblem(Span(0, 0), "this is nested too deeply for Python to read it")
        return Attempt([], base, State.WRONG, problem)
    except ValueError as error:  # NUL bytes
        problem = SyntaxProblem(Span(0, 0), str(error))
        return Attempt([], base, State.WRONG, problem)
    if level is Level.TOP:
        return Attempt(body, base, State.GOOD, code=code if code[:1] != text[:1] else None)
    return _inner(body, text, base, level)


def parse_text(code: str, flags: int = 0) -> list[ast.stmt]:
    """The statements of a text; raises what the parser raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes are other tools' business
        tree: ast.Module = compile(code, "<unknown>", "exec", _ONLY_AST | flags, dont_inherit=True)
    return tree.body


def _inner(body: list[ast.stmt], text: str, base: int, level: Level) -> Attempt:
    """Undo what was added around a class's header or its members."""
    only = body[0] if len(body) == 1 else None
    if level is Level.MEMBER and isinstance(only, ast.If) and not only.orelse:
        return Attempt(only.body, base, State.GOOD)
    if level is Level.HEADER and isinstance(only, ast.ClassDef) and len(only.body) == 1:
        first = only.body[0]
        if isinstance(first, ast.Pass) and first.lineno == count_lines(text) + 1:
            return Attempt([only], base, State.GOOD)
    problem = SyntaxProblem(Span(0, 0), "unexpected indent")
    if level is Level.MEMBER and len(body) > 1:
        starts = line_starts(text)
        at = starts[min(first_line(body[1]) - base, len(starts) - 1)]
        problem = SyntaxProblem(Span(at, at), "unindent does not match any outer indentation level")
    return Attempt([], base, State.ESCAPES, problem)


def _state(error: SyntaxError, code: str) -> State:
    message = error.msg or ""
    if _INCOMPLETE:
        return State.INCOMPLETE if message == "incomplete input" else State.WRONG
    last = count_lines(code)
    near = (error.lineno or 1) >= last or any(words in message for words in _OPEN_ENDED)
    return State.INCOMPLETE if near else State.WRONG


def _problem(error: SyntaxError, text: str, base: int) -> SyntaxProblem:
    source = SourceFile("", text)
    line = (error.lineno or 1) - base
    start = source.offset(line, (error.offset or 1) - 1) if line >= 0 else 0
    return SyntaxProblem(Span(start, start), shift_lines(error.msg or "", 1 - base))


_LINE_NUMBER = re.compile(r"(?<=\bline )\d+")


def shift_lines(message: str, by: int) -> str:
    """A parser's message whose line numbers are moved."""
    if not by or "line " not in message:
        return message
    return _LINE_NUMBER.sub(lambda match: str(max(int(match[0]) + by, 1)), message)


def first_line(node: ast.stmt) -> int:
    """The number of a statement's first line, or of its first decorator's."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min(node.lineno, decorators[0].lineno) if decorators else node.lineno


def split(
    text: str,
    starts: Sequence[int],
    body: list[ast.stmt],
    base: int,
    indent: str = "",
    start: int = 0,
) -> tuple[list[Part], int]:
    """Cut a text that parses between its statements; also where the last one's lines end.

    Blank lines and comments belong to the statement after them.
    """
    parts: list[Part] = []
    last = len(starts) - 1
    end_line = -1
    for node in body:
        line = first_line(node) - base
        if parts and (line <= end_line or not begins(text, indent, parts[-1].end)):
            part = parts.pop()
            nodes, begin = [*part.body, node], part.start
        else:
            nodes, begin = [node], parts[-1].end if parts else start
        end_line = (node.end_lineno or node.lineno) - base
        column = node.end_col_offset or 0
        while end_line < last and _goes_on(text[starts[end_line] : starts[end_line + 1]], column):
            end_line, column = end_line + 1, 0
        end = starts[end_line + 1] if end_line < last else len(text)
        parts.append(Part(begin, end, nodes))
    return parts, parts[-1].end if parts else start


def _goes_on(line: str, column: int) -> bool:
    """Whether a backslash that is in no comment continues a line whose code ends at a UTF-8 column."""
    if not _continued(line, len(line)):
        return False
    return b"#" not in line.encode("utf-8", "surrogatepass")[column:]


def _continued(text: str, end: int) -> bool:
    """Whether a backslash precedes the line end that ends at an offset."""
    end -= 2 if text[end - 2 : end] == "\r\n" else 1
    return text[end - 1 : end] == "\\"


def class_indent(
    node: ast.ClassDef, text: str, starts: Sequence[int], base: int
) -> tuple[str, int] | None:
    """How the members of a big class are indented and where its header ends; None: do not cut it."""
    top = first_line(node)
    if (node.end_lineno or top) - top < BIG_CLASS or not node.body:
        return None
    first = node.body[0]
    line = first_line(first) - base
    if line <= node.lineno - base:
        return None
    if line == first.lineno - base:
        before = text[starts[line] : starts[line] + first.col_offset]
        if before.strip(" \t") or not before:  # on the class's own line
            return None
    while line > 0 and is_gap(text[starts[line - 1] : starts[line]]):
        line -= 1
    end = starts[line]
    indent, word, _ = first_code(text, end)
    if not indent or indent.strip(" \t") or word.startswith("\\") or _continued(text, end):
        return None
    return indent, end


def header_end(text: str) -> int | None:
    """Where the last line of code of a class's header ends; None if a backslash continues it."""
    starts = line_starts(text)
    line = len(starts) - 1
    while line > 0 and is_gap(text[starts[line - 1] : starts[line]]):
        line -= 1
    return None if line == 0 or _continued(text, starts[line]) else starts[line]


def is_gap(line: str) -> bool:
    """Whether a line is blank or a comment."""
    stripped = line.strip(" \t\f\r\n")
    return not stripped or stripped.startswith("#")


def cut(text: str, indent: str = "") -> list[str]:
    """Cut a text that does not parse before each line that looks like a statement's first."""
    starts = line_starts(text)
    borders: list[int] = []
    decorated = False
    size = len(indent)
    for line, start in enumerate(starts):
        if text[start : start + size] != indent:
            continue
        match = _BEGINNING.match(text, start + size)
        if match is None:
            continue
        if not decorated:
            while line > 0 and is_gap(text[starts[line - 1] : starts[line]]):
                line -= 1
            borders.append(starts[line])
        decorated = match[0] == "@"
    borders = [border for border in borders if border > 0]
    edges = [0, *borders, len(text)]
    return [text[one:other] for one, other in pairwise(edges)]


_BEGINNING = re.compile(r"(?!(?:else|elif|except|finally)\b)[^\s#)\]},.:\\\ufeff]")
_HEADER_LINE = re.compile(r"(?:\f)?class\b")


def cut_class(text: str) -> tuple[str, str, str] | None:
    """The header, the rest and the indentation of a class that does not parse and is big."""
    starts = line_starts(text)
    if len(starts) <= BIG_CLASS:
        return None
    named = False
    for line, start in enumerate(starts[:-1]):
        words = text[start : starts[line + 1]]
        if is_gap(words):
            continue
        if not named:
            if words[:1] not in "@ \t)" and not _HEADER_LINE.match(words):
                return None
            named = _HEADER_LINE.match(words) is not None
            if not named:
                continue
        following, word, _ = first_code(text, starts[line + 1])
        code = words.partition("#")[0].rstrip()
        if code.endswith(":") or (following[:1] in {" ", "\t"} and word in _MEMBER_WORDS):
            if not following or following.strip(" \t"):
                return None
            return text[: starts[line + 1]], text[starts[line + 1] :], following
    return None


_MEMBER_WORDS = frozenset({"def", "async", "class", "@"})

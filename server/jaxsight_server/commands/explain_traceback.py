"""`jaxsight explain --traceback`: the rule that prevents an error, the line of the user's code, and the cure."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Severity
from jaxsight_analyzers.errors import rules_that_prevent
from jaxsight_analyzers.registry import rule_named
from jaxsight_analyzers.report import text
from jaxsight_analyzers.report.problem import Problem
from jaxsight_analyzers.rule import Rule
from jaxsight_analyzers.tracebacks import Frame, Raised, read
from jaxsight_server.commands.checking import together
from jaxsight_server.commands.project import Project

_BETWEEN = f"\n\n{'-' * 60}\n\n"
_SHOWN = 3  # rules, where the line does not tell which it is


class _Line(NamedTuple):
    """A line of the user's code that is there on this machine."""

    path: str
    number: int


class _Explained(NamedTuple):
    """What there is to say about an error."""

    raised: Raised
    rules: list[Rule]
    problem: Problem | None


class Explanation(NamedTuple):
    """What to say, and whether a rule is about one of the errors at least."""

    text: str
    is_known: bool


def explain_traceback(traceback: str, style: text.Style) -> Explanation | None:
    """What to say about the errors in a text; None where there is no traceback in it."""
    chains = read(traceback)
    if not chains:
        return None
    lines = _lines_of(raised for chain in chains for raised in chain)
    problems = _problems_in({line.path for line in lines.values()})
    explained = [_of_chain(chain, lines, problems) for chain in chains]
    said = [_said(one, lines, style) for one in _without_repeats(explained)]
    return Explanation(_BETWEEN.join(said), any(one.rules for one in explained))


def _of_chain(
    chain: list[Raised], lines: dict[Frame, _Line], problems: list[Problem]
) -> _Explained:
    """Of exceptions that led to one another, the last that a rule is about: the others wrap it."""
    explained = [_of_one(raised, lines, problems) for raised in reversed(chain)]
    return next((one for one in explained if one.rules or one.problem), explained[0])


def _of_one(raised: Raised, lines: dict[Frame, _Line], problems: list[Problem]) -> _Explained:
    places = raised.places
    rules = rules_that_prevent(raised.kind, raised.message, places[0].code if places else "")
    found = _problem_at([lines[place] for place in places if place in lines], rules, problems)
    rule = None if found is None else rule_named(found.diagnostic.rule)
    return _Explained(raised, rules if rule is None else [rule], found)


def _problem_at(lines: list[_Line], rules: list[Rule], problems: list[Problem]) -> Problem | None:
    """The finding that says what was raised: of a rule about it on one of the lines, or what is certain on the first."""
    names = [rule.name for rule in rules]
    for line in lines:
        here = [problem for problem in problems if _covers(problem, line)]
        here.sort(key=lambda problem: _rank(problem, names))
        if here and here[0].diagnostic.rule in names:
            return here[0]
        certain = [problem for problem in here if problem.severity is Severity.ERROR]
        if certain and names and line == lines[0]:
            return certain[0]
    for problem in problems:
        related = {_Line(place.path, place.start[0]) for place, _ in problem.related}
        if problem.diagnostic.rule in names and related & set(lines):
            return problem
    return None


def _rank(problem: Problem, names: list[str]) -> int:
    rule = problem.diagnostic.rule
    return names.index(rule) if rule in names else len(names)


def _covers(problem: Problem, line: _Line) -> bool:
    first, last = problem.place.start[0], problem.place.end[0]
    return problem.path == line.path and first <= line.number <= last


# Files


def _lines_of(raised: Iterable[Raised]) -> dict[Frame, _Line]:
    """Where the lines of the user's code are now: files may lie elsewhere than on the machine that failed."""
    found: dict[Frame, _Line] = {}
    for frame in {place for one in raised for place in one.places}:
        path = _path_here(frame)
        if path is not None:
            found[frame] = _Line(path, _number_now(path, frame))
    return found


def _path_here(frame: Frame) -> str | None:
    path = Path(frame.path).expanduser()
    if path.is_file():
        relative = os.path.relpath(path)
        return str(path) if relative.startswith("..") else relative
    parts = path.parts[1:] if path.is_absolute() else path.parts
    for start in range(len(parts)):
        candidate = Path(*parts[start:])
        if candidate.is_file():
            return str(candidate)
    return None


def _number_now(path: str, frame: Frame) -> int:
    """The line's number, also where the file was edited since."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frame.line
    same = [number for number, line in enumerate(lines, 1) if line.strip() == frame.code]
    return min(same, key=lambda number: abs(number - frame.line), default=frame.line)


def _problems_in(paths: set[str]) -> list[Problem]:
    """What is found in these files, checked together."""
    project = Project(None, None, None, None, preview=True)
    found = together(project, [Path(path) for path in sorted(paths) if path.endswith(".py")]).found
    return [problem for checked in found.values() for problem in checked.problems]


# Words


def _without_repeats(explained: list[_Explained]) -> Iterator[_Explained]:
    """The same mistake, met by several tests or processes, is explained once."""
    seen: set[tuple[str, str, tuple[Frame, ...]]] = set()
    for one in explained:
        key = one.raised.kind, one.raised.message.partition("\n")[0], one.raised.places[:1]
        if key not in seen:
            seen.add(key)
            yield one


def _said(explained: _Explained, lines: dict[Frame, _Line], style: text.Style) -> str:
    raised, rules, problem = explained
    parts = [f"{raised.kind}: {raised.message.partition(chr(10))[0]}".rstrip(": ")]
    if problem is not None:
        parts.append(text.full([problem], style).rstrip())
    elif raised.places:
        parts.append(_where(raised.places[0], lines))
    if not rules:
        parts.append("No rule of JAX Sight is about this error.")
    elif problem is not None or len(rules) == 1:
        parts += [_cure(rules[0], with_example=problem is None)]
    else:
        names = "\n".join(f"  {rule.name}: {rule.summary}" for rule in rules[:_SHOWN])
        parts += [
            f"One of these, the likeliest first:\n{names}",
            _cure(rules[0], with_example=True),
        ]
    return "\n\n".join(parts)


def _where(frame: Frame, lines: dict[Frame, _Line]) -> str:
    path, number = lines.get(frame, (frame.path, frame.line))
    inside = f", in {frame.function}" if frame.function else ""
    return f"{path}:{number}{inside}\n    {frame.code}".rstrip()


def _cure(rule: Rule, *, with_example: bool) -> str:
    """What a rule's page says of the mistake and of what to do."""
    why = rule.doc.partition("## Why is this bad?")[2].partition("\n## ")[0].strip()
    parts = [f"{rule.name}: {rule.summary}", why]
    fixed = next((example.fixed for example in rule.examples if example.fixed), None)
    if with_example and fixed is not None:
        code = cleandoc(fixed).replace("\n", "\n    ")
        parts.append(f"As it works:\n\n    {code}")
    parts.append(f"More: `jaxsight explain {rule.name}`, {rule.url}")
    return "\n\n".join(parts)


def traceback_text(name: str) -> str:
    """The text of a file, or of standard input for `-`. Raises `OSError`."""
    data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    return data.decode("utf-8", errors="replace")

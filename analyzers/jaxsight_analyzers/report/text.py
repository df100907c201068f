"""Reports for people: `concise`, a line each, and `full`, with the code and what explains it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from jaxsight_analyzers.diagnostic import Applicability, Severity
from jaxsight_analyzers.report.problem import Place, Problem, Trouble

_TAB = 4
_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.HINT: "36"}
_BOLD, _DIM, _BLUE = "1", "2", "34"


class Style:
    """Terminal colours, or none."""

    def __init__(self, *, coloured: bool) -> None:
        self._coloured = coloured

    def paint(self, text: str, *codes: str) -> str:
        """The text in a colour."""
        return f"\033[{';'.join(codes)}m{text}\033[0m" if self._coloured and text else text


def concise(problems: Iterable[Problem], style: Style) -> str:
    """`path:line:column: severity[rule] message`, a line each."""
    return "".join(f"{_headline(problem, style)}\n" for problem in problems)


def full(problems: Iterable[Problem], style: Style) -> str:
    """Each finding with its line, the places that explain it, and its fix."""
    return "".join(_full(problem, style) for problem in problems)


def _headline(problem: Problem, style: Style) -> str:
    line, column = problem.place.start
    where = style.paint(f"{problem.path}:{line}:{column}:", _BOLD)
    return f"{where} {_label(problem, style)} {problem.diagnostic.message}"


def _label(problem: Problem, style: Style) -> str:
    name = f"{problem.severity.value}[{problem.diagnostic.rule}]"
    return style.paint(name, _BOLD, _COLOURS[problem.severity])


def _full(problem: Problem, style: Style) -> str:
    shown = [(problem.place, "", "^"), *((place, text, "-") for place, text in problem.related)]
    width = max(len(str(place.start[0])) for place, _, _ in shown)
    lines = [_headline(problem, style)]
    lines += _excerpt(problem.place, "", "^", width, style, _COLOURS[problem.severity])
    path = problem.path
    for place, message in problem.related:
        if place.path != path:
            path = place.path
            lines.append(f"{' ' * width} {style.paint('::', _BLUE)} {place.path}")
        lines += _excerpt(place, message, "-", width, style, _BLUE)
    for remedy in problem.diagnostic.finding.fixes:
        unsafe = " (may change behaviour)" if remedy.applicability is Applicability.UNSAFE else ""
        lines.append(f"{' ' * width} {style.paint('= help:', _BOLD)} {remedy.title}{unsafe}")
    return "\n".join(lines) + "\n\n"


def _excerpt(
    place: Place, message: str, mark: str, width: int, style: Style, colour: str
) -> list[str]:
    line, column = place.start
    text = place.source.line_text(line - 1)
    end = place.end[1] if place.end[0] == line else len(text) + 1
    before = _columns(text[: column - 1])
    length = max(_columns(text[: end - 1]) - before, 1)
    bar = style.paint("|", _BLUE)
    number = style.paint(str(line).rjust(width), _BLUE)
    under = style.paint(mark * length + (f" {message}" if message else ""), colour)
    return [
        f"{' ' * width} {bar}",
        f"{number} {bar} {text.expandtabs(_TAB)}",
        f"{' ' * width} {bar} {' ' * before}{under}",
    ]


def _columns(text: str) -> int:
    """How wide a text is in a terminal: tabs to their stops, East Asian characters twice as wide."""
    width = 0
    for char in text:
        if char == "\t":
            width += _TAB - width % _TAB
        elif unicodedata.combining(char) or unicodedata.category(char) in ("Cf", "Mn"):
            continue
        else:
            width += 2 if unicodedata.east_asian_width(char) in "WF" else 1
    return width


def summary(problems: list[Problem], checked: int, style: Style) -> str:
    """The last lines of a report: how much was found and what can be mended."""
    files = f"{checked} file{'s' if checked != 1 else ''}"
    if not problems:
        return style.paint(f"Nothing found in {files}.", _BOLD) + "\n"
    counts = [
        f"{count} {severity.value}{'s' if count != 1 else ''}"
        for severity in Severity
        if (count := sum(problem.severity is severity for problem in problems))
    ]
    text = style.paint(f"Found {', '.join(counts)} in {files}.", _BOLD) + "\n"
    safe, unsafe = _mendable(problems)
    if safe:
        text += f"{safe} can be fixed with `--fix`.\n"
    if unsafe:
        more = "more " if safe else ""
        text += f"{unsafe} {more}can be fixed with `--fix --unsafe-fixes`; `--diff` shows how.\n"
    return text


def _mendable(problems: Iterable[Problem]) -> tuple[int, int]:
    """How many a safe fix mends, and how many only one that is not."""
    levels = [problem.mended_by for problem in problems]
    return levels.count(Applicability.SAFE), levels.count(Applicability.UNSAFE)


def statistics(problems: Iterable[Problem], style: Style) -> str:
    """A line for each rule: errors before warnings, then the most frequent first; and what can be mended."""
    by_rule: dict[str, list[Problem]] = {}
    for problem in problems:
        by_rule.setdefault(problem.diagnostic.rule, []).append(problem)
    order = list(Severity)
    rows = [
        (min(order.index(one.severity) for one in found), len(found), rule, found)
        for rule, found in by_rule.items()
    ]
    rows.sort(key=lambda row: (row[0], -row[1], row[2]))
    numbers = max((len(str(count)) for _, count, _, _ in rows), default=0)
    names = max(map(len, by_rule), default=0)
    lines: list[str] = []
    for worst, count, rule, found in rows:
        safe, unsafe = _mendable(found)
        can = ", ".join(
            f"{many} with {options}"
            for many, options in ((safe, "--fix"), (unsafe, "--fix --unsafe-fixes"))
            if many
        )
        severity = order[worst]
        word = style.paint(severity.value.ljust(len("warning")), _BOLD, _COLOURS[severity])
        line = f"{str(count).rjust(numbers)}  {rule.ljust(names)}  {word}  {can and f'fixes {can}'}"
        lines.append(f"{line.rstrip()}\n")
    return "".join(lines)


def given_up(found: Iterable[Trouble], style: Style) -> str:
    """What was not followed as far as it goes, a line each."""
    word = style.paint("not followed:", _BOLD)
    return "".join(f"{word} {trouble.path}: {trouble.message}\n" for trouble in found)


def troubles(found: Iterable[Trouble], style: Style) -> str:
    """What could not be done, a line each."""
    error = style.paint("error:", _BOLD, "31")
    return "".join(f"{error} {trouble.path}: {trouble.message}\n" for trouble in found)

"""How often the rules are right in the corpus: its findings counted by what people said of them.

What `scripts/corpus.py check` finds in a project is kept beside the project, so that the tables can be made
anew from all of them when a few were looked at, or when verdicts were added.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.analyzers.corpus.findings import FOLDER, Found, Result

TABLES = FOLDER / "precision.md"
VERDICTS = ("right", "intended", "wrong")
UNREAD = "unread"

_HEAD = """\
# What the rules find in the corpus

Written by `python scripts/corpus.py table FOLDER`. `right`: what is said is so. `intended`: it is so, and the
author meant it. `wrong`: it is not so. `unread`: nobody has looked. Of what was read, `true` is not wrong.
"""


class Project(NamedTuple):
    """What was found in one package or repository."""

    name: str
    files: int
    lines: int
    found: tuple[Found, ...]


def write(path: Path, name: str, result: Result) -> None:
    """Keeps what was found in a project."""
    rows = [f"{name}\t{result.files}\t{result.lines}"]
    rows += ["\t".join(map(str, each)) for each in result.found]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def read(path: Path) -> Project:
    """What was found in a project before."""
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    name, files, lines = head.split("\t")
    found = [row.split("\t", 4) for row in rows]
    return Project(
        name,
        int(files),
        int(lines),
        tuple(Found(path, int(line), *rest) for path, line, *rest in found),
    )


def tables(projects: Iterable[Project], judged: Mapping[str, Mapping[str, str]]) -> str:
    """Everything found, by rule and by project."""
    rules: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    rows: dict[str, Counter[str]] = {}
    for project in projects:
        verdicts = judged.get(project.name, {})
        counts = rows[project.name] = Counter(files=project.files, lines=project.lines)
        for each in project.found:
            verdict = verdicts.get(each.place, UNREAD).partition(":")[0]
            rules[each.severity, each.rule][verdict] += 1
            counts[each.severity] += 1
            counts[verdict] += 1
    return "\n".join([_HEAD, *_by_rule(rules), "", *_by_project(rows), ""])


def _by_rule(rules: Mapping[tuple[str, str], Counter[str]]) -> Iterator[str]:
    columns = ("found", *VERDICTS, UNREAD, "true")
    for severity in sorted({severity for severity, _ in rules}):
        counted = {rule: count for (kind, rule), count in sorted(rules.items()) if kind == severity}
        yield from (f"## {severity.capitalize()}s", "")
        yield from heading("rule", columns)
        for rule, count in counted.items():
            yield row(f"`{rule}`", _figures(count))
        yield row("all", _figures(_total(counted)))
        yield ""


def _figures(count: Counter[str]) -> list[str]:
    seen = sum(count[verdict] for verdict in VERDICTS)
    true = f"{100 * (seen - count['wrong']) / seen:.1f} %" if seen else ""
    numbers = [count.total(), *(count[verdict] for verdict in VERDICTS), count[UNREAD]]
    return [*map(str, numbers), true]


def _by_project(rows: Mapping[str, Counter[str]]) -> Iterator[str]:
    columns = ("files", "lines", "error", "warning", *VERDICTS, UNREAD)
    yield from ("## Projects", "")
    yield from heading("project", columns)
    for name, counts in sorted(rows.items(), key=lambda item: item[0].lower()):
        yield row(name, [str(counts[column]) for column in columns])
    total = _total(rows)
    yield row("all", [str(total[column]) for column in columns])


def _total(counted: Mapping[str, Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for count in counted.values():
        total.update(count)
    return total


def heading(first: str, columns: Iterable[str]) -> Iterator[str]:
    """The first two lines of a table."""
    yield row(first, columns)
    yield row("---", ["---:" for _ in columns])


def row(first: str, cells: Iterable[str]) -> str:
    """A line of a table."""
    return f"| {first} | {' | '.join(cells)} |"

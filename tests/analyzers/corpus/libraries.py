"""How often the rules about a library are right in its own code and in projects that use it.

All rules of the families run, those in preview too. What is found is kept beside the projects, as
`precision` does it; a project that uses several libraries is looked at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.settings import Config
from tests.analyzers.corpus.findings import FOLDER
from tests.analyzers.corpus.precision import UNREAD, VERDICTS, Project, heading, row

TABLES = FOLDER / "libraries.md"

_HEAD = """\
# What the rules about a library find in its code and in projects that use it

Written by `python scripts/corpus.py libraries FOLDER`. All rules of the library's family run, those in preview too.
The first rows are the library's own code, examples and notebooks; the others use it. The verdicts are those of
`precision.md`, and are counted as there; `mended` are wrong findings that are not made any more.
"""


class Library(NamedTuple):
    """Where one library was looked for."""

    name: str
    own: tuple[str, ...]  # the projects that hold its code, its examples, its documentation
    users: tuple[str, ...]

    @property
    def family(self) -> frozenset[str]:
        """The rules that are about it."""
        return frozenset(rule.name for rule in all_rules() if rule.family == self.name)


def libraries(pins: Mapping[str, dict[str, dict[str, list[str]]]]) -> tuple[Library, ...]:
    """The libraries that have projects in the pins."""
    return tuple(
        Library(name, tuple(places["own"]), tuple(places["users"]))
        for name, places in pins["libraries"].items()
    )


def config(chosen: tuple[Library, ...]) -> Config:
    """The settings by which all rules of their families run, and no others."""
    return Config(select=tuple(each.name for each in chosen), preview=True)


def tables(
    chosen: tuple[Library, ...],
    projects: Mapping[str, Project],
    pins: Mapping[str, Mapping[str, str]],
    judged: Mapping[str, Mapping[str, str]],
) -> str:
    """For each library: what was found in its projects, and how often it was right."""
    lines = [_HEAD]
    totals: dict[str, Counter[str]] = {}
    for library in chosen:
        lines += [f"## {library.name}", "", *heading("project", _COLUMNS)]
        total = totals[library.name] = Counter[str]()
        for name in (*library.own, *library.users):
            if name in projects:
                counted = _counted(projects[name], library.family, judged.get(name, {}))
                total.update(counted)
                lines.append(row(f"{name}@{_pin(name, pins)}", _figures(counted)))
        lines += [row("all", _figures(total)), "", *_by_rule(library, projects, judged), ""]
    lines += ["## All", "", *heading("library", _COLUMNS)]
    lines += [row(name, _figures(total)) for name, total in totals.items()]
    return "\n".join([*lines, ""])


_COLUMNS = ("files", "found", *VERDICTS, UNREAD, "mended", "true")


def _by_rule(
    library: Library, projects: Mapping[str, Project], judged: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    counts: dict[str, Counter[str]] = {}
    for name in (*library.own, *library.users):
        for each in projects[name].found if name in projects else ():
            if each.rule in library.family:
                verdict = judged.get(name, {}).get(each.place, UNREAD).partition(":")[0]
                counts.setdefault(each.rule, Counter())[verdict] += 1
    for rule, count in sorted(counts.items()):
        said = ", ".join(f"{number} {verdict}" for verdict, number in sorted(count.items()))
        yield f"- `{rule}`: {said}"


def _counted(project: Project, family: frozenset[str], judged: Mapping[str, str]) -> Counter[str]:
    mine = [each for each in project.found if each.rule in family]
    verdicts = [judged.get(each.place, UNREAD).partition(":")[0] for each in mine]
    places = {each.place for each in mine}
    gone = [place for place, verdict in judged.items() if verdict.startswith("wrong")]
    mended = [p for p in gone if p not in places and p.rpartition(" ")[2] in family]
    counts = {"files": project.files, "found": len(mine), "mended": len(mended)}
    return Counter({**counts, **Counter(verdicts)})


def _figures(count: Counter[str]) -> list[str]:
    seen = sum(count[verdict] for verdict in VERDICTS)
    true = f"{100 * (seen - count['wrong']) / seen:.1f} %" if seen else ""
    return [*(str(count[column]) for column in _COLUMNS[:-1]), true]


def _pin(name: str, pins: Mapping[str, Mapping[str, str]]) -> str:
    version = pins["packages"].get(name)
    commits = {**pins["repositories"], **pins["with_libraries"]}
    return version or commits[name][:12]

"""What `jaxsight check` finds in files that call each other, and what `explain` finds where a traceback points."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.data import dataclass, field
from jaxsight_analyzers.engine import Analysis
from jaxsight_analyzers.report.problem import Problem, Trouble, problems_of
from jaxsight_analyzers.semantic.limits import sentences
from jaxsight_analyzers.source import SourceFile
from jaxsight_server.commands.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jaxsight_analyzers.notebook import VirtualModule
    from jaxsight_analyzers.project.outgoing import OutgoingCall
    from jaxsight_analyzers.project.workspace import Workspace

NOTEBOOK = ".ipynb"


@dataclass
class Checked:
    """What a run has found so far."""

    problems: list[Problem] = field(default_factory=list[Problem])
    troubles: list[Trouble] = field(default_factory=list[Trouble])
    given_up: list[Trouble] = field(default_factory=list[Trouble])
    accepted: int = 0  # findings, in the baseline
    files: int = 0
    fixed: int = 0  # files
    mended: int = 0  # findings in them
    diff: list[str] = field(default_factory=list[str])
    failed: bool = False  # something else than a syntax error kept us from doing as asked
    files_together: Together | None = None

    def fail(self, path: str, message: str) -> None:
        """Something kept us from doing as asked."""
        self.troubles.append(Trouble(path, message))
        self.failed = True

    def add(self, other: Checked) -> None:
        """What was found in one file."""
        self.problems += other.problems
        self.troubles += other.troubles
        self.given_up += other.given_up
        self.failed = self.failed or other.failed


class Around(NamedTuple):
    """What there is around a file: the files that it may look into, and the calls that lead into it."""

    workspace: Workspace | None = None
    incoming: tuple[OutgoingCall, ...] = ()


class Together(NamedTuple):
    """Files that call each other: the workspace, what leads into each, and what was found in each."""

    workspace: Workspace
    incoming: dict[str, tuple[OutgoingCall, ...]]
    found: dict[str, Checked]

    def around(self, path: str) -> Around:
        """What there is around one of the files."""
        return Around(self.workspace, self.incoming.get(path, ()))


def together(
    project: Project, files: Iterable[Path], progress: Callable[[str], None] | None = None
) -> Together:
    """Analyse all Python files, and follow calls from one to another. `progress` is told each file's path."""
    from jaxsight_analyzers.project.disk import workspace_of
    from jaxsight_analyzers.project.index import Settings, build

    absolute = any(path.is_absolute() for path in files)
    names = [str(path) for path in files if path.suffix != NOTEBOOK]
    bits = X64(names)
    root = _import_root(project, names)
    workspace = workspace_of(root, Path.cwd(), absolute=absolute, x64=bits)
    bits.read = workspace.source
    found: dict[str, Checked] = {}

    def settings(path: str) -> Settings:
        if progress is not None:
            progress(path)
        return Settings(project.config_of(Path(path)), project.versions_of(Path(path)))

    def made(path: str, analysis: Analysis) -> None:
        found[path] = Checked()
        note(found[path], analysis)

    names = [name for name in names if workspace.exists(name)]
    index = build(workspace, names, settings, note=made)
    return Together(workspace, index.incoming, found)


def _import_root(project: Project, names: list[str]) -> Path:
    """The folder that imports are looked up from.

    That of the configuration that holds here. Where there is none, or all files are elsewhere, it is the
    project that all of them are in, else the folder of their packages.
    """
    from jaxsight_analyzers.project.disk import package_root, project_of

    here = Path(project.config_of(Path.cwd()).root or Path.cwd())
    folders = {Path(os.path.abspath(name)).parent for name in names}  # noqa: PTH100  # `resolve` would follow links
    elsewhere = bool(folders) and not any(folder.is_relative_to(here) for folder in folders)
    if project.is_configured(Path.cwd()) and not elsewhere:
        return here
    projects = {project_of(folder / "file.py") for folder in folders}
    found = projects.pop() if len(projects) == 1 else None
    if found is not None or not elsewhere:
        return found or here
    one = min(folders)
    above = (
        place for place in (one, *one.parents) if all(f.is_relative_to(place) for f in folders)
    )
    return package_root(next(above, one))  # on several drives they have nothing in common


class X64:
    """Whether a file besides the given one speaks of 64 bits: one of those that are checked, or of its project."""

    def __init__(self, names: list[str]) -> None:
        self.read: Callable[[str], SourceFile | None] = lambda path: None
        self._names = names
        self._speaking: list[str] | None = None
        self._projects: dict[Path, bool] = {}

    def __call__(self, path: str) -> bool:
        from jaxsight_analyzers.project.disk import project_of, x64_below
        from jaxsight_analyzers.project.x64 import mentions

        if self._speaking is None:
            sources = ((name, self.read(name)) for name in self._names)
            self._speaking = [n for n, source in sources if source and mentions(source.text)]
        if any(name != path for name in self._speaking):
            return True
        project = project_of(Path(path))
        if project is None:
            return False
        if project not in self._projects:
            self._projects[project] = x64_below(project)
        return self._projects[project]


def note(checked: Checked, analysis: Analysis, virtual: VirtualModule | None = None) -> None:
    """Keep what was found in a file, or in a notebook."""
    checked.problems.extend(problems_of(analysis, virtual))
    for problem in analysis.problems:
        line, column = analysis.source.position(problem.span.start)
        where = f"{analysis.source.path}"
        if virtual is not None:
            cell, inside = virtual.to_cell(problem.span.start)
            line, column = SourceFile("", virtual.cells[cell].source).position(inside)
            where += f":cell {cell + 1}"
        place = f"{where}:{line + 1}:{column + 1}"
        checked.troubles.append(Trouble(where, f"syntax error at {place}: {problem.message}"))
    checked.given_up += [
        Trouble(analysis.source.path, sentence) for sentence in _given_up(analysis, virtual)
    ]
    for crash in analysis.crashes:
        checked.fail(analysis.source.path, f"a defect of JAX Sight, please report it: {crash}")


def _given_up(analysis: Analysis, virtual: VirtualModule | None) -> tuple[str, ...]:
    if virtual is None:
        return analysis.given_up

    def where(_: SourceFile, offset: int) -> str:
        cell, inside = virtual.to_cell(offset)
        line, _column = SourceFile("", virtual.cells[cell].source).position(inside)
        return f"cell {cell + 1}, line {line + 1}"

    return sentences(analysis.model, where)

"""What the analysis thread knows of a module: its configuration and its analysis."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from jaxsight_analyzers.config import (
    Config,
    ConfigError,
    find_config,
    load_config,
    merge,
    parse_config,
)
from jaxsight_analyzers.engine import Analysis, Versions, analyse
from jaxsight_analyzers.environment import library_versions
from jaxsight_analyzers.project.workspace import Workspace
from jaxsight_server.session import Snapshot
from jaxsight_server.workspaces import Calls, CallsBetweenFiles, Workspaces

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration file as it was read; without text where it could not be."""

    path: Path
    text: str
    config: Config
    errors: tuple[ConfigError, ...]


@dataclass(frozen=True)
class Project:
    """The configuration and the libraries that hold for the files of one folder."""

    file: ConfigFile | None
    config: Config
    versions: Versions


@dataclass(frozen=True)
class Module:
    """A snapshot and what is known of it. Immutable; made on the analysis thread."""

    snapshot: Snapshot
    project: Project
    analysis: Analysis
    identity: str
    """The same for two states of a module whose diagnostics are drawn alike."""
    workspace: Workspace | None = None
    incoming: Calls = ()


@dataclass
class Desk:
    """Reads configuration and analyses modules, once for each version. Lives on one thread."""

    workspaces: Workspaces = field(default_factory=Workspaces)
    calls: CallsBetweenFiles = field(default_factory=CallsBetweenFiles)

    _generation: int = -1
    _projects: dict[tuple[Path | None, str | None], Project] = field(
        default_factory=dict[tuple[Path | None, str | None], Project]
    )
    _files: dict[Path, ConfigFile] = field(default_factory=dict[Path, ConfigFile])
    _modules: dict[str, Module] = field(default_factory=dict[str, Module])
    _prefix: str = field(default_factory=lambda: secrets.token_hex(4))
    _numbers: Iterator[int] = field(default_factory=count)
    _told: set[str] = field(default_factory=set[str])

    def module(self, snapshot: Snapshot) -> Module:
        """The module as the snapshot has it.

        Of other files it sees what it saw before the edit: what has changed in them since then is
        left to `look_again`, for it may call the whole module in doubt.
        """
        known = self._modules.get(snapshot.uri)
        if known is not None and known.snapshot is snapshot:
            return known
        if (
            known is not None
            and known.snapshot.documents == snapshot.documents
            and known.snapshot.generation == snapshot.generation
        ):
            return known
        project = self._project(snapshot)
        if known is not None and known.snapshot.generation == snapshot.generation:
            around = known.workspace, known.incoming
        else:
            around = self._surroundings(snapshot, project)
        return self._analysed(snapshot, known, project, *around)

    def indexed(self, calls: Mapping[str, Calls], x64: Collection[str]) -> None:
        """Take what the index says of the files that are not open."""
        self.calls.index(calls)
        self.workspaces.x64 = frozenset(x64)

    def look_again(self, preempted: Callable[[], bool], *, snapshot: Snapshot) -> bool | None:
        """Analyse a module anew if other files have changed what it means.

        Whether it says something else now; None if nothing has changed for it. Gives up with
        `PreemptedError` for something urgent.
        """
        known = self._modules.get(snapshot.uri)
        if known is None or known.snapshot.documents != snapshot.documents:
            return None  # whoever asks for it gets all that is new
        project = self._project(snapshot)
        workspace, incoming = self._surroundings(snapshot, project)
        if workspace is None:
            return None
        if incoming == known.incoming and known.analysis.state.sees_the_same(workspace):
            self._modules[snapshot.uri] = replace(known, workspace=workspace)
            return None
        module = self._analysed(snapshot, known, project, workspace, incoming, preempted)
        return module.identity != known.identity

    def forget(self, uri: str) -> None:
        """Drop what is known of a module."""
        module = self._modules.pop(uri, None)
        if module is not None:
            self.calls.close(module.snapshot.path)

    def _tell(self, analysis: Analysis, *, first: bool) -> None:
        """Log once what failed in an analysis, and of a text that was just opened what it gave up."""
        failed = [(logging.ERROR, crash) for crash in analysis.crashes]
        path = analysis.source.path
        left = [(logging.INFO, f"{path}: {said}") for said in analysis.given_up] if first else []
        for level, text in (*failed, *left):
            if text not in self._told:
                self._told.add(text)
                logger.log(level, "%s", text)

    def _analysed(
        self,
        snapshot: Snapshot,
        known: Module | None,
        project: Project,
        workspace: Workspace | None,
        incoming: Calls,
        preempted: Callable[[], bool] | None = None,
    ) -> Module:
        analysis = analyse(
            snapshot.source,
            project.config,
            project.versions,
            previous=known.analysis if known else None,
            workspace=workspace,
            incoming=incoming,
            preempted=preempted,
        )
        self._tell(analysis, first=known is None)
        identity = f"{self._prefix}-{next(self._numbers)}"
        module = Module(snapshot, project, analysis, identity, workspace, incoming)
        if known is not None and _says_the_same(known, module):
            module = replace(module, identity=known.identity)
        self._modules[snapshot.uri] = module
        return module

    def _surroundings(self, snapshot: Snapshot, project: Project) -> tuple[Workspace | None, Calls]:
        """The files that a module may look into, and the calls that lead into it."""
        workspace = self._workspace(snapshot, project)
        if workspace is None:
            return None, ()
        for module in self._modules.values():
            if module.workspace is not None and module.snapshot.uri != snapshot.uri:
                self.calls.note(module.snapshot.path, module.analysis)
        return workspace, self.calls.into(snapshot.path)

    def _workspace(self, snapshot: Snapshot, project: Project) -> Workspace | None:
        """The files that an import in the module may mean; None for what is in no file."""
        folder = snapshot.folder.path if snapshot.folder else _directory(snapshot)
        if snapshot.notebook or folder is None or snapshot.path not in snapshot.texts.documents:
            return None
        if snapshot.folder is None and project.file is not None:
            folder = project.file.path.parent
        return self.workspaces.at(snapshot.texts, folder, indexed=snapshot.folder is not None)

    def _project(self, snapshot: Snapshot) -> Project:
        if snapshot.generation != self._generation:
            self._generation = snapshot.generation
            self._projects.clear()
            self._files.clear()
            self.workspaces.clear()
        folder = snapshot.folder
        directory = _directory(snapshot)
        key = directory, folder.uri if folder else None
        project = self._projects.get(key)
        if project is None:
            project = self._projects[key] = self._read(snapshot, directory)
        return project

    def _read(self, snapshot: Snapshot, directory: Path | None) -> Project:
        settings = snapshot.settings
        path = find_config(directory) if directory else None
        file = self._file(path) if path else None
        config = merge(file.config, settings.config) if file else settings.config
        root = path.parent if path else snapshot.folder.path if snapshot.folder else directory
        versions = library_versions(root, settings.interpreter, config) if root else {}
        return Project(file, config, versions)

    def _file(self, path: Path) -> ConfigFile:
        if path not in self._files:
            try:
                text = path.read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError):
                text, loaded = "", load_config(path)  # which says why
            else:
                loaded = parse_config(text, path)
            self._files[path] = ConfigFile(path, text, loaded.config, loaded.errors)
        return self._files[path]


def _says_the_same(before: Module, after: Module) -> bool:
    """Whether the diagnostics of two states of a module are drawn alike."""
    old, new = before.analysis, after.analysis
    if old.source != new.source or before.project != after.project:
        return False
    if old.diagnostics != new.diagnostics:
        return False
    places = (place for diagnostic in new.diagnostics for place in diagnostic.related)
    elsewhere = {place.path for place in places if place.path is not None}
    return all(old.others.get(path) == new.others.get(path) for path in elsewhere)


def _directory(snapshot: Snapshot) -> Path | None:
    """Where to look for configuration: beside the file, else in the workspace."""
    path = Path(snapshot.path)
    if path.is_absolute() and path.parent.is_dir():
        return path.parent
    return snapshot.folder.path if snapshot.folder else None

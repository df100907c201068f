"""What the analysis thread knows of a module: its configuration and its analysis."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
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
from jaxsight_server.session import Snapshot


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

    @cached_property
    def identity(self) -> str:
        """Equal for two states of a module that have the same diagnostics."""
        digest = hashlib.blake2b(digest_size=12)
        project = self.project
        for part in (self.snapshot.source.text, repr(project.config), repr(project.versions)):
            digest.update(part.encode("utf-8", "surrogatepass"))
            digest.update(b"\0")
        return digest.hexdigest()


@dataclass
class Desk:
    """Reads configuration and analyses modules, once for each version. Lives on one thread."""

    _generation: int = -1
    _projects: dict[tuple[Path | None, str | None], Project] = field(
        default_factory=dict[tuple[Path | None, str | None], Project]
    )
    _files: dict[Path, ConfigFile] = field(default_factory=dict[Path, ConfigFile])
    _modules: dict[str, Module] = field(default_factory=dict[str, Module])

    def module(self, snapshot: Snapshot) -> Module:
        """The module as the snapshot has it."""
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
        analysis = analyse(
            snapshot.source,
            project.config,
            project.versions,
            previous=known.analysis if known else None,
        )
        module = Module(snapshot, project, analysis)
        self._modules[snapshot.uri] = module
        return module

    def forget(self, uri: str) -> None:
        """Drop what is known of a module."""
        self._modules.pop(uri, None)

    def _project(self, snapshot: Snapshot) -> Project:
        if snapshot.generation != self._generation:
            self._generation = snapshot.generation
            self._projects.clear()
            self._files.clear()
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


def _directory(snapshot: Snapshot) -> Path | None:
    """Where to look for configuration: beside the file, else in the workspace."""
    path = Path(snapshot.path)
    if path.is_absolute() and path.parent.is_dir():
        return path.parent
    return snapshot.folder.path if snapshot.folder else None

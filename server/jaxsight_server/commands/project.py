"""Which settings and which library versions hold for a file on the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.environment import library_versions
from jaxsight_analyzers.report.problem import Trouble
from jaxsight_analyzers.settings import Config

if TYPE_CHECKING:
    from jaxsight_analyzers.config import Loaded


class Project:
    """Reads each configuration file once. `usage` says what is wrong with the options."""

    def __init__(
        self,
        config: str | None,
        python: str | None,
        select: str | None,
        ignore: str | None,
        *,
        preview: bool,
    ) -> None:
        self.usage = ""
        self._select = self._names("--select", select)
        self._ignore = self._names("--ignore", ignore)
        self._preview = preview
        self._python = self._existing("--python", python)
        self._chosen = self._existing("--config", config)
        self._loaded: dict[Path, Loaded] = {}
        self._configs: dict[Path, Config] = {}
        self._versions: dict[Path, dict[str, str]] = {}

    def _names(self, option: str, text: str | None) -> tuple[str, ...]:
        if text is None:
            return ()
        from jaxsight_analyzers.config import parse_names

        names, errors = parse_names(text)
        if errors and not self.usage:
            self.usage = f"{option}: {errors[0]}"
        return names

    def _existing(self, option: str, path: str | None) -> Path | None:
        if path is not None and not Path(path).exists() and not self.usage:
            self.usage = f"{option}: there is no `{path}`"
        return None if path is None else Path(path)

    def config_of(self, path: Path) -> Config:
        """The settings for a file: of the nearest configuration, changed by the options."""
        folder = path if path.is_dir() else path.parent
        known = self._configs.get(folder)
        if known is None:
            known = self._configs[folder] = self._config(folder)
        return known

    def is_configured(self, folder: Path) -> bool:
        """Whether a configuration holds in a folder, be it one that sets nothing."""
        return self._read(folder.absolute()) is not None

    def _config(self, folder: Path) -> Config:
        folder = Path(os.path.abspath(folder))  # noqa: PTH100  # `resolve` would follow links
        loaded = self._read(folder)
        config = loaded.config if loaded is not None else Config(root=str(_root_of(folder)))
        if self._select:
            config = replace(config, select=self._select, extend_select=())
        return replace(
            config,
            ignore=(*config.ignore, *self._ignore),
            preview=config.preview or self._preview,
        )

    def _read(self, folder: Path) -> Loaded | None:
        """The configuration that holds in a folder. Reading one is not free, nor is importing how."""
        if self._chosen is None and not _may_have_config(folder):
            return None
        from jaxsight_analyzers.config import find_config, load_config

        place = self._chosen or find_config(folder)
        if place is None:
            return None
        if place not in self._loaded:
            self._loaded[place] = load_config(place)
        return self._loaded[place]

    def versions_of(self, path: Path) -> dict[str, str]:
        """The versions of the project's libraries."""
        folder = Path(os.path.abspath(path.parent))  # noqa: PTH100
        known = self._versions.get(folder)
        if known is None:
            config = self.config_of(path)
            root = Path(config.root) if config.root else folder
            known = self._versions.get(root)
            if known is None:
                known = self._versions[root] = library_versions(root, self._python, config)
            self._versions[folder] = known
        return known

    def troubles(self) -> list[Trouble]:
        """What is wrong in the configuration files that were read."""
        return [
            Trouble(f"{error.path}:{error.line}:{error.column}", error.message)
            for loaded in self._loaded.values()
            for error in loaded.errors
        ]


def _root_of(folder: Path) -> Path:
    """Where a file without configuration belongs: to the current folder, or to the project that it is in."""
    if folder.is_relative_to(Path.cwd()):
        return Path.cwd()
    from jaxsight_analyzers.project.disk import project_of

    return project_of(folder / "file.py") or folder


def _may_have_config(folder: Path) -> bool:
    return any(
        (parent / name).exists()
        for parent in (folder, *folder.parents)
        for name in ("pyproject.toml", "jaxsight.toml")
    )

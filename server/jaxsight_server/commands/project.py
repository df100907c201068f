"""Which settings and which library versions hold for a file on the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jaxsight_analyzers.config import Loaded, find_config, load_config, parse_names
from jaxsight_analyzers.environment import library_versions
from jaxsight_analyzers.report.problem import Trouble
from jaxsight_analyzers.settings import Config


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
        self._loaded: dict[Path | None, Loaded] = {}
        self._configs: dict[Path, Config] = {}
        self._versions: dict[Path, dict[str, str]] = {}

    def _names(self, option: str, text: str | None) -> tuple[str, ...]:
        if text is None:
            return ()
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

    def _config(self, folder: Path) -> Config:
        place = self._chosen or find_config(folder.absolute())
        loaded = self._loaded.get(place)
        if loaded is None:
            loaded = Loaded(Config(root=str(Path.cwd()))) if place is None else load_config(place)
            self._loaded[place] = loaded
        config = loaded.config
        if self._select:
            config = replace(config, select=self._select, extend_select=())
        return replace(
            config,
            ignore=(*config.ignore, *self._ignore),
            preview=config.preview or self._preview,
        )

    def versions_of(self, path: Path) -> dict[str, str]:
        """The versions of the project's libraries."""
        folder = path.parent.absolute()
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

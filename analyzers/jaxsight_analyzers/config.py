"""Reads settings from TOML and from an editor. What is wrong is data, and its default is used."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any, cast

from jaxsight_analyzers.data import dataclass, replace
from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.rule import Rule
from jaxsight_analyzers.settings import (
    LIBRARIES,
    Kind,
    Setting,
    camel_case,
    key_of,
    settings_of,
)
from jaxsight_analyzers.settings import Config as Config
from jaxsight_analyzers.settings import RunnerConfig as RunnerConfig
from jaxsight_analyzers.settings import merge as merge
from jaxsight_analyzers.source import SourceFile
from jaxsight_analyzers.suppression import UNUSED_SUPPRESSION
from jaxsight_analyzers.toml_positions import Path as KeyPath
from jaxsight_analyzers.toml_positions import Positions, positions

EDITOR = "the editor's settings"
_SEVERITIES = ("error", "warning", "hint", "off")
_VERSION = re.compile(r"\d+(\.\d+)*([a-z]+\d*|\.(dev|post)\d*)*(\+[\w.]+)?", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b)?", re.IGNORECASE)
_BAD = object()  # a value that was refused; None is a value


@dataclass(frozen=True, slots=True)
class ConfigError:
    """What is wrong with a setting, and where. Lines and columns count from 1."""

    path: str
    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings as read, with the default in place of what was wrong."""

    config: Config
    errors: tuple[ConfigError, ...] = ()
    path: str | None = None  # the file they come from


def find_config(start: Path) -> Path | None:
    """The nearest configuration file at or above a file or folder."""
    for folder in (start, *start.parents):
        own = folder / "jaxsight.toml"
        if own.is_file():
            return own
        project = folder / "pyproject.toml"
        if project.is_file() and _speaks_of_us(project):
            return project
    return None


def _speaks_of_us(project: Path) -> bool:
    """Whether a pyproject.toml has our table. Parsed only if it holds our name at all."""
    try:
        data = project.read_bytes()
    except OSError:
        return False
    if b"jaxsight" not in data:
        return False
    table, _ = _parse_toml(data.decode("utf-8", "replace"))
    # One that does not parse may well be ours; reading it will say what is wrong.
    return table is None or isinstance(_below(table, ("tool", "jaxsight")), dict)


def load_config(path: Path, *, rules: Iterable[Rule] | None = None) -> Loaded:
    """Read a configuration file. One that cannot be read is an error in the result."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        return Loaded(Config(), (ConfigError(str(path), 1, 1, f"cannot be read: {reason}"),))
    return parse_config(text, path, rules=rules)


def parse_config(text: str, path: Path, *, rules: Iterable[Rule] | None = None) -> Loaded:
    """Read the text of a `pyproject.toml` (its table `tool.jaxsight`) or of a `jaxsight.toml`."""
    source = SourceFile(str(path), text)
    table, error = _parse_toml(text)
    if table is None:
        line, column = _toml_error_position(error)
        message = f"is not TOML: {error.partition(' (at ')[0]}"
        errors = (ConfigError(source.path, line, column, message),)
        return Loaded(Config(root=str(path.parent)), errors, source.path)
    prefix: KeyPath = ("tool", "jaxsight") if path.name == "pyproject.toml" else ()
    reader = _Reader(source, positions(text), prefix, rules, key_of)
    config = reader.config(_below(table, prefix))
    return Loaded(replace(config, root=str(path.parent)), tuple(reader.errors), source.path)


def config_from_mapping(
    mapping: Mapping[str, Any], *, rules: Iterable[Rule] | None = None
) -> Loaded:
    """Read an editor's settings: the same keys in camelCase. A null is a key that is not set."""
    reader = _Reader(SourceFile(EDITOR, ""), Positions(), (), rules, camel_case)
    return Loaded(reader.config(mapping), tuple(reader.errors))


def parse_names(
    text: str, rules: Iterable[Rule] | None = None
) -> tuple[tuple[str, ...], list[str]]:
    """The names of rules and families in a comma-separated list, and what is wrong with the others."""
    reader = _Reader(SourceFile("", ""), Positions(), (), rules, key_of)
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = tuple(name for word in names if (name := reader.rule_or_family(word, ())) is not None)
    return known, [error.message for error in reader.errors]


def nearest(word: str, candidates: Iterable[str]) -> str:
    """What the user may have meant, as the end of a sentence; nothing if nothing is near."""
    from difflib import get_close_matches  # only when something is wrong

    close = get_close_matches(word, list(candidates), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


def _parse_toml(text: str) -> tuple[dict[str, Any] | None, str]:
    # Some milliseconds that a run without configuration saves; 3.10 has no tomllib of its own.
    loads: Callable[[str], dict[str, Any]]
    loads = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads
    try:
        return loads(text), ""
    except (ValueError, RecursionError) as error:
        return None, str(error)


def _toml_error_position(message: str) -> tuple[int, int]:
    match = re.search(r"\(at line (\d+), column (\d+)\)", message)
    return (int(match[1]), int(match[2])) if match else (1, 1)


def _below(table: Mapping[str, Any], path: KeyPath) -> Any:
    value: Any = table
    for key in path:
        value = cast("Mapping[str | int, Any]", value).get(key) if isinstance(value, dict) else None
    return value


class _Reader:
    """Reads one table. Errors gather in `errors`, each at the place it is about."""

    def __init__(
        self,
        source: SourceFile,
        places: Positions,
        prefix: KeyPath,
        rules: Iterable[Rule] | None,
        spelled: Callable[[str], str],
    ) -> None:
        self.source = source
        self.places = places
        self.prefix = prefix
        self.spelled = spelled
        self.errors: list[ConfigError] = []
        self._rules = rules
        self._names: dict[str, str] | None = None

    @property
    def _all(self) -> tuple[Rule, ...]:
        return tuple(all_rules() if self._rules is None else self._rules)

    @property
    def names(self) -> dict[str, str]:
        """Every name that a rule or family has or had, and its name today."""
        if self._names is None:  # importing all rules is not free: only when a name is met
            rules = self._all
            names = {alias: rule.name for rule in rules for alias in rule.aliases}
            names |= {rule.family: rule.family for rule in rules}
            names |= {rule.name: rule.name for rule in rules}
            self._names = {**names, UNUSED_SUPPRESSION: UNUSED_SUPPRESSION}
        return self._names

    @property
    def thresholded(self) -> set[str]:
        """The rules that have a threshold."""
        return {rule.name for rule in self._all if rule.threshold is not None}

    def config(self, table: Any) -> Config:
        """The settings of the whole table."""
        if table is None:
            return Config()
        if not isinstance(table, Mapping):
            self._report((), "must be a table")
            return Config()
        rows = cast("Mapping[str, Any]", table)
        values = self._table(rows, Config, ())
        given = {name for name in values if name != "runner"}
        runner_rows: Any = rows.get("runner")
        if isinstance(runner_rows, Mapping):
            runner = self._table(cast("Mapping[str, Any]", runner_rows), RunnerConfig, ("runner",))
            values["runner"] = RunnerConfig(**runner)
            given |= {f"runner.{name}" for name in runner}
        return Config(**values, given=frozenset(given))

    def _table(
        self, table: Mapping[str, Any], owner: type[Config] | type[RunnerConfig], path: KeyPath
    ) -> dict[str, Any]:
        settings = settings_of(owner)
        fields = {self.spelled(name): name for name in settings}
        values: dict[str, Any] = {}
        for key, value in table.items():
            here = (*path, key)
            if key not in fields:
                self._report(here, f"unknown key `{key}`{nearest(key, fields)}", at_key=True)
            elif value is not None:
                read = self._read(settings[fields[key]], value, here)
                if read is not _BAD and not (owner is Config and key == "runner"):
                    values[fields[key]] = read
        return values

    def _read(self, setting: Setting, value: Any, path: KeyPath) -> Any:
        return _READERS[setting.kind](self, value, path)

    def _report(self, path: KeyPath, message: str, *, at_key: bool = False) -> Any:
        full = (*self.prefix, *path)
        offset = self.places.key(full) if at_key else self.places.value(full)
        line, column = self.source.position(offset)
        keys = ".".join(str(key) for key in path if isinstance(key, str))
        text = message if at_key or not keys else f"`{keys}` {message}"
        self.errors.append(ConfigError(self.source.path, line + 1, column + 1, text))
        return _BAD

    def rule_or_family(self, name: str, path: KeyPath) -> str | None:
        """The name of a rule or family as it is today; None, and an error, if there is none."""
        if name in self.names:
            return self.names[name]
        self._report(
            path, f"there is no rule or family `{name}`{nearest(name, self.names)}", at_key=True
        )
        return None

    def boolean(self, value: Any, path: KeyPath) -> Any:
        return value if isinstance(value, bool) else self._wrong(path, "true or false", value)

    def text(self, value: Any, path: KeyPath) -> Any:
        if isinstance(value, str) and not value:
            return None  # how editors say that nothing is set
        return value if isinstance(value, str) else self._wrong(path, "a string", value)

    def number(self, value: Any, path: KeyPath) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self._wrong(path, "a number", value)
        return value if isfinite(value) and value > 0 else self._report(path, "must be above zero")

    def size(self, value: Any, path: KeyPath) -> Any:
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            return self._wrong(path, 'a number of bytes or a text such as "16GiB"', value)
        exponent = " kmgt".index(match[2].lower()) if match[2] else 0
        size = int(float(match[1]) * (1024 if match[3] else 1000) ** exponent)
        return size or self._report(path, "must be above zero")

    def strings(self, value: Any, path: KeyPath) -> Any:
        if not isinstance(value, list | tuple):
            return self._wrong(path, "an array of strings", value)
        items = cast("list[Any]", value)
        for index, item in enumerate(items):
            if not isinstance(item, str):
                self._wrong((*path, index), "an array of strings", item)
        return tuple(item for item in items if isinstance(item, str))

    def rule_names(self, value: Any, path: KeyPath) -> Any:
        if not isinstance(value, list | tuple):
            return self._wrong(path, "an array of rule or family names", value)
        found: list[str] = []
        for index, item in enumerate(cast("list[Any]", value)):
            here = (*path, index)
            if not isinstance(item, str):
                self._wrong(here, "an array of rule or family names", item)
            elif (name := self._name_at_value(item, here)) is not None:
                found.append(name)
        # An array whose every name is wrong must not come to mean "all rules".
        return tuple(found) if found or not value else _BAD

    def _name_at_value(self, name: str, path: KeyPath) -> str | None:
        if name in self.names:
            return self.names[name]
        self._report(path, f"names `{name}`, which is no rule or family{nearest(name, self.names)}")
        return None

    def severities(self, value: Any, path: KeyPath) -> Any:
        found: dict[str, str] = {}
        for key, item in self._rows(value, path, "a table of severities"):
            here = (*path, key)
            name = self.rule_or_family(key, here)
            if name is not None and isinstance(item, str) and item in _SEVERITIES:
                found[name] = item
            elif name is not None:
                hint = nearest(item, _SEVERITIES) if isinstance(item, str) else ""
                self._wrong(here, '"error", "warning", "hint" or "off"', item, hint)
        return found if isinstance(value, Mapping) else _BAD

    def names_by_glob(self, value: Any, path: KeyPath) -> Any:
        found: dict[str, tuple[str, ...]] = {}
        for glob, item in self._rows(value, path, "a table of globs"):
            names = self.rule_names(item, (*path, glob))
            if names is not _BAD:
                found[glob] = names
        return found if isinstance(value, Mapping) else _BAD

    def versions(self, value: Any, path: KeyPath) -> Any:
        found: dict[str, str] = {}
        for key, item in self._rows(value, path, "a table of versions"):
            library = re.sub(r"[-_.]+", "-", key).lower()
            here = (*path, key)
            if library not in LIBRARIES:
                self._report(here, f"unknown library `{key}`{nearest(key, LIBRARIES)}", at_key=True)
            elif not isinstance(item, str) or not _VERSION.fullmatch(item):
                self._wrong(here, 'a version such as "0.6.2"', item)
            else:
                found[library] = item
        return found if isinstance(value, Mapping) else _BAD

    def thresholds(self, value: Any, path: KeyPath) -> Any:
        found: dict[str, float] = {}
        for key, item in self._rows(value, path, "a table of numbers"):
            here = (*path, key)
            name = self.names.get(key)
            if name not in self.thresholded:
                message = f"there is no threshold `{key}`{nearest(key, self.thresholded)}"
                self._report(here, message, at_key=True)
            elif (number := self.number(item, here)) is not _BAD:
                found[name] = number
        return found if isinstance(value, Mapping) else _BAD

    def variables(self, value: Any, path: KeyPath) -> Any:
        found: dict[str, str] = {}
        for key, item in self._rows(value, path, "a table of strings"):
            if isinstance(item, str):
                found[key] = item
            else:
                self._wrong((*path, key), "a string", item)
        return found if isinstance(value, Mapping) else _BAD

    def table(self, value: Any, path: KeyPath) -> Any:
        return value if isinstance(value, Mapping) else self._wrong(path, "a table", value)  # type: ignore[reportUnknownVariableType]

    def _rows(self, value: Any, path: KeyPath, what: str) -> Iterable[tuple[str, Any]]:
        if isinstance(value, Mapping):
            return cast("Mapping[str, Any]", value).items()
        self._wrong(path, what, value)
        return ()

    def _wrong(self, path: KeyPath, wanted: str, value: Any, hint: str = "") -> Any:
        return self._report(path, f"must be {wanted}, not {_shown(value)}{hint}")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "an array"
    return "a table" if isinstance(value, Mapping) else str(value)


_READERS: dict[Kind, Callable[[_Reader, Any, KeyPath], Any]] = {
    Kind.NAMES: _Reader.rule_names,
    Kind.BOOLEAN: _Reader.boolean,
    Kind.SEVERITIES: _Reader.severities,
    Kind.NAMES_BY_GLOB: _Reader.names_by_glob,
    Kind.GLOBS: _Reader.strings,
    Kind.VERSIONS: _Reader.versions,
    Kind.THRESHOLDS: _Reader.thresholds,
    Kind.TEXT: _Reader.text,
    Kind.SECONDS: _Reader.number,
    Kind.SIZE: _Reader.size,
    Kind.VARIABLES: _Reader.variables,
    Kind.TABLE: _Reader.table,
}

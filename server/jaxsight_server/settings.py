"""What the editor says about trust, interpreters and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

from jaxsight_analyzers.config import Config, camel_case, config_from_mapping
from jaxsight_analyzers.settings import settings_of


@dataclass(frozen=True, slots=True)
class Lenses:
    """Which code lenses are shown. `codeLens` in the editor's settings: a boolean, or these."""

    benchmark: bool = True
    check_gradients: bool = True
    inspect: bool = True
    last_result: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """The editor's side of the configuration.

    Editors that know no trust start the server because their user said so: they are trusted.
    """

    trusted: bool = True
    config: Config = field(default_factory=Config)
    interpreter: Path | None = None  # the user's Python, for library versions and runs
    client_commands: bool = False
    lenses: Lenses = field(default_factory=Lenses)
    shape_hints: bool = True  # beside variables whose shapes a run has found
    problems: tuple[str, ...] = ()


def from_options(options: object) -> Settings:
    """Read `initializationOptions`."""
    table = mapping(options)
    interpreter: object = table.get("interpreter")
    settings = Settings(
        trusted=table.get("trusted", True) is True,
        interpreter=Path(interpreter).expanduser()
        if isinstance(interpreter, str) and interpreter
        else None,
        client_commands=table.get("clientCommands") is True,
    )
    return with_section(settings, table.get("settings"))


def with_section(settings: Settings, section: object) -> Settings:
    """The settings with those of the editor's `jaxsight` section, in which all keys are optional."""
    table = mapping(section)
    known = {camel_case(name) for name in settings_of(Config)}
    loaded = config_from_mapping({key: table[key] for key in table if key in known})
    return replace(
        settings,
        config=loaded.config,
        lenses=_lenses(table.get("codeLens")),
        shape_hints=mapping(table.get("inlayHints")).get("shapes") is not False,
        problems=tuple(error.message for error in loaded.errors),
    )


def _lenses(value: object) -> Lenses:
    if isinstance(value, bool):
        return Lenses(**dict.fromkeys((item.name for item in fields(Lenses)), value))
    table = mapping(value)
    return Lenses(
        **{item.name: table.get(camel_case(item.name)) is not False for item in fields(Lenses)}
    )


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object; an empty one in place of anything else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}

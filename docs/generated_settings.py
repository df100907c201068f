"""Settings as pages: the table of keys, the JSON schema, the extension's configuration."""

from __future__ import annotations

import json
from typing import Any

from jaxsight_analyzers.registry import all_rules, families
from jaxsight_analyzers.settings import (
    LIBRARIES,
    Config,
    Kind,
    RunnerConfig,
    Setting,
    camel_case,
    key_of,
    settings_of,
)

_STRINGS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}


def settings_page() -> str:
    """`docs/settings.md`."""
    parts = [
        "# Settings",
        "In `[tool.jaxsight]` of the nearest `pyproject.toml`, or in `jaxsight.toml`. An editor's settings have "
        "the same names in camelCase; the project's file wins, the editor's fill in what it leaves open.",
    ]
    parts += [
        _entry(key_of(n), s) for n, s in settings_of(Config).items() if s.kind is not Kind.TABLE
    ]
    parts += [_entry(f"runner.{key_of(n)}", s) for n, s in settings_of(RunnerConfig).items()]
    return "\n\n".join(parts) + "\n"


def _entry(key: str, setting: Setting) -> str:
    return (
        f"## `{key}`\n\n{setting.doc}\n\nDefault: {setting.default}\n\n"
        f"```toml\n[tool.jaxsight]\n{key} = {setting.example}\n```"
    )


def schema() -> dict[str, Any]:
    """The JSON schema of the table, for editors of TOML."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "JAX Sight",
        **_table(Config, key_of),
    }


def _table(owner: type[Config] | type[RunnerConfig], spelled: Any) -> dict[str, Any]:
    properties = {
        spelled(name): {**_type_of(setting, spelled), "description": setting.doc}
        for name, setting in settings_of(owner).items()
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _type_of(setting: Setting, spelled: Any) -> dict[str, Any]:
    names = [*families(), *(rule.name for rule in all_rules()), "suppression", "unused-suppression"]
    enum: dict[str, Any] = {"type": "string", "enum": names}
    levels = {"enum": ["error", "warning", "hint", "off"]}
    kinds: dict[Kind, dict[str, Any]] = {
        Kind.NAMES: {"type": "array", "items": enum},
        Kind.BOOLEAN: {"type": "boolean"},
        Kind.SEVERITIES: {"type": "object", "propertyNames": enum, "additionalProperties": levels},
        Kind.NAMES_BY_GLOB: {
            "type": "object",
            "additionalProperties": {"type": "array", "items": enum},
        },
        Kind.GLOBS: _STRINGS,
        Kind.VERSIONS: {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: {"type": "string"} for name in LIBRARIES},
        },
        Kind.THRESHOLDS: {"type": "object", "additionalProperties": {"type": "number"}},
        Kind.TEXT: {"type": "string"},
        Kind.SECONDS: {"type": "number", "exclusiveMinimum": 0},
        Kind.SIZE: {"type": ["integer", "string"]},
        Kind.VARIABLES: {"type": "object", "additionalProperties": {"type": "string"}},
    }
    return _table(RunnerConfig, spelled) if setting.kind is Kind.TABLE else kinds[setting.kind]


def extension_settings(manifest: str) -> str:
    """The extension's `package.json` with the settings it shares with the project's file."""
    data: dict[str, Any] = json.loads(manifest)
    properties: dict[str, Any] = {}
    for name, setting in settings_of(Config).items():
        if setting.kind is not Kind.TABLE:
            properties[f"jaxsight.{camel_case(name)}"] = _editor(setting, f"`{key_of(name)}`")
    for name, setting in settings_of(RunnerConfig).items():
        key = f"runner.{key_of(name)}"
        properties[f"jaxsight.runner.{camel_case(name)}"] = _editor(setting, f"`{key}`")
    shared = {
        "id": "jaxsight.project",
        "title": "Project",
        "order": 2,
        "properties": properties,
    }
    blocks: list[dict[str, Any]] = data["contributes"]["configuration"]
    data["contributes"]["configuration"] = [
        *(block for block in blocks if block["id"] != shared["id"]),
        shared,
    ]
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _editor(setting: Setting, key: str) -> dict[str, Any]:
    described = f"{setting.doc} A project's file wins ({key}). Default: {setting.default}."
    scope = "machine-overridable" if setting.kind in (Kind.TEXT, Kind.VARIABLES) else "resource"
    kind = _type_of(setting, camel_case)
    kinds: Any = kind.get("type", "string")
    optional = [*([kinds] if isinstance(kinds, str) else kinds), "null"]
    return {
        **kind,
        "type": optional,
        "default": None,
        "scope": scope,
        "markdownDescription": described,
    }

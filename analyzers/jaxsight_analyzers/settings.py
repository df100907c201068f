"""The settings, as data, with their documentation.

`Config` is the one source of the TOML reader (`config.py`), the JSON schema, the settings
page and the extension's settings: a field of it, with its metadata, is a setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from os.path import abspath, isabs
from typing import Any

from jaxsight_analyzers.data import dataclass, field, fields, replace
from jaxsight_analyzers.diagnostic import Severity
from jaxsight_analyzers.globs import matches
from jaxsight_analyzers.rule import Rule

LIBRARIES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "numpyro",
    "chex",
    "equinox",
    "jaxopt",
    "dm-haiku",
)
DEFAULT_INCLUDE = ("*.py", "*.pyi", "*.ipynb")


class Kind(Enum):
    """What values a setting takes."""

    NAMES = auto()  # rules or families
    BOOLEAN = auto()
    SEVERITIES = auto()
    NAMES_BY_GLOB = auto()
    GLOBS = auto()
    VERSIONS = auto()
    THRESHOLDS = auto()
    TEXT = auto()
    SECONDS = auto()
    SIZE = auto()
    VARIABLES = auto()
    TABLE = auto()


@dataclass(frozen=True, slots=True)
class Setting:
    """What a user is told about one key."""

    doc: str
    kind: Kind
    example: str  # the value, in TOML
    default: str  # the value when the key is absent, in words or TOML


def _setting(doc: str, kind: Kind, example: str, default: str) -> Mapping[str, Any]:
    return {"setting": Setting(doc, kind, example, default)}


@dataclass(frozen=True, slots=True)
class RunnerConfig:
    """How *Benchmark*, *Check gradients* and their kin run your code."""

    interpreter: str | None = field(
        default=None,
        metadata=_setting(
            "The Python that runs your code and whose libraries' versions count. Relative to the "
            "configuration file.",
            Kind.TEXT,
            '".venv/bin/python"',
            "`.venv` or `venv` near the project, else the active environment",
        ),
    )
    timeout: float | None = field(
        default=None,
        metadata=_setting(
            "Seconds after which a run is ended, counted from its start.",
            Kind.SECONDS,
            "300",
            "no limit",
        ),
    )
    memory_limit: int | None = field(
        default=None,
        metadata=_setting(
            "Address space that a run may use: bytes, or a text such as `16GiB`.",
            Kind.SIZE,
            '"16GiB"',
            "no limit",
        ),
    )
    env: Mapping[str, str] = field(
        default_factory=dict[str, str],
        metadata=_setting(
            "Environment variables of a run, beside those of the editor or the terminal.",
            Kind.VARIABLES,
            '{ XLA_FLAGS = "--xla_force_host_platform_device_count=8" }',
            "`{}`",
        ),
    )
    launch: str | None = field(
        default=None,
        metadata=_setting(
            "A launcher put before the interpreter, such as `srun -n 4`. Split into words, never "
            "given to a shell; used in trusted workspaces only.",
            Kind.TEXT,
            '"srun -n 4"',
            "none",
        ),
    )


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one project. `Config()` is what holds without a configuration file."""

    select: tuple[str, ...] = field(
        default=(),
        metadata=_setting(
            "Rules or families to run, instead of all stable rules. A rule named beats a family named.",
            Kind.NAMES,
            '["prng", "traced-if"]',
            "all stable rules",
        ),
    )
    ignore: tuple[str, ...] = field(
        default=(),
        metadata=_setting(
            "Rules or families not to run.",
            Kind.NAMES,
            '["performance"]',
            "`[]`",
        ),
    )
    extend_select: tuple[str, ...] = field(
        default=(),
        metadata=_setting(
            "Rules or families to run in addition to `select`.",
            Kind.NAMES,
            '["jit-in-loop"]',
            "`[]`",
        ),
    )
    preview: bool = field(
        default=False,
        metadata=_setting(
            "Runs rules in preview too. Without it a preview rule runs only where it is selected by name.",
            Kind.BOOLEAN,
            "true",
            "`false`",
        ),
    )
    severity: Mapping[str, str] = field(
        default_factory=dict[str, str],
        metadata=_setting(
            "Severity of a rule or a family: `error`, `warning`, `hint`, or `off`.",
            Kind.SEVERITIES,
            '{ key-reuse = "warning", jit-in-loop = "off" }',
            "each rule's own",
        ),
    )
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, "tuple[str, ...]"],
        metadata=_setting(
            "Rules or families not to run in files that match a glob.",
            Kind.NAMES_BY_GLOB,
            '{ "tests/**" = ["print-in-trace"] }',
            "`{}`",
        ),
    )
    include: tuple[str, ...] = field(
        default=DEFAULT_INCLUDE,
        metadata=_setting(
            "Globs of the files to look for in folders. A folder that is named in one of them is "
            "searched even if it is skipped by default or by `.gitignore`: `build/**/*.py`.",
            Kind.GLOBS,
            '["src/**/*.py", "*.ipynb"]',
            '`["*.py", "*.pyi", "*.ipynb"]`',
        ),
    )
    exclude: tuple[str, ...] = field(
        default=(),
        metadata=_setting(
            "Globs of files and folders to skip, beside those that are always skipped: environments, "
            "caches, build folders and what `.gitignore` names.",
            Kind.GLOBS,
            '["third_party", "*_pb2.py"]',
            "`[]`",
        ),
    )
    versions: Mapping[str, str] = field(
        default_factory=dict[str, str],
        metadata=_setting(
            "Versions of libraries to check against, instead of those that the environment has.",
            Kind.VERSIONS,
            '{ jax = "0.6", flax = "0.10" }',
            "the environment's, else the lock file's, else the newest known",
        ),
    )
    thresholds: Mapping[str, float] = field(
        default_factory=dict[str, float],
        metadata=_setting(
            "The number from which a rule reports, for rules that have one.",
            Kind.THRESHOLDS,
            "{ python-loop-unroll = 16 }",
            "each rule's own",
        ),
    )
    baseline: str | None = field(
        default=None,
        metadata=_setting(
            "A file of accepted findings, written by `jaxsight check --write-baseline FILE`. Relative "
            "to the configuration file.",
            Kind.TEXT,
            '"jaxsight-baseline.json"',
            "none",
        ),
    )
    runner: RunnerConfig = field(
        default_factory=RunnerConfig,
        metadata=_setting(
            "How your code is run by *Benchmark*, *Check gradients* and their kin.",
            Kind.TABLE,
            "",
            "",
        ),
    )
    # Absolute path of the folder that globs and paths are relative to; not a setting.
    root: str = ""
    # The settings that were written down: "select", "runner.env".
    given: frozenset[str] = frozenset()

    def enabled(self, rule: Rule, path: str) -> bool:
        """Whether a rule runs on a file."""
        return self.allows(rule.name, rule.family, path, preview=rule.preview)

    def allows(self, name: str, family: str, path: str, *, preview: bool = False) -> bool:
        """Whether findings of that name and family are wanted in a file."""
        if self.severity.get(name, self.severity.get(family)) == "off":
            return False
        return self._selects(name, family, preview) and not self._ignored_in(name, family, path)

    def _selects(self, name: str, family: str, preview: bool) -> bool:
        """A name beats a family; of two that are equally exact, `ignore` beats `select`."""
        if name in self.ignore:
            return False
        if name in self.select or name in self.extend_select:
            return True
        if family in self.ignore or (preview and not self.preview):
            return False
        return not self.select or family in self.select or family in self.extend_select

    def _ignored_in(self, name: str, family: str, path: str) -> bool:
        if not self.per_file_ignores:
            return False
        relative = self.relative(path)
        return any(
            (name in names or family in names) and matches(glob, relative)
            for glob, names in self.per_file_ignores.items()
        )

    def relative(self, path: str) -> str:
        """A path as globs see it: from the project's root where it lies below, with slashes."""
        if self.root and not isabs(path):  # noqa: PTH117  # pathlib is slow for one call per rule and file
            path = abspath(path)  # noqa: PTH100
        path, root = path.replace("\\", "/"), self.root.replace("\\", "/").rstrip("/")
        return path.removeprefix(f"{root}/") if root else path.lstrip("/")

    def severity_of(self, rule: Rule) -> Severity | None:
        """How grave a rule's findings are; None if they are off."""
        configured = self.severity.get(rule.name, self.severity.get(rule.family))
        if configured is None:
            return rule.severity
        return None if configured == "off" else Severity(configured)

    def resolved(self, path: str) -> str:
        """A path that a setting names, from the folder of the configuration file."""
        from pathlib import Path  # rarely needed, and not free to import

        return str(Path(self.root, path).absolute()) if self.root else path


def key_of(field_name: str) -> str:
    """A field's name as TOML spells it."""
    return field_name.replace("_", "-")


def camel_case(field_name: str) -> str:
    """A field's name as editors spell it."""
    first, *rest = field_name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def settings_of(owner: type[Config] | type[RunnerConfig]) -> dict[str, Setting]:
    """The settings of a table, by field name, in their order."""
    return {
        field.name: field.metadata["setting"]
        for field in fields(owner)
        if "setting" in field.metadata
    }


def merge(file: Config, editor: Config) -> Config:
    """The project's settings, and the editor's where the project leaves one open."""
    open_ones = {
        name: getattr(editor, name)
        for name in settings_of(Config)
        if name != "runner" and name not in file.given
    }
    runner = {
        name: getattr(editor.runner, name)
        for name in settings_of(RunnerConfig)
        if f"runner.{name}" not in file.given
    }
    return replace(
        file,
        **open_ones,
        runner=replace(file.runner, **runner),
        root=file.root or editor.root,
        given=file.given | editor.given,
    )

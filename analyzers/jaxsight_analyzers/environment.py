"""Which libraries a project uses, in which version. Read from disk: no interpreter is ever run.

Order: the configuration, the interpreter's `dist-info` folders, `uv.lock`, `requirements*.txt`,
the lower bounds in `pyproject.toml`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from jaxsight_analyzers.settings import LIBRARIES, Config

# As text: compiled on first use, since most runs need none but the first.
_METADATA = r"(?P<name>[A-Za-z0-9_.]+)-(?P<version>[0-9][^-]*)(?:-.*)?\.(?:dist|egg)-info"
_LOCKED = r'\[\[package\]\]\s+name = "([^"]+)"\s+version = "([^"]+)"'
_REQUIREMENT = r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?P<bounds>[<>=!~^][^;#]*)"
_LOWER = r"(===?|~=|>=|\^)\s*([0-9][\w.]*)"
_SETTING = r"(?m)^\s*([\w-]+)\s*=\s*(.*?)\s*$"


class Library(NamedTuple):
    """One library's version, and in words where that is known from."""

    name: str
    version: str
    origin: str


def library_versions(root: Path, interpreter: Path | None, config: Config) -> dict[str, str]:
    """Version of each library that anything tells one of."""
    return {library.name: library.version for library in find_libraries(root, interpreter, config)}


def find_libraries(root: Path, interpreter: Path | None, config: Config) -> tuple[Library, ...]:
    """The libraries of a project, in the order of `LIBRARIES`. `interpreter` None: search one."""
    found = {name: Library(name, version, "settings") for name, version in config.versions.items()}
    python = interpreter or find_interpreter(root, config)
    if python is not None:
        _add(found, installed(site_packages(python)))
    for declared in (_locked, _required, _bounded):
        if len(found) < len(LIBRARIES):
            _add(found, declared(root))
    return tuple(found[name] for name in LIBRARIES if name in found)


def find_interpreter(root: Path, config: Config | None = None) -> Path | None:
    """The Python of a project: from the settings, an environment in its folder or in one above it up to
    the repository's, or the environment that is active.
    """
    if config is not None and config.runner.interpreter:
        return Path(config.resolved(config.runner.interpreter))
    for folder in _up_to_repository(root):
        for name in (".venv", "venv"):
            if (python := _python_in(folder / name)) is not None:
                return python
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        prefix = os.environ.get(variable)
        if prefix and (python := _python_in(Path(prefix))) is not None:
            return python
    return None


def _python_in(prefix: Path) -> Path | None:
    places = ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe")
    return next((python for place in places if (python := prefix / place).exists()), None)


def _up_to_repository(root: Path) -> Iterator[Path]:
    for folder in (root, *root.parents):
        yield folder
        if (folder / ".git").exists():
            return


def site_packages(interpreter: Path) -> tuple[Path, ...]:
    """The folders an interpreter imports installed packages from, its own environment's first."""
    prefix = _prefix(interpreter)
    settings = _pyvenv(prefix)
    if settings is None:
        real = interpreter.resolve()  # such as /usr/bin/python3 -> /usr/bin/python3.11
        prefixes = dict.fromkeys((prefix, _prefix(real)))
        version = _version_in(real.name)
        folders = [folder for one in prefixes for folder in _packages_below(one, version)]
        return tuple(dict.fromkeys((*folders, *_of_user(version))))
    version = _version_in(settings.get("version") or settings.get("version_info") or "")
    folders = _packages_below(prefix, version)
    if settings.get("include-system-site-packages", "").lower() == "true" and "home" in settings:
        folders += _packages_below(Path(settings["home"]).parent, version)
    return tuple(dict.fromkeys(folders))


def _prefix(interpreter: Path) -> Path:
    """The folder of an environment or installation, from its interpreter."""
    folder = interpreter.absolute().parent
    return folder.parent if folder.name.lower() in ("bin", "scripts") else folder


def _pyvenv(prefix: Path) -> dict[str, str] | None:
    try:
        text = (prefix / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return {match[1].lower(): match[2] for match in re.finditer(_SETTING, text)}


def _version_in(text: str) -> str | None:
    match = re.search(r"(3\.\d+)", text)
    return match[1] if match else None


def _packages_below(prefix: Path, version: str | None) -> list[Path]:
    """Linux and macOS (`lib`, `lib64`, Debian's `dist-packages`), then Windows (`Lib`)."""
    found: list[Path] = []
    for library in (prefix / "lib", prefix / "lib64", prefix / "local" / "lib"):
        pythons = sorted(library.glob("python3*"), key=lambda path: _version_key(path.name))
        for python in reversed(pythons):
            is_other = version is not None and python.name not in (f"python{version}", "python3")
            if not is_other:
                found += [python / "site-packages", python / "dist-packages"]
    found.append(prefix / "Lib" / "site-packages")
    return [folder for folder in found if folder.is_dir()]


def _of_user(version: str | None) -> list[Path]:
    """`pip install --user`, which only interpreters outside environments see."""
    return _packages_below(Path.home() / ".local", version) if version else []


def installed(folders: Iterable[Path]) -> Iterator[Library]:
    """The libraries that the given folders hold, by the names of their metadata folders."""
    for folder in folders:
        try:
            names = os.listdir(folder)  # noqa: PTH208  # hundreds of entries, of which we want ten
        except OSError:
            continue
        matches = (re.fullmatch(_METADATA, name) for name in names if name.endswith("-info"))
        rows = [(_normalised(match["name"]), match["version"]) for match in matches if match]
        for name, version in sorted(rows, key=lambda row: _version_key(row[1]), reverse=True):
            yield Library(name, version, str(folder))


def _locked(root: Path) -> Iterator[Library]:
    for folder in _up_to_repository(root):
        text = _text(folder / "uv.lock")
        if text:
            rows = sorted(
                re.findall(_LOCKED, text), key=lambda row: _version_key(row[1]), reverse=True
            )
            for name, version in rows:
                yield Library(_normalised(name), version, str(folder / "uv.lock"))
            return


def _required(root: Path) -> Iterator[Library]:
    for folder in _up_to_repository(root):
        for path in sorted(folder.glob("requirements*.txt")):
            lines = (line.partition("#")[0].strip() for line in _text(path).splitlines())
            yield from _requirements((line for line in lines if line), str(path))


def _bounded(root: Path) -> Iterator[Library]:
    """Lower bounds. Quoted requirements of any table: dependencies, extras, groups."""
    for folder in _up_to_repository(root):
        path = folder / "pyproject.toml"
        text = _text(path)
        quoted = re.findall(r"""["']([A-Za-z0-9][^"'\r\n]*)["']""", text)
        yield from _requirements(quoted, str(path))
        poetry = re.findall(r"""^([\w-]+)\s*=\s*["']([\^~>=][^"'\r\n]*)["']""", text, re.MULTILINE)
        rows = (
            f"{name}{'' if bound[0] in '^>=' else '~='}{bound.lstrip('~')}"
            for name, bound in poetry
        )
        yield from _requirements(rows, str(path))


def _requirements(lines: Iterable[str], origin: str) -> Iterator[Library]:
    for line in lines:
        match = re.match(_REQUIREMENT, line)
        bound = re.search(_LOWER, match["bounds"]) if match else None
        if match and bound:
            yield Library(_normalised(match["name"]), bound[2].rstrip("."), origin)


def _add(found: dict[str, Library], libraries: Iterable[Library]) -> None:
    for library in libraries:
        if library.name in LIBRARIES:
            found.setdefault(library.name, library)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))

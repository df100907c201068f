"""A workspace on the disk: how its files are read, and which folders its imports are looked up from."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import cast

from jaxsight_analyzers.discovery import SKIPPED
from jaxsight_analyzers.encoding import DecodingError, decode
from jaxsight_analyzers.project.workspace import Workspace
from jaxsight_analyzers.project.x64 import mentions

MAX_BYTES = 5_000_000
"""A file larger than this is not looked into."""

MAX_FILES = 20_000
"""Whether a folder with more files speaks of 64 bits is not known."""

_MARKS = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg")
_TELLING = (
    ".py",
    ".toml",
    ".cfg",
    ".ini",
    ".env",
    ".sh",
    ".yml",
    ".yaml",
    "Makefile",
    "Dockerfile",
)


def workspace_of(
    root: Path,
    current: Path,
    *,
    absolute: bool,
    x64: Callable[[str], bool] = lambda path: False,
) -> Workspace:
    """The workspace below a folder, whose files are named by where they are, or from the current folder."""
    folders = [*roots_of(root)]
    if absolute:
        return Workspace(read, tuple(dict.fromkeys(f.absolute().as_posix() for f in folders)), x64)
    names = [os.path.relpath(folder, current).replace(os.sep, "/") for folder in folders]
    above = [name for name in names if name != "." and not name.strip("./")]
    inside = ["" if name == "." else name for name in names if name not in above]
    # last those above, from where what is here has another name
    return Workspace(read, tuple(dict.fromkeys([*inside, "", *above])), x64)


def read(path: str) -> str | None:
    """The text of a file; "" for a folder that is there, None for what is not or cannot be read."""
    if path.endswith("/"):
        return "" if os.path.isdir(path) else None  # noqa: PTH112
    try:
        status = os.stat(path)  # noqa: PTH116
        if status.st_size > MAX_BYTES or not stat.S_ISREG(status.st_mode):
            return None
        data = Path(path).read_bytes()
        return decode(data).text
    except (OSError, ValueError, DecodingError):
        return None


def stamp_of(path: str) -> tuple[int, int] | None:
    """What changes with a file: its size and the time of its last change."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


def roots_of(folder: Path) -> Iterator[Path]:
    """The folders that imports are looked up from: those of packages, `src`, and the workspace's own."""
    yield from _named(folder)
    yield folder / "src"
    yield folder


def _named(folder: Path) -> Iterator[Path]:
    """The folders of the packages that the project's pyproject.toml names."""
    try:
        text = (folder / "pyproject.toml").read_text(encoding="utf-8-sig")
        if "package" not in text:
            return
        table = _toml(text)
    except (OSError, ValueError):
        return
    tool = _table(table, "tool")
    setuptools = _table(_table(tool, "setuptools"), "packages")
    for name in _list(_table(setuptools, "find"), "where"):
        yield folder / str(name)
    wheel = _table(_table(_table(_table(tool, "hatch"), "build"), "targets"), "wheel")
    for name in _list(wheel, "packages"):
        yield (folder / str(name)).parent
    for entry in _list(_table(tool, "poetry"), "packages"):
        if isinstance(entry, dict):
            yield folder / str(cast("dict[str, object]", entry).get("from", ""))


def _table(table: dict[str, object], name: str) -> dict[str, object]:
    found = table.get(name)
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _list(table: dict[str, object], name: str) -> list[object]:
    found = table.get(name)
    return cast("list[object]", found) if isinstance(found, list) else []


def _toml(text: str) -> dict[str, object]:
    return import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads(text)


# Whether a project speaks of 64 bits


def x64_below(folder: Path) -> bool:
    """Whether a file in a folder speaks of 64 bits; as if so where there are too many to look at."""
    return any(text is None or mentions(text) for text in _texts_below(folder))


def x64_in_settings(folder: Path) -> bool:
    """Whether a file does that lies in a folder itself and is no Python: a Makefile, the settings of tests."""
    names = (name for name in _listed(folder) if _tells(name) and not name.endswith(".py"))
    return any(mentions(read(f"{folder}/{name}") or "") for name in names)


def project_of(path: Path) -> Path | None:
    """The folder of the project that a file belongs to; None where nothing marks one."""
    for folder in Path(os.path.abspath(path)).parents:  # noqa: PTH100  # `resolve` would follow links
        if any((folder / mark).exists() for mark in _MARKS):
            return folder
    return None


def package_root(folder: Path) -> Path:
    """The folder that the package around a folder is imported from; that folder itself where there is none."""
    while (folder / "__init__.py").exists() and folder.parent != folder:
        folder = folder.parent
    return folder


def _texts_below(folder: Path) -> Iterator[str | None]:
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED]
        for name in names:
            count += 1
            if count > MAX_FILES:
                yield None
                return
            if _tells(name):
                yield read(f"{place}/{name}") or ""


def _tells(name: str) -> bool:
    return name.endswith(_TELLING)


def _listed(folder: Path) -> Iterable[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return ()

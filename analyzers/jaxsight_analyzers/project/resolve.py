"""Which file an import means, from the paths of files alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator

Exists = Callable[[str], bool]

INIT = "__init__.py"


def module_file(
    name: str, level: int, importer: str, roots: Iterable[str], exists: Exists
) -> str | None:
    """The file of the module `name`, imported in the file `importer` with `level` leading dots.

    Paths are written with slashes. Roots are looked through in order, the folder of a script first.
    A package is its `__init__.py`, be there such a file or none but modules below the folder.
    """
    if level:
        folder: str | None = parent(importer)
        for _ in range(level - 1):
            folder = None if folder is None else _above(folder)
        return None if folder is None else _in_folder(folder, name, exists)
    top = name.partition(".")[0]
    if not top or top in sys.stdlib_module_names:
        return None
    for root in _roots(importer, roots, exists):
        if _in_folder(root, top, exists) is not None:
            return _in_folder(root, name, exists)
    return None


def submodule_file(package: str, name: str, exists: Exists) -> str | None:
    """The file of the module `name` of a package, which is given by its `__init__.py`."""
    return _in_folder(parent(package), name, exists) if is_package(package) else None


def is_package(path: str) -> bool:
    """Whether a file is that of a package."""
    return path.rpartition("/")[2] == INIT


def parent(path: str) -> str:
    """The folder of a file; empty for the folder that paths are relative to."""
    folder, slash, _ = path.rpartition("/")
    return folder or slash


def joined(folder: str, name: str) -> str:
    """A path in a folder."""
    return name if not folder else f"{folder}{name}" if folder == "/" else f"{folder}/{name}"


def _above(folder: str) -> str | None:
    return parent(folder) if folder not in ("", "/") else None


def _roots(importer: str, roots: Iterable[str], exists: Exists) -> Iterator[str]:
    folder = parent(importer)
    if not exists(joined(folder, INIT)):
        yield folder  # of a script: a module of a package is not run as one
    yield from roots


def _in_folder(folder: str, name: str, exists: Exists) -> str | None:
    base = joined(folder, name.replace(".", "/")) if name else folder
    package = joined(base, INIT)
    if exists(package):
        return package
    if name and exists(f"{base}.py"):
        return f"{base}.py"
    return package if exists(f"{base}/") else None

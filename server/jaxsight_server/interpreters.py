"""Finds the Python a file is run with, by looking at the disk and the environment. Runs none."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python, and why it was chosen."""

    path: Path
    why: str


def find_interpreter(
    file: Path,
    *,
    explicit: str | None = None,
    configured: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Interpreter | None:
    """The first there is: asked for, configured, beside the file, active, on PATH.

    What was asked for or configured is taken as it is: a wrong path is an error to report, not a
    reason to run another Python than the one that was named.
    """
    environ = os.environ if environ is None else environ
    for value, why in ((explicit, "as asked for"), (configured, "as `runner.interpreter` says")):
        if value:
            return Interpreter(_named(value, environ), why)
    return next(_candidates(file, environ), None)


def _candidates(file: Path, environ: Mapping[str, str]) -> Iterator[Interpreter]:
    for folder in file.absolute().parents:
        for name in (".venv", "venv"):
            if python := _python_of(folder / name):
                yield Interpreter(python, f"the environment {name} in {folder}")
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if (prefix := environ.get(variable)) and (python := _python_of(Path(prefix))):
            yield Interpreter(python, f"the active environment ({variable})")
    for name in ("python3", "python"):
        if found := shutil.which(name, path=environ.get("PATH")):
            yield Interpreter(Path(found), f"{name} on PATH")


def _python_of(prefix: Path) -> Path | None:
    """The Python of an environment. Not resolved: the link's place is what makes it that one."""
    places = (
        ("Scripts/python.exe", "python.exe")
        if sys.platform == "win32"
        else ("bin/python", "bin/python3")
    )
    return next((prefix / place for place in places if (prefix / place).is_file()), None)


def _named(value: str, environ: Mapping[str, str]) -> Path:
    """A path, the folder of an environment, or a command's name."""
    path = Path(value).expanduser()
    if path.is_dir():
        return _python_of(path) or path
    if path.parent == Path() and (found := shutil.which(value, path=environ.get("PATH"))):
        return Path(found)
    return path.absolute()

"""What a process has imported, and whether that is what a new one would import."""

from __future__ import annotations

import contextlib
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Optional

_State = tuple[int, int, int]  # when it was changed, its size, its inode
_INSTALLED = (".dist-info", ".egg-info", ".egg-link", ".pth")


class Imported:
    """The files of modules and what was installed, as they were then."""

    def __init__(self) -> None:
        self._states: dict[Path, Optional[_State]] = {}
        self._before = _top_level()  # what every Python has imported
        self._installed = _installed()
        self.note()

    def note(self) -> None:
        """Remember the state of what came since."""
        for place in (Path(sys.executable), Path(sys.prefix, "pyvenv.cfg"), *_files()):
            if place not in self._states:
                self._states[place] = _state(place)

    def changed(self) -> Optional[str]:
        """A file or folder that is not as it was: something was installed, or edited."""
        for place, state in self._states.items():
            if _state(place) != state:
                return str(place)
        now = _installed()
        return next((place for place in now if now[place] != self._installed.get(place)), None)

    def hidden_by(self, folders: Iterable[str]) -> Optional[str]:
        """A library that was imported and that a program in these folders would find there instead."""
        standard: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())
        ours = _top_level() - self._before - standard - {"jaxsight_runner"}
        return min(ours & found_in(folders), default=None)


def found_in(folders: Iterable[str]) -> set[str]:
    """The modules that lie in folders."""
    found: set[str] = set()
    for folder in folders:
        with contextlib.suppress(OSError):
            for entry in Path(folder).iterdir():
                if entry.suffix == ".py" or (entry / "__init__.py").is_file():
                    found.add(entry.stem)
    return found


def _files() -> list[Path]:
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    places = [Path(file) for file in files if isinstance(file, str)]
    return [place for place in places if place.is_absolute()]


def _installed() -> dict[str, set[tuple[str, int]]]:
    """The distributions of each folder, and when each was installed."""
    found: dict[str, set[tuple[str, int]]] = {}
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        seen = found.setdefault(folder, set())
        with contextlib.suppress(OSError):
            for entry in Path(folder).iterdir():
                if entry.suffix in _INSTALLED:
                    seen.add((entry.name, entry.stat().st_mtime_ns))
    return found


def _top_level() -> set[str]:
    return {name.partition(".")[0] for name in list(sys.modules)}


def _state(place: Path) -> Optional[_State]:
    try:
        found = place.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

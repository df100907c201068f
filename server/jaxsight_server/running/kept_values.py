"""Values of real calls that `jaxsight capture --values` kept, in the user's cache folder. Bounded."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from pathlib import Path

from jaxsight_server.history import folder as history_folder

MOST_BYTES = 1 << 32
"""So much is kept of all functions; those that were captured first go first."""


def captures_folder() -> Path:
    """Where they lie."""
    return history_folder().with_name("captured")


def kept_values(path: Path, qualname: str) -> Path | None:
    """The folder with the values of a call of the function; None where none are kept."""
    place = _place(path, qualname)
    return place if (place / "arrays.json").is_file() else None


def keep_values(path: Path, qualname: str, fresh: Path | None) -> None:
    """Keep what lies in a folder, or nothing, in place of what was kept of the function."""
    place = _place(path, qualname)
    with contextlib.suppress(OSError):
        shutil.rmtree(place, ignore_errors=True)
        if fresh is not None:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.replace(place)
            _forget_oldest(place)


def _place(path: Path, qualname: str) -> Path:
    name = hashlib.sha256(f"{path}::{qualname}".encode("utf-8", "surrogatepass")).hexdigest()
    return captures_folder() / name[:32]


def _forget_oldest(latest: Path) -> None:
    places = [one for one in latest.parent.iterdir() if one.is_dir() and one != latest]
    places.sort(key=lambda one: one.stat().st_mtime, reverse=True)
    room = MOST_BYTES - _size(latest)
    for place in places:
        room -= _size(place)
        if room < 0:
            shutil.rmtree(place, ignore_errors=True)


def _size(place: Path) -> int:
    return sum(file.stat().st_size for file in place.rglob("*") if file.is_file())

"""Where the runner keeps what it learnt and what it needs for a moment: the user's cache folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

_FORGOTTEN = 3600.0  # seconds: whoever made a folder that old was killed


def cache_folder() -> Path:
    """Where JAX Sight keeps what it learnt: never the workspace."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "jaxsight"
    home = os.environ.get("XDG_CACHE_HOME")
    if home:
        return Path(home) / "jaxsight"
    caches = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return Path.home() / caches / "jaxsight"


def write_small(place: Path, text: str) -> None:
    """Keep a text; a full or read-only disk forgets it, and keeps what was there."""
    fresh = place.with_suffix(f".{os.getpid()}")
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_text(text, "utf-8")
        fresh.replace(place)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


@contextlib.contextmanager
def temporary_folder() -> Generator[str]:
    """A folder for a moment. A run that is killed leaves its own to be removed by a later one."""
    with TemporaryDirectory(prefix="run-", dir=_scratch()) as folder:
        yield folder


def _scratch() -> str | None:
    """The folder for such folders; None, the system's, where it cannot be made."""
    place = cache_folder() / "scratch"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in place.iterdir():
            if time.time() - old.stat().st_mtime > _FORGOTTEN:
                shutil.rmtree(old, ignore_errors=True)
    except OSError:
        return None
    return str(place)

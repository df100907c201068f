"""What the terminal is, if there is one."""

from __future__ import annotations

import os
import sys
import time


def is_coloured() -> bool:
    """Whether standard output takes colours."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


class Progress:
    """What is being done, in one line of a terminal that changes. Elsewhere, as in CI, it says nothing."""

    _PATIENCE = 0.5  # seconds before anything is shown
    _PAUSE = 0.1  # seconds between two states of the line

    def __init__(self, total: int) -> None:
        self._total = total
        self._seen: set[str] = set()
        is_watched = sys.stderr.isatty() and not os.environ.get("CI")
        self._speaks = is_watched and os.environ.get("TERM") != "dumb"
        self._next = time.monotonic() + self._PATIENCE
        self._is_shown = False

    def __call__(self, path: str) -> None:
        """A file is looked at, perhaps once more."""
        if not self._speaks:
            return
        self._seen.add(path)
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._PAUSE
        line = f"{len(self._seen)}/{self._total} {path}"
        width = max(_columns() - 1, 20)
        shown = line if len(line) <= width else f"{line[: width - 1]}…"
        print(f"\r\x1b[2K{shown}", end="", file=sys.stderr, flush=True)
        self._is_shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self._is_shown:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
            self._is_shown = False


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80

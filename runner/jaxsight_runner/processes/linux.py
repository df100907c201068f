"""What Linux tells a process of itself and of those below it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from time import monotonic, sleep

_SET_CHILD_SUBREAPER = 36  # of <linux/prctl.h>
_PATIENCE = 2.0  # seconds until what was killed has to be gone


def thread_count() -> int:
    """The threads of this process, Python's and others'; 0 where nothing tells."""
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:
        return 0


def can_fork() -> bool:
    """Whether this process may be copied: only on Linux, and only with one thread.

    macOS is left out: its frameworks (Accelerate, Objective-C, Metal) forbid a fork without exec.
    """
    return sys.platform == "linux" and thread_count() == 1


def adopt_orphans() -> None:
    """Become the parent of descendants whose parents end: daemons cannot get away."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (ImportError, OSError, AttributeError):  # a Python without ctypes
        return


def end_descendants(leader: int) -> None:
    """Kill everything below this process, and the group of `leader`, until nothing is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    deadline = monotonic() + _PATIENCE
    while _has_children() and monotonic() < deadline:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        sleep(0.002)


def _has_children() -> bool:
    """Whether there are children that live; those that do not are reaped."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def descendants(leader: int) -> set[int]:
    """The processes below one, in whatever session."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            text = entry.read_bytes()
            parents[int(entry.parent.name)] = int(text.rpartition(b")")[2].split()[1])
    found: set[int] = set()
    pending = [leader]
    while pending:
        parent = pending.pop()
        children = {pid for pid, above in parents.items() if above == parent} - found
        found |= children
        pending += children
    return found

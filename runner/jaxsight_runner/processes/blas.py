"""OpenBLAS with one thread while it is loaded, so that a process may be forked; with all of them in a job."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from pathlib import Path
from typing import Optional

_VARIABLE = "OPENBLAS_NUM_THREADS"
_READ = (_VARIABLE, "OPENBLAS_DEFAULT_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
_SETTERS = tuple(
    f"{prefix}openblas_set_num_threads{suffix}"
    for prefix in ("", "scipy_")
    for suffix in ("", "64_", "_64")
)


@contextlib.contextmanager
def one_thread() -> Generator[None]:
    """It starts its threads when it is loaded, as many as this variable says then."""
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before


def give_threads_back() -> None:
    """Let every OpenBLAS that was loaded use as many threads as it would have by itself."""
    wanted = _wanted()
    for path in _loaded():
        for name in _SETTERS:
            _call(path, name, wanted)


def _wanted() -> int:
    for name in _READ:
        number = _number(os.environ.get(name, ""))
        if number is not None:
            return number
    return len(os.sched_getaffinity(0))


def _number(text: str) -> Optional[int]:
    return int(text) if text.isdecimal() and int(text) > 0 else None


def _loaded() -> set[str]:
    """The files that are mapped and called as OpenBLAS is; NumPy and SciPy bring one each."""
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/maps").read_text("utf-8", "replace").splitlines():
            path = line.split(maxsplit=5)[-1]
            if "openblas" in Path(path).name:
                found.add(path)
    return found


def _call(path: str, name: str, number: int) -> None:
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        getattr(ctypes.CDLL(path), name)(ctypes.c_int(number))

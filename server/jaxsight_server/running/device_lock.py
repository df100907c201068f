"""One run at a time on this machine, by this user: two would spoil each other's times and memory.

The lock is an `flock`, which ends with its process however that ends. Who holds it says so in the
lock's file, for those that wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import IO, Any, cast

from jaxsight_runner.protocol import Progress, Request, TargetRequest

_POLL = 0.1  # seconds


@contextlib.asynccontextmanager
async def device_lock(
    request: Request, on_progress: Callable[[Progress], None]
) -> AsyncGenerator[None]:
    """Hold the device; says whom it waits for, again when that changes."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with _open_lock() as lock:
        told: str | None = None
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                words = _holder(lock)
                if words != told:
                    on_progress(Progress("start", f"waiting for {words}"))
                    told = words
                await asyncio.sleep(_POLL)
        _sign(lock, request)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                lock.truncate(0)


def _sign(lock: IO[bytes], request: Request) -> None:
    """Write down who holds it; a full disk only makes that unknown."""
    words: dict[str, object] = {"pid": os.getpid(), "since": time.time()}
    if isinstance(request, TargetRequest):
        words["target"] = f"{request.qualname} of {Path(request.path).name}"
    with contextlib.suppress(OSError):
        os.ftruncate(lock.fileno(), 0)
        os.pwrite(lock.fileno(), json.dumps(words).encode("ascii"), 0)


def _holder(lock: IO[bytes]) -> str:
    """Who holds it, in words."""
    try:
        found: object = json.loads(os.pread(lock.fileno(), 1 << 12, 0))
        known = cast("dict[str, Any]", found)
        clock = time.strftime("%H:%M:%S", time.localtime(known["since"]))
        pid, target = int(known["pid"]), str(known.get("target", "a job"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "another run"
    return f"another run: {target}, since {clock}, process {pid}"


def _open_lock() -> IO[bytes]:
    """The lock's file, in the first folder that can be written to."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folders = [Path(place) / "jaxsight" for place in (runtime, home) if place]
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return _open(folder / "device.lock")
    return _open(Path(tempfile.gettempdir()) / f"jaxsight-{os.getuid()}.lock")


def _open(place: Path) -> IO[bytes]:
    """Without truncating it: another process may have signed it."""
    return os.fdopen(os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", 0)

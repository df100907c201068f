"""Keeps compiled programs between runs, where how long compiling takes is not what is asked.

They lie in the user's cache folder, apart for each kind of processor: what was compiled for another
one may not run here. The folder is bounded; the oldest go first.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import warnings
from importlib import import_module
from pathlib import Path

from jaxsight_runner.kept import cache_folder

MOST_BYTES = 256 << 20
_LEFT = 0.75  # of the bytes, after some were dropped
_SHORTEST = 0.05  # seconds: what compiles faster is not worth a file
_FREE = 256 << 20  # bytes of the disk that have to be free: JAX leaves behind what it wrote by half
_TROUBLE = "Error (reading|writing) persistent compilation cache"


def keep_compiled() -> None:
    """Use the cache from now on, unless the user has one."""
    jax = import_module("jax")
    if jax.config.jax_compilation_cache_dir or not jax.config.jax_enable_compilation_cache:
        return
    folder = cache_folder() / "compiled"
    with contextlib.suppress(OSError):
        drop_oldest(folder)
        own = folder / _processor()
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        if shutil.disk_usage(own).free < _FREE:
            return
        # Then it is compiled, which is all there is to it.
        warnings.filterwarnings("ignore", _TROUBLE)
        jax.config.update("jax_compilation_cache_dir", str(own))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", _SHORTEST)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
        cache = import_module("jax.experimental.compilation_cache.compilation_cache")
        cache.reset_cache()  # it decided at the first compile, while importing, that it is not used


def drop_oldest(folder: Path, most: int = MOST_BYTES) -> None:
    """Remove the files that were written first, where all together are too large; and empty ones."""
    known = [(file.stat(), file) for file in folder.glob("*/*") if file.is_file()]
    size = sum(found.st_size for found, _ in known)
    wanted = most * _LEFT if size > most else most
    for found, file in sorted(known, key=lambda one: one[0].st_mtime):
        if size > wanted or not found.st_size:
            file.unlink(missing_ok=True)
            size -= found.st_size


def _processor() -> str:
    """A name for the kind of processor and its abilities."""
    words = [platform.machine(), platform.processor(), str(os.cpu_count())]
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        wanted = ("model name", "flags", "Features")
        words += [next((line for line in lines if line.startswith(one)), "") for one in wanted]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]

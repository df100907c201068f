"""How long compiling takes when the persistent cache has the program already."""

from __future__ import annotations

from importlib import import_module
from time import perf_counter
from typing import Any, Optional

from jaxsight_runner.kept import temporary_folder
from jaxsight_runner.program.compilation import Compilable
from jaxsight_runner.worker import Job

_LONGEST_COMPILE = 20.0  # seconds; it is compiled once more to fill the cache


def warm_compile(compiled: Compilable, cold: float, job: Job) -> tuple[Optional[float], str]:
    """Seconds to compile from a filled cache, or why that is not known.

    Throws away everything that jax has compiled in this process: the last thing to measure.
    """
    if cold > _LONGEST_COMPILE:
        return None, "the warm cache was not measured: compiling once more takes too long"
    job.enter("compile", "compiling with a warm cache")
    jax = import_module("jax")
    events: list[str] = []
    seconds = 0.0

    def listen(event: str, **_: Any) -> None:
        events.append(event)

    jax.monitoring.register_event_listener(listen)
    with temporary_folder() as folder:
        _use(jax, folder)
        try:
            for _ in range(2):
                jax.clear_caches()
                events.clear()
                lowered = compiled.function.lower(*compiled.args, **compiled.kwargs)
                start = perf_counter()
                lowered.compile()
                seconds = perf_counter() - start
        finally:
            jax.config.update("jax_enable_compilation_cache", False)
    if not any(event.endswith("cache_hits") for event in events):
        return None, "the persistent cache does not keep this program (a callback to Python?)"
    return seconds, ""


def _use(jax: Any, folder: str) -> None:
    cache = import_module("jax.experimental.compilation_cache.compilation_cache")
    jax.config.update("jax_enable_compilation_cache", True)
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    cache.reset_cache()  # it decided at the first compile that it is not used

"""How fast this device was when it was measured: products of matrices, and copies. The roof over other figures.

Measured once for each device and version of jaxlib, and kept in the user's cache folder. On a CPU neighbours and
caches move both numbers: a function can come out above them. S. Williams, A. Waterman and D. Patterson,
Roofline: an insightful visual performance model, Communications of the ACM 52(4), 2009.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, Optional, cast

from jaxsight_runner.kept import cache_folder, write_small
from jaxsight_runner.protocol import MachinePeak, Roofline

_SIZES = (512, 1024, 2048, 4096)
_SECONDS = 0.25  # for each size
_ELEMENTS = (1 << 22, 1 << 24, 1 << 26)  # float32: 16, 64 and 256 MiB
_DAYS = 30  # then it is measured anew


def machine_peak(may_measure: bool = True) -> Optional[MachinePeak]:
    """The peak of the first device: from the cache, else measured, else None."""
    place = _place()
    known = _read(place)
    if known is not None or not may_measure:
        return known
    measured = _measure()
    write_small(place, json.dumps(asdict(measured)))
    return measured


def roofline(flops: float, moved: float, peak: MachinePeak) -> Optional[Roofline]:
    """Where a program of so many FLOPs and bytes stands; None where it computes or moves nothing."""
    if flops <= 0 or moved <= 0:
        return None
    intensity, ridge = flops / moved, peak.flops_per_second / peak.bytes_per_second
    seconds = max(flops / peak.flops_per_second, moved / peak.bytes_per_second)
    return Roofline(intensity, ridge, "compute" if intensity >= ridge else "memory", seconds)


def _measure() -> MachinePeak:
    jax = import_module("jax")
    fastest = max(_product_rate(jax, size) for size in _sizes(jax))
    copied = max(_copy_rate(jax, count) for count in _ELEMENTS)
    now = time.strftime("%Y-%m-%d", time.gmtime())
    return MachinePeak(fastest, copied, "f32", now)


def _sizes(jax: Any) -> tuple[int, ...]:
    return _SIZES[:3] if jax.devices()[0].platform == "cpu" else (*_SIZES, 8192)


def _product_rate(jax: Any, size: int) -> float:
    """FLOPs per second of one product of square matrices."""
    matrix = jax.numpy.ones((size, size), "float32")
    multiply = jax.jit(jax.numpy.matmul)
    return 2.0 * size**3 / _shortest(jax, lambda: multiply(matrix, matrix))


def _copy_rate(jax: Any, count: int) -> float:
    """Bytes per second, read and written."""
    array = jax.numpy.ones((count,), "float32")
    negate = jax.jit(jax.numpy.negative)
    return 8.0 * count / _shortest(jax, lambda: negate(array))


def _shortest(jax: Any, call: Callable[[], Any]) -> float:
    jax.block_until_ready(call())
    shortest, end = float("inf"), time.perf_counter() + _SECONDS
    while time.perf_counter() < end or shortest == float("inf"):
        start = time.perf_counter()
        jax.block_until_ready(call())
        shortest = min(shortest, time.perf_counter() - start)
    return shortest


def _place() -> Path:
    jax, jaxlib = import_module("jax"), import_module("jaxlib")
    device = jax.devices()[0]
    words = f"{device.platform}-{device.device_kind}-{os.cpu_count()}-{getattr(jaxlib, '__version__', '')}"
    name = "".join(char if char.isalnum() or char in ".-" else "_" for char in words)
    return cache_folder() / "peaks" / f"{name}.json"


def _read(place: Path) -> Optional[MachinePeak]:
    """What was kept; None where there is nothing, or nothing that can be used."""
    try:
        if time.time() - place.stat().st_mtime > _DAYS * 86400:
            return None
        data: Any = json.loads(place.read_text("utf-8"))
        peak = MachinePeak(**cast("dict[str, Any]", data))
        return peak if peak.flops_per_second > 0 and peak.bytes_per_second > 0 else None
    except (OSError, ValueError, TypeError):
        return None

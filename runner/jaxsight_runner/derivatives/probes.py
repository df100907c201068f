"""Points where gradients like to break: zeros, equal values, negatives, large values, ends of ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.data import dataclass

Range = Optional[tuple[float, float]]  # of the inputs, where they declare one

_FEW_LEAVES = 8  # up to it, each leaf is moved for itself as well
_LARGE = 1e3


@dataclass(frozen=True)
class Probe:
    """A point to look at."""

    words: str  # "where `x` is 0"
    point: tuple[Any, ...]
    is_compared: bool  # with differences, too
    is_extreme: bool = False  # so far out that most programs overflow


def probes(point: Sequence[Any], paths: Sequence[str], ranges: Mapping[str, Range]) -> list[Probe]:
    """The points, each once, and none outside of a range that the inputs declare."""
    limits = [ranges.get(path) for path in paths]
    names = f"`{paths[0]}`" if len(paths) == 1 else "every input"
    found: list[Probe] = []

    def add(words: str, kind: str, only: Optional[int] = None) -> None:
        moved = tuple(
            _moved(leaf, kind, limit) if only in (None, index) else leaf
            for index, (leaf, limit) in enumerate(zip(point, limits))
        )
        others = [tuple(point), *(probe.point for probe in found)]
        if not any(_same(moved, other) for other in others):
            found.append(
                Probe(words, moved, kind in ("half", "equal", "negative"), kind == "large")
            )

    add(f"where elements of {names} are 0", "half")
    add(f"where {names} is 0", "zero")
    add(f"where elements of {names} are equal", "equal")
    add(f"where {names} is negative", "negative")
    for index, path in enumerate(paths if 1 < len(paths) <= _FEW_LEAVES else ()):
        add(f"where `{path}` is 0", "zero", index)
    if any(limits):
        add("at the lower end of the range", "low")
        add("at the upper end of the range", "high")
    add(f"where {names} is {_LARGE:g} times as large", "large")
    return found


def _moved(leaf: Any, kind: str, limit: Range) -> Any:
    numpy = import_module("numpy")
    value = numpy.array(leaf)
    if not value.size:
        return leaf
    if kind == "half":
        value.reshape(-1)[::2] = 0
    elif kind == "zero":
        value[...] = 0
    elif kind == "equal":
        value[...] = value.reshape(-1)[0]
    elif kind == "negative":
        value = -numpy.abs(value).astype(value.dtype)
    elif kind == "large":
        value = value * _LARGE
    elif limit is not None:
        value[...] = limit[0] if kind == "low" else limit[1]
    if limit is not None:
        value = numpy.clip(value, *limit)
    return import_module("jax").numpy.asarray(value, leaf.dtype)


def _same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    numpy = import_module("numpy")
    return all(numpy.array_equal(numpy.asarray(a), numpy.asarray(b)) for a, b in zip(one, other))

"""Where arguments and results of a compiled program lie: on which devices, in how many copies."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.costs.equations import bytes_of
from jaxsight_runner.costs.line_costs import short_type
from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol import Moved, PlacedArray


@dataclass(frozen=True)
class Placed:
    """An array and its sharding, by its path in the arguments or results."""

    root: str  # the argument, or the part of the result, that it belongs to: `params`, `result[0]`
    rest: str  # its place in that: `['w']`
    aval: Any  # has a shape and a dtype
    sharding: Any  # of the user's jax; None where it is not known

    @property
    def name(self) -> str:
        """`params['w']`."""
        return self.root + self.rest

    @property
    def part(self) -> tuple[int, ...]:
        """The shape that one device holds."""
        whole = tuple(int(dim) for dim in self.aval.shape)
        try:
            return tuple(int(dim) for dim in self.sharding.shard_shape(whole))
        except (AttributeError, ValueError, TypeError):  # not every kind can say
            return whole

    @property
    def bytes_per_device(self) -> int:
        """What one device holds of it."""
        whole = math.prod(self.aval.shape)
        return bytes_of(self.aval) * math.prod(self.part) // whole if whole else 0

    @property
    def copies(self) -> int:
        """How many devices hold the same part."""
        whole = math.prod(self.aval.shape)
        held = len(getattr(self.sharding, "device_set", ())) or 1
        return max(1, round(held * math.prod(self.part) / whole)) if whole else held


Named = tuple[str, str]  # root and rest
Naming = Callable[[Any], Named]  # of a key path in a pytree


def placed(avals: Any, shardings: Any, naming: Naming) -> tuple[Placed, ...]:
    """The leaves of a pytree of avals with those of a pytree of shardings; empty where they do not fit.

    Without arguments that the program does not use: no device is sent those, and they have no sharding.
    """
    tree = import_module("jax").tree_util
    entries = tree.tree_flatten_with_path(avals, is_leaf=_is_aval_or_none)[0]
    found = tree.tree_leaves(shardings, is_leaf=_is_sharding_or_none)
    if len(entries) != len(found):
        return ()
    return tuple(
        Placed(*naming(path), aval, sharding)
        for (path, aval), sharding in zip(entries, found)
        if aval is not None and sharding is not None
    )


def _is_aval_or_none(value: object) -> bool:
    return value is None or (hasattr(value, "shape") and hasattr(value, "dtype"))


def _is_sharding_or_none(value: object) -> bool:
    return value is None or isinstance(value, import_module("jax").sharding.Sharding)


def described(
    arrays: Sequence[Placed], axes: Mapping[str, int], devices: int
) -> tuple[PlacedArray, ...]:
    """What the report says of each, in order."""
    return tuple(
        PlacedArray(
            name=one.name,
            value=short_type(one.aval),
            sharding=spec_text(one, devices),
            bytes=bytes_of(one.aval),
            bytes_per_device=one.bytes_per_device,
            copies=one.copies,
            could=_could(one, axes) if one.copies > 1 else None,
        )
        for one in arrays
    )


def spec_text(one: Placed, devices: int) -> str:
    """`P("data", None)`; in words where JAX has none."""
    spec = getattr(one.sharding, "spec", None)
    if spec is not None:
        return f"P({', '.join(map(_entry, spec))})"
    if one.sharding is None:
        return "as the compiler chooses"
    if devices > 1 and one.copies == devices:
        return "whole on each device"
    if one.copies == 1 and one.part == tuple(one.aval.shape):
        return "on one device"
    return f"in parts of [{','.join(map(str, one.part))}]"


def _entry(entry: Any) -> str:
    quoted = [f'"{name}"' for name in names_of(entry)] or ["None"]
    return quoted[0] if len(quoted) == 1 else f"({', '.join(quoted)})"


def _could(one: Placed, axes: Mapping[str, int]) -> Optional[str]:
    """The largest unused axis that divides a dimension that is whole, largest dimension first."""
    used = axes_of_sharding(one.sharding)
    free = sorted((name for name in axes if name not in used), key=lambda name: -axes[name])
    whole = tuple(int(dim) for dim in one.aval.shape)
    order = sorted(range(len(whole)), key=lambda index: -whole[index])
    for name in free:
        for index in order:
            is_whole = one.part[index] == whole[index]
            if axes[name] > 1 and is_whole and whole[index] % axes[name] == 0:
                return f"dimension {index} by {name}={axes[name]}"
    return None


def axes_of_sharding(sharding: Any) -> set[str]:
    """The axes that an array is split over."""
    entries: Sequence[Any] = getattr(sharding, "spec", None) or ()
    return {name for entry in entries for name in names_of(entry)}


def names_of(entry: Any) -> tuple[str, ...]:
    """The axes in an entry of a `PartitionSpec`, or of a collective: none, one, or several."""
    if entry is None:
        return ()
    return tuple(map(str, entry)) if isinstance(entry, (tuple, list)) else (str(entry),)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def moved(
    arguments: Sequence[Placed], results: Sequence[Placed], devices: int
) -> tuple[Moved, ...]:
    """Pytrees among the arguments that come back as a result, leaf by leaf in another sharding.

    Only where one argument and one result fit: a step that takes parameters and gives new ones.
    """
    found: list[Moved] = []
    taken, given = _by_root(arguments), _by_root(results)
    for group in taken:
        fitting = [other for other in given if _structure(other) == _structure(group)]
        alike = [other for other in taken if _structure(other) == _structure(group)]
        if len(group) > 1 and len(fitting) == len(alike) == 1:
            found += _differing(group, fitting[0], devices)
    return tuple(sorted(found, key=lambda one: -one.bytes))


def _differing(group: Sequence[Placed], other: Sequence[Placed], devices: int) -> Iterator[Moved]:
    for went, came in zip(group, other):
        if went.part != came.part:
            yield Moved(
                argument=went.name,
                result=came.name,
                went=spec_text(went, devices),
                came=spec_text(came, devices),
                bytes=bytes_of(went.aval),
            )


def _by_root(arrays: Sequence[Placed]) -> list[list[Placed]]:
    found: dict[str, list[Placed]] = {}
    for one in arrays:
        found.setdefault(one.root, []).append(one)
    return list(found.values())


def _structure(group: Sequence[Placed]) -> list[tuple[str, str]]:
    return [(one.rest, short_type(one.aval)) for one in group]

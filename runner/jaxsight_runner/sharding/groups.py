"""Which devices a collective operation joins: HLO's four spellings of groups, and the axes of a mesh they lie along."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Optional

_LISTED = re.compile(r"replica_groups=\{(\{[\d,{} ]*\})\}")
_IOTA = re.compile(r"replica_groups=\[([\d,]+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?")
_NAMED = re.compile(r"replica_groups=mesh\[([^\]]*)\][^{]*\{([^}]*)\}")
_AXIS = re.compile(r"'([^']*)'(?::\(\d+\)(\d+))?")
_SIZE = re.compile(r"'([^']*)'=(\d+)")
_PAIRS = re.compile(r"source_target_pairs=\{(\{[\d,{} ]*\})\}")
_BRACES = re.compile(r"\{([\d, ]*)\}")

Group = frozenset[int]
Groups = frozenset[Group]


def groups_of(attributes: str, devices: int) -> tuple[int, Optional[Groups]]:
    """How many devices each group has, and the groups, where they can be read."""
    named = _NAMED.search(attributes)
    if named is not None:
        return _named(named[1], named[2])
    found = _listed(attributes) or _iota(attributes) or _pairs(attributes)
    if found is None:  # `replica_groups={}`: all of them
        found = frozenset((frozenset(range(devices)),))
    return max((len(group) for group in found), default=devices), found


def axes_of(groups: Optional[Groups], axes: Mapping[str, int]) -> tuple[str, ...]:
    """The fewest axes of a mesh along which the groups lie; empty where there are none."""
    if groups is None or math.prod(axes.values()) < 2:
        return ()
    used = [name for name, size in axes.items() if size > 1]
    for count in range(1, len(used) + 1):
        for names in combinations(used, count):
            if groups == along(names, axes):
                return names
    return ()


def along(names: Sequence[str], axes: Mapping[str, int]) -> Groups:
    """The groups of devices that differ in these axes only."""
    found: dict[tuple[int, ...], list[int]] = {}
    for device, place in enumerate(product(*(range(size) for size in axes.values()))):
        fixed = tuple(at for at, name in zip(place, axes) if name not in names)
        found.setdefault(fixed, []).append(device)
    return frozenset(frozenset(group) for group in found.values())


def _listed(attributes: str) -> Optional[Groups]:
    found = _LISTED.search(attributes)
    return frozenset(frozenset(group) for group in _numbers(found[1])) if found else None


def _pairs(attributes: str) -> Optional[Groups]:
    """Devices that reach one another by the pairs of a permutation."""
    found = _PAIRS.search(attributes)
    if found is None:
        return None
    group: dict[int, set[int]] = {}
    for pair in _numbers(found[1]):
        joined: set[int] = set()
        for device in pair:
            joined |= group.get(device, {device})
        for device in joined:
            group[device] = joined
    return frozenset(frozenset(members) for members in group.values() if len(members) > 1)


def _numbers(text: str) -> Iterator[tuple[int, ...]]:
    for inner in _BRACES.findall(text):
        yield tuple(int(word) for word in inner.split(",") if word.strip())


def _iota(attributes: str) -> Optional[Groups]:
    """`[4,16]<=[16,4]T(1,0)`: the numbers in order, as the second shape, transposed, as the first."""
    found = _IOTA.search(attributes)
    if found is None:
        return None
    shape = [int(word) for word in found[1].split(",")]
    source = [int(word) for word in found[2].split(",")]
    order = [int(word) for word in found[3].split(",")] if found[3] else list(range(len(source)))
    strides = [math.prod(source[axis + 1 :]) for axis in range(len(source))]
    numbers = [
        sum(at * strides[axis] for at, axis in zip(place, order))
        for place in product(*(range(source[axis]) for axis in order))
    ]
    size = math.prod(shape[1:])
    return frozenset(
        frozenset(numbers[start : start + size]) for start in range(0, len(numbers), size)
    )


def _named(sizes: str, chosen: str) -> tuple[int, Optional[Groups]]:
    """`mesh['a'=4,'b'=2] {'a'}`; a part of an axis is written `'a':(2)2`."""
    axes = {name: int(size) for name, size in _SIZE.findall(sizes)}
    names = _AXIS.findall(chosen)
    size = math.prod(int(part) if part else axes.get(name, 1) for name, part in names)
    if any(part for _, part in names) or "device_ids" in sizes:
        return size, None
    return size, along([name for name, _ in names], axes)

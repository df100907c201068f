"""Tells named dimensions from two traces with different sizes, where symbols are refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import gcd
from typing import Optional

from jaxsight_runner.tracing.recording import Place

_DIMS = re.compile(r"\[([\d,]*)\]")
_MOST = 64  # of a factor that is told


def sizes_for(
    names: Iterable[str], known: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """Two sets of sizes that share no factor: 8 goes into none, so that a product names its parts.

    A dimension whose size is written keeps it in both.
    """
    first: dict[str, int] = dict(known)
    second: dict[str, int] = dict(known)
    taken = [*known.values()]
    for name in names:
        if name in known:
            continue
        for sizes in (first, second):
            sizes[name] = _free(taken)
            taken.append(sizes[name])
    return first, second


def _free(taken: Sequence[int]) -> int:
    """The next multiple of 8 with a factor of its own: functions split dimensions by 2, 4 and 8."""
    number = 24
    while any(gcd(number // 8, max(other // 8, 1)) > 1 or number == other for other in taken):
        number += 16
    return number


def merged_shapes(
    first: Mapping[Place, Sequence[str]],
    second: Mapping[Place, Sequence[str]],
    sizes: Mapping[str, int],
    others: Mapping[str, int],
) -> dict[Place, list[str]]:
    """The shapes of both traces, with names for the dimensions that followed a named one."""
    found: dict[Place, list[str]] = {}
    for place in {**first, **second}:
        ones, twos = first.get(place, ()), second.get(place, ())
        if len(ones) == len(twos):
            shapes = [_merged(a, b, sizes, others) for a, b in zip(ones, twos)]
        else:  # the line ran another number of times
            shapes = [*ones, *twos]
        found[place] = list(dict.fromkeys(shapes))
    return found


def _merged(one: str, two: str, sizes: Mapping[str, int], others: Mapping[str, int]) -> str:
    parts, counterparts = _DIMS.split(one), _DIMS.split(two)
    if parts[::2] != counterparts[::2]:
        return f"{one} or {two}"
    made: list[str] = []
    for index, (part, counterpart) in enumerate(zip(parts, counterparts)):
        made.append(part if index % 2 == 0 else f"[{_dims(part, counterpart, sizes, others)}]")
    return "".join(made)


def _dims(one: str, two: str, sizes: Mapping[str, int], others: Mapping[str, int]) -> str:
    ones, twos = one.split(","), two.split(",")
    if len(ones) != len(twos):
        return f"{one}|{two}"
    return ",".join(
        a if a == b else _named(int(a), int(b), sizes, others) or f"{a}|{b}"
        for a, b in zip(ones, twos)
    )


def _named(
    one: int, two: int, sizes: Mapping[str, int], others: Mapping[str, int]
) -> Optional[str]:
    """`B`, `4*B`, `B//2`, `3*B//2`, `B+1` or `B*T`, where both traces agree with it."""
    for name, size in sizes.items():
        other = others[name]
        if other == size:
            continue
        if one - size == two - other:
            return f"{name}{one - size:+d}" if one != size else name
        ratio = Fraction(one, size)
        if (
            ratio == Fraction(two, other)
            and ratio.denominator <= _MOST
            and ratio.numerator <= _MOST
        ):
            times = f"{ratio.numerator}*" if ratio.numerator > 1 else ""
            part = f"//{ratio.denominator}" if ratio.denominator > 1 else ""
            return f"{times}{name}{part}"
    return _product(one, two, sizes, others)


def _product(
    one: int, two: int, sizes: Mapping[str, int], others: Mapping[str, int]
) -> Optional[str]:
    names = list(sizes)
    for index, name in enumerate(names):
        for second in names[index:]:
            if one == sizes[name] * sizes[second] and two == others[name] * others[second]:
                return f"{name}*{second}"
    return None

"""Values that a sharding constraint splits into parts that are not equal: the last devices compute padding."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from jaxsight_runner.costs.jaxprs import Operation
from jaxsight_runner.costs.line_costs import short_type
from jaxsight_runner.protocol import Uneven
from jaxsight_runner.sharding.placement import names_of


def uneven(operations: Iterable[Operation]) -> tuple[Uneven, ...]:
    """Those that waste most, first; each line once."""
    found: dict[object, Uneven] = {}
    for one in operations:
        if one.name == "sharding_constraint":
            for each in _of(one):
                found.setdefault((each.path, each.line, each.value, each.dimension), each)
    return tuple(sorted(found.values(), key=lambda each: -each.idle))


def _of(one: Operation) -> Iterator[Uneven]:
    aval = one.equation.invars[0].aval
    sharding: Any = one.equation.params.get("sharding")
    spec, mesh = getattr(sharding, "spec", None), getattr(sharding, "mesh", None)
    sizes: dict[str, int] = dict(getattr(mesh, "shape", None) or {})
    for index, (size, entry) in enumerate(zip(aval.shape, spec or ())):
        names = names_of(entry)
        parts = math.prod(int(sizes.get(name, 1)) for name in names)
        if parts > 1 and size % parts:
            padded = math.ceil(size / parts) * parts
            yield Uneven(
                path=one.place.path if one.place else None,
                line=one.place.line if one.place else None,
                value=short_type(aval),
                dimension=index,
                parts=parts,
                idle=(padded - size) / padded,
            )

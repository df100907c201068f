"""What is known of a program on several devices before the compiler is through with it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.costs.equations import bytes_of
from jaxsight_runner.costs.jaxprs import Jaxpr, Operation, opened, sub_jaxprs
from jaxsight_runner.costs.line_costs import text_at
from jaxsight_runner.data import dataclass
from jaxsight_runner.inputs.meshes import Devices
from jaxsight_runner.program.compilation import Compilable, places
from jaxsight_runner.protocol import Collective
from jaxsight_runner.sharding.collectives import by_what_is_sent, bytes_sent
from jaxsight_runner.sharding.placement import Placed, names_of

_NAMED = {
    **dict.fromkeys(("psum", "psum2", "pmax", "pmin"), "all-reduce"),
    "all_gather": "all-gather",
    "reduce_scatter": "reduce-scatter",
    "ppermute": "collective-permute",
    "all_to_all": "all-to-all",
    "ragged_all_to_all": "ragged-all-to-all",
}
_KIND = re.compile(r"(?:unreduced_)?(\w+?)(?:_invariant|_reduced)?(?:_start)?$")
MANY = 50  # collectives from which they are what a compilation takes its time for


@dataclass(frozen=True)
class Foretold:
    """A program that is lowered, and not compiled yet."""

    arguments: tuple[Placed, ...]
    devices: int
    jaxpr: Any

    axes: Mapping[str, int]  # of the mesh


def foretold(
    lowered: Any, compiled: Compilable, devices: Optional[Devices], jaxpr: Any
) -> Foretold:
    """`lowered`: JAX's own, without a library's wrapper."""
    arguments = tuple(_arguments(lowered, compiled))
    held = [len(getattr(one.sharding, "device_set", ())) for one in arguments]
    meshes = (getattr(one.sharding, "mesh", None) for one in arguments)
    given = (mesh for mesh in (devices.mesh if devices else None, *meshes) if mesh is not None)
    mesh = next(given, None) or _mesh_of(jaxpr)
    axes = {str(name): int(size) for name, size in mesh.shape.items()} if mesh is not None else {}
    return Foretold(arguments, max([math.prod(axes.values()), *held]), jaxpr, axes)


def _mesh_of(jaxpr: Jaxpr) -> Any:
    """The mesh of the first `shard_map` of a program."""
    for equation in opened(jaxpr).eqns:
        mesh = equation.params.get("mesh") if equation.primitive.name == "shard_map" else None
        inside = (_mesh_of(each) for each in sub_jaxprs(equation))
        found = mesh or next((each for each in inside if each is not None), None)
        if found is not None:
            return found
    return None


def _arguments(lowered: Any, compiled: Compilable) -> Iterator[Placed]:
    """As far as shardings were given; none where this JAX does not say which arguments it keeps."""
    tree, place = import_module("jax").tree_util, places(lowered, compiled)
    told: Mapping[str, Any] = getattr(getattr(lowered, "_lowering", None), "compile_args", {})
    shardings, kept = told.get("in_shardings"), told.get("kept_var_idx")
    info = getattr(lowered, "args_info", None)
    entries = tree.tree_flatten_with_path(info, is_leaf=_is_information)[0]
    if shardings is None or kept is None or len(shardings) != len(kept):
        return
    for index, sharding in zip(sorted(kept), shardings):
        if index < len(entries):
            path, aval = entries[index]
            is_given = hasattr(sharding, "device_set")
            yield Placed(*place(path), aval, sharding if is_given else None)


def _is_information(value: object) -> bool:
    return hasattr(value, "donated")


def named_collectives(
    operations: Iterable[Operation], axes: Mapping[str, int]
) -> tuple[Collective, ...]:
    """Those that the program names itself, as in a `shard_map`; the compiler adds its own."""
    return by_what_is_sent(
        made for one in operations if (made := _named(one, axes)) is not None and made.group > 1
    )


def _named(one: Operation, axes: Mapping[str, int]) -> Optional[Collective]:
    kind = _KIND.match(one.name)
    operation = _NAMED.get(kind[1]) if kind else None
    if operation is None:
        return None
    parameters = one.equation.params
    names = names_of(parameters.get("axes", parameters.get("axis_name")))
    if not set(names) <= set(axes):  # of a `vmap`, which sends nothing
        return None
    group = math.prod(axes[name] for name in names)
    results = [v.aval for v in one.equation.outvars if hasattr(v.aval, "dtype")]
    received = float(sum(map(bytes_of, results)))
    times = one.times / math.prod(axes.values())  # the jaxpr's are of all devices together
    return Collective(
        operation=operation,
        count=len(results),
        times=times * len(results),
        open_ended=one.loop is not None,
        bytes=received * times,
        sent=bytes_sent(operation, received, group) * times,
        group=group,
        axes=names,
        path=one.place.path if one.place else None,
        line=one.place.line if one.place else None,
        text=text_at(one.place) if one.place else "",
    )

"""Which devices input specs shard over: what the user says, else the module's mesh, else all devices in a row."""

from __future__ import annotations

import ast
import contextlib
import math
import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.failures import stop
from jaxsight_runner.inputs.parser import SpecError, comment_mesh, parse_mesh
from jaxsight_runner.inputs.spec import ArraySpec, NestSpec, Partition, Value
from jaxsight_runner.loading.loaded import Loaded
from jaxsight_runner.protocol import TargetRequest

_COMMENT = re.compile(r"^\s*#\s*jaxsight:\s*mesh\b(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Devices:
    """A mesh, and who said so."""

    mesh: Any  # `jax.sharding.Mesh`
    source: str

    @property
    def axes(self) -> dict[str, int]:
        """The sizes of its axes."""
        return {str(name): int(size) for name, size in self.mesh.shape.items()}

    def sharding(self, partition: Partition, shape: tuple[int, ...], path: str) -> Any:
        """A sharding of an array, whose dimensions the axes must divide."""
        jax, axes = import_module("jax"), self.axes
        for name in partition.names:
            if name not in axes:
                raise stop("inputs", f"`{path}` is split over `{name}`, but {self._named()}")
        for index, (size, names) in enumerate(zip(shape, partition.axes)):
            parts = math.prod(axes[name] for name in names)
            if size % parts:
                over = ", ".join(f"{name}={axes[name]}" for name in names)
                raise stop(
                    "inputs",
                    f"`{path}`: dimension {index} has size {size}, which {over} does not divide: "
                    f"give a multiple of {parts}",
                )
        entries = [names[0] if len(names) == 1 else names or None for names in partition.axes]
        return jax.sharding.NamedSharding(self.mesh, jax.sharding.PartitionSpec(*entries))

    def _named(self) -> str:
        axes = ", ".join(f"{name}={size}" for name, size in self.axes.items())
        return f'the mesh ({self.source}) is {axes}: give another with --mesh "{axes}"'


def devices_wanted(request: TargetRequest) -> int:
    """How many devices the meshes that the request and comments in its text name need; 0 where they name none."""
    texts = [request.mesh] if request.mesh is not None else _COMMENT.findall(request.text)
    needed = 0
    for text in texts:
        with contextlib.suppress(SpecError):  # of another function; the target's own is read later
            needed = max(needed, math.prod(parse_mesh(text).values()))
    return needed


def _told(loaded: Loaded) -> Optional[tuple[dict[str, int], str]]:
    """The axes that the request or the comment above the function name, and which of the two."""
    request = loaded.request
    text, where, source, line = request.mesh, "--mesh", "--mesh", None
    if text is None:
        text, line = comment_mesh(request.text, loaded.first_line), loaded.first_line - 1
        where, source = f"the mesh comment above `{request.qualname}`", "a comment"
    if text is None:
        return None
    try:
        return parse_mesh(text), source
    except SpecError as error:
        raise stop("inputs", f"{where}: {error}", request.path, line) from error


def choose_mesh(loaded: Loaded, values: Mapping[str, Value]) -> Optional[Devices]:
    """The devices that the inputs are split over; None where nothing names any."""
    told = _told(loaded)
    if told is not None:
        return Devices(_made(*told), told[1])
    used = list(dict.fromkeys(name for one in partitions(values) for name in one.names))
    if any(True for _ in partitions(values)):
        _refuse_unknown(loaded, used)
    found = _of_module(loaded, used)
    if found is not None:
        return found
    if len(used) > 1:
        sizes = ", ".join(f"{name}=2" for name in used)
        raise stop(
            "inputs",
            f"the inputs are split over {', '.join(f'`{name}`' for name in used)}, and nothing says how many "
            f'devices each has: give --mesh "{sizes}"',
        )
    if not any(True for _ in partitions(values)):
        return None
    count = import_module("jax").device_count()
    axis = used[0] if used else "devices"
    return Devices(_made({axis: count}, "all devices"), "all devices")


def partitions(values: Mapping[str, Value]) -> Iterable[Partition]:
    """The shardings that specs hold."""
    pending = list(values.values())
    while pending:
        value = pending.pop(0)
        if isinstance(value, ArraySpec) and value.sharding is not None:
            yield value.sharding
        elif isinstance(value, NestSpec):
            pending += value.items


def _refuse_unknown(loaded: Loaded, used: list[str]) -> None:
    """Stop where a line that was not run may make a mesh, which might be the one that is meant."""
    texts = loaded.request.text.splitlines()
    if not loaded.left_out or not any("mesh" in text.lower() for text in texts):
        return
    tree = ast.parse(loaded.request.text)
    makers = {
        node.name
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and _mentions_mesh(node)
    }
    for node in tree.body:
        names = {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
        if node.lineno in loaded.left_out and (_mentions_mesh(node) or names & makers):
            sizes = ", ".join(f"{name}=2" for name in used)
            raise stop(
                "inputs",
                f"line {node.lineno} was left out, as `{loaded.request.qualname}` does not need it, and may make a "
                f'mesh: say which is meant with --mesh "{sizes}", or run the file (--import-file)',
                loaded.request.path,
                node.lineno,
            )


def _mentions_mesh(node: ast.AST) -> bool:
    return "mesh" in ast.dump(node).lower()


def _of_module(loaded: Loaded, used: list[str]) -> Optional[Devices]:
    """The only mesh of the target's module that has the axes. Of several, none where no axis is named."""
    mesh_class = import_module("jax").sharding.Mesh
    found: dict[Any, str] = {}
    for name, value in vars(loaded.module).items():
        if isinstance(value, mesh_class) and set(used) <= set(value.axis_names):
            found.setdefault(value, name)
    if len(found) > 1 and not used:
        return None
    if len(found) > 1:
        names = ", ".join(f"`{name}`" for name in found.values())
        raise stop(
            "inputs", f'the module has several meshes ({names}): say which with --mesh "data=4"'
        )
    for mesh, name in found.items():
        return Devices(mesh, f"`{name}` of the module")
    return None


def _made(axes: Mapping[str, int], source: str) -> Any:
    jax, numpy = import_module("jax"), import_module("numpy")
    needed = math.prod(axes.values())
    devices = usable_devices(needed)
    if len(devices) < needed:
        shown = ", ".join(f"{name}={size}" for name, size in axes.items())
        kind = devices[0].device_kind if devices else "no"
        raise stop(
            "inputs",
            f"the mesh {shown} ({source}) needs {needed} devices, and there are {len(devices)} ({kind}): "
            "make it smaller, or let another command than `bench` simulate them on the CPU",
        )
    places = numpy.array(devices[:needed]).reshape(tuple(axes.values()))
    return jax.sharding.Mesh(places, tuple(axes))


def usable_devices(needed: int) -> list[Any]:
    """The devices of the default platform; where these are too few, the CPU's if they are enough."""
    jax = import_module("jax")
    devices = list(jax.devices())
    if len(devices) >= needed or devices[0].platform == "cpu":
        return devices
    try:
        simulated = list(jax.devices("cpu"))
    except RuntimeError:  # JAX_PLATFORMS leaves the CPU out
        return devices
    return simulated if len(simulated) >= needed else devices

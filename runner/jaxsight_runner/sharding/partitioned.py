"""A function compiled for several devices, and beside it, where that can be, for one."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Generator
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.costs.jaxprs import loops
from jaxsight_runner.data import dataclass
from jaxsight_runner.inputs.meshes import Devices
from jaxsight_runner.program.compilation import Built, Compilable, build, named
from jaxsight_runner.program.instructions import Executable
from jaxsight_runner.program.prepared import Prepared, Program, program
from jaxsight_runner.sharding.placement import Placed, placed
from jaxsight_runner.worker import Job

_LONGEST = 60.0  # seconds of compiling after which it is not done once more for one device


@dataclass(frozen=True)
class Partitioned:
    """What the compiler made for several devices, and where the arrays of a call lie."""

    built: Built
    executable: Executable
    arguments: tuple[Placed, ...]
    results: tuple[Placed, ...]
    jaxpr: Any

    @property
    def devices(self) -> int:
        """For how many devices it was compiled."""
        held = [len(getattr(one.sharding, "device_set", ())) for one in self.arguments]
        return max([self.executable.devices, *held])

    @property
    def axes(self) -> dict[str, int]:
        """Of a mesh that arguments or results lie on, and all devices with them."""
        for one in (*self.arguments, *self.results):
            mesh = getattr(one.sharding, "mesh", None)
            if mesh is not None and mesh.size == self.devices:
                return {str(name): int(size) for name, size in mesh.shape.items()}
        return {}


@contextlib.contextmanager
def in_context(devices: Optional[Devices]) -> Generator[None, None, None]:
    """What `P(...)` without a mesh means inside: of each way that this JAX has of saying it, the ones it knows."""
    jax = import_module("jax")
    with contextlib.ExitStack() as stack:
        if devices is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                stack.enter_context(devices.mesh)
            if hasattr(jax, "set_mesh"):
                stack.enter_context(jax.set_mesh(devices.mesh))
        yield


def partition(
    prepared: Prepared, compiled: Compilable, devices: Optional[Devices], job: Job
) -> Partitioned:
    """Compile for the devices on which the arguments lie, or which the program names itself.

    Inside the mesh; where that fails, since the program has a mesh of its own, without.
    """
    found = _inside(prepared, compiled, devices, job)
    built, jaxpr, whole = found or _compiled(prepared, compiled, job)
    executable = Executable(text_of(built), loops(jaxpr))
    arguments, results = _arrays(built, compiled, None if prepared.compiles_itself else whole)
    return Partitioned(built, executable, arguments, results, jaxpr)


def _inside(
    prepared: Prepared, compiled: Compilable, devices: Optional[Devices], job: Job
) -> Optional[tuple[Built, Any, Program]]:
    """Compiled inside the mesh; None where that fails because of the mesh."""
    try:
        with in_context(devices):
            return _compiled(prepared, compiled, job)
    except Exception as error:
        if devices is None or "mesh" not in str(error):
            raise
        return None


def _compiled(prepared: Prepared, compiled: Compilable, job: Job) -> tuple[Built, Any, Program]:
    built = build(compiled, job)
    job.enter("trace", "reading the jaxpr")
    whole = program(prepared)
    return built, import_module("jax").make_jaxpr(whole.call)(*whole.leaves), whole


def on_one_device(
    prepared: Prepared, together: Partitioned, devices: Optional[Devices], job: Job
) -> Optional[tuple[Built, Executable]]:
    """The same program for one device; None where it names several devices itself, or takes long."""
    stages = together.built.stages
    if stages.compile > _LONGEST:
        return None
    jax = import_module("jax")
    whole = program(prepared)
    leaves = tuple(_alone(leaf) for leaf in whole.leaves)
    compiled = Compilable(jax.jit(whole.call), leaves, {}, "for one device", ())
    try:
        with in_context(_single(devices)):
            built = build(compiled, job)
    except Exception:  # what is written for several devices need not run on one
        return None
    executable = Executable(text_of(built), loops(together.jaxpr))
    return (built, executable) if executable.devices == 1 else None


def text_of(built: Built) -> str:
    """The optimised module's text; empty where the backend keeps it."""
    executable = getattr(built.executable, "compiled", built.executable)  # of a library's wrapper
    try:
        return str(executable.as_text() or "")
    except (AttributeError, NotImplementedError, RuntimeError):
        return ""


def _alone(leaf: Any) -> Any:
    jax = import_module("jax")
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)


def _single(devices: Optional[Devices]) -> Optional[Devices]:
    """A mesh of the same axes with one device."""
    if devices is None:
        return None
    jax, numpy = import_module("jax"), import_module("numpy")
    names = tuple(devices.axes)
    place = numpy.array(jax.local_devices()[:1]).reshape((1,) * len(names))
    return Devices(jax.sharding.Mesh(place, names), devices.source)


def _arrays(
    built: Built, compiled: Compilable, whole: Optional[Program]
) -> tuple[tuple[Placed, ...], tuple[Placed, ...]]:
    """Arguments and results; empty where this JAX, or the library that wraps it, does not tell."""
    lowered = getattr(built.lowered, "lowered", built.lowered)
    executable = getattr(built.executable, "compiled", built.executable)
    keystr = import_module("jax").tree_util.keystr

    def argument(path: Any) -> tuple[str, str]:
        if whole is None:
            return named(path, lowered, compiled.names)
        root, bracket, rest = str(whole.paths[int(path[1].idx)]).partition("[")
        return root, bracket + rest

    def result(path: Any) -> tuple[str, str]:
        if whole is not None:
            if path[0].idx == 1:  # what the call changed in a module
                return str(path[1].key), keystr(path[2:])
            path = path[1:]
        if path and hasattr(path[0], "idx"):
            return f"result{keystr(path[:1])}", keystr(path[1:])
        return "result", keystr(path)

    try:
        taken = placed(lowered.args_info, executable.input_shardings, argument)
        given = placed(lowered.out_info, executable.output_shardings, result)
    except (AttributeError, NotImplementedError, RuntimeError, ValueError):
        return (), ()
    return taken, given

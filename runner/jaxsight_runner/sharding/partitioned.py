"""A function compiled for several devices, and beside it, where that can be, for one."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Generator
from dataclasses import replace
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.costs.jaxprs import loops
from jaxsight_runner.data import dataclass
from jaxsight_runner.inputs.meshes import Devices
from jaxsight_runner.program.compilation import Built, Compilable, Reader, build, places
from jaxsight_runner.program.instructions import Executable
from jaxsight_runner.program.prepared import Prepared, of_equinox, program
from jaxsight_runner.sharding.foretold import Foretold, foretold
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
    prepared: Prepared,
    compiled: Compilable,
    devices: Optional[Devices],
    job: Job,
    before: Callable[[Foretold], str],
) -> Partitioned:
    """Compile for the devices on which the arguments lie, or which the program names itself.

    Inside the mesh; where that fails, since the program has a mesh of its own, without. `before`: is told of what is
    known before, and says what is waited for.
    """
    found = _inside(prepared, compiled, devices, job, before)
    built, jaxpr, output = found or _compiled(prepared, compiled, devices, job, before)
    executable = Executable(built.text, loops(jaxpr))
    arguments, results = _arrays(built, compiled, wrapped=not prepared.compiles_itself)
    if of_equinox(prepared.function):
        results = _as_the_function_returns(results, output)
    return Partitioned(built, executable, arguments, results, jaxpr)


def _inside(
    prepared: Prepared,
    compiled: Compilable,
    devices: Optional[Devices],
    job: Job,
    before: Callable[[Foretold], str],
) -> Optional[tuple[Built, Any, Any]]:
    """Compiled inside the mesh; None where that fails because of the mesh."""
    try:
        with in_context(devices):
            return _compiled(prepared, compiled, devices, job, before)
    except Exception as error:
        if devices is None or "mesh" not in str(error):
            raise
        return None


def _compiled(
    prepared: Prepared,
    compiled: Compilable,
    devices: Optional[Devices],
    job: Job,
    before: Callable[[Foretold], str],
) -> tuple[Built, Any, Any]:
    """What was built, the jaxpr, and the shapes of what the function returns."""
    jax, read = import_module("jax"), list[Any]()

    def lowered(lowered: Any) -> str:
        job.enter("trace", "reading the jaxpr")
        whole = program(prepared)
        jaxpr, output = jax.make_jaxpr(whole.call, return_shape=True)(*whole.leaves)
        read.extend((jaxpr, output[0]))
        return before(foretold(lowered, compiled, devices, jaxpr))

    built = build(compiled, job, Reader(lowered, platform_of(devices) == "cpu"))
    return built, read[-2], read[-1]


def platform_of(devices: Optional[Devices]) -> str:
    """Of the devices that are compiled for."""
    return str(first_device(devices).platform)


def first_device(devices: Optional[Devices]) -> Any:
    """Of the mesh, or of all."""
    if devices is not None:
        return devices.mesh.devices.flat[0]
    return import_module("jax").devices()[0]


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
            built = build(compiled, job, Reader(_for_one, platform_of(devices) == "cpu"))
    except Exception:  # what is written for several devices need not run on one
        return None
    executable = Executable(built.text, loops(together.jaxpr))
    return (built, executable) if executable.devices == 1 else None


def _for_one(_lowered: object) -> str:
    return "compiling for one device"


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
    built: Built, compiled: Compilable, *, wrapped: bool
) -> tuple[tuple[Placed, ...], tuple[Placed, ...]]:
    """Arguments and results; empty where this JAX does not tell. `wrapped`: in a `jax.jit` of ours."""
    lowered, executable = built.jax_lowered, built.jax_executable
    keystr = import_module("jax").tree_util.keystr

    def result(path: Any) -> tuple[str, str]:
        if wrapped:
            if path[0].idx == 1:  # what the call changed in a module
                return str(path[1].key), keystr(path[2:])
            path = path[1:]
        return _of_result(path)

    try:
        taken = placed(lowered.args_info, executable.input_shardings, places(lowered, compiled))
        given = placed(lowered.out_info, executable.output_shardings, result)
    except (AttributeError, NotImplementedError, RuntimeError, ValueError):
        return (), ()
    return taken, given


def _of_result(path: Any) -> tuple[str, str]:
    keystr = import_module("jax").tree_util.keystr
    if path and hasattr(path[0], "idx"):
        return f"result{keystr(path[:1])}", keystr(path[1:])
    return "result", keystr(path)


def _as_the_function_returns(results: tuple[Placed, ...], output: Any) -> tuple[Placed, ...]:
    """Named as in the function's own result, without what the library returns beside it."""
    entries = import_module("jax").tree_util.tree_flatten_with_path(output)[0]
    wanted = [(tuple(aval.shape), aval.dtype) for _, aval in entries]
    has = [(tuple(one.aval.shape), one.aval.dtype) for one in results]
    for first in range(len(has) - len(wanted) + 1):
        if has[first : first + len(wanted)] == wanted:
            return tuple(
                replace(one, root=root, rest=rest)
                for one, (root, rest) in zip(
                    results[first:], (_of_result(path) for path, _ in entries)
                )
            )
    return results

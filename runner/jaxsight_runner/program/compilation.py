"""Compiles a function stage by stage, each under its own clock, and reads what the compiler says of it."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Callable, Generator, Sequence
from importlib import import_module
from time import perf_counter
from typing import Any, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.program.prepared import (
    Prepared,
    Program,
    argument_names,
    device_arrays,
    of_equinox,
    program,
)
from jaxsight_runner.protocol import CompileStages, Cost, Memory, Stages, TargetRequest
from jaxsight_runner.worker import Job

_NO_MACHINE_CODE = "xla_backend_optimization_level"


@dataclass(frozen=True)
class Compilable:
    """A function that can be staged and called, and its arguments."""

    function: Any  # has `.lower`, perhaps `.trace`
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    how: str
    notes: tuple[str, ...]
    names: tuple[str, ...] = ()  # of the positional arguments, where they are the target's own
    # Path and shape of each array as JAX gets them, where that is in a form that the user has not written.
    arrays: tuple[tuple[str, tuple[int, ...]], ...] = ()


@dataclass(frozen=True)
class Built:
    """A compiled program."""

    stages: CompileStages
    donated: tuple[str, ...]  # key paths
    refused: str  # what JAX says of donated buffers that it could not use
    lowered: Any  # `jax.stages.Lowered`, or a library's own
    executable: Any  # `jax.stages.Compiled`, or a library's own

    @property
    def jax_lowered(self) -> Any:
        """Without the library's wrapper (Equinox has one)."""
        return getattr(self.lowered, "lowered", self.lowered)

    @property
    def jax_executable(self) -> Any:
        """Without the library's wrapper."""
        return getattr(self.executable, "compiled", self.executable)

    @property
    def text(self) -> str:
        """The optimised module; empty where the backend keeps it."""
        try:
            return str(self.jax_executable.as_text() or "")
        except (AttributeError, NotImplementedError, RuntimeError):
            return ""

    @property
    def memory(self) -> Optional[Memory]:
        """What the executable needs, where the backend can say."""
        return _memory(self.jax_executable)

    @property
    def cost(self) -> Cost:
        """What the compiler counts."""
        return _cost(self.jax_executable)


@dataclass(frozen=True)
class Reader:
    """Who wants a program compiled that is not run."""

    lowered: Callable[[Any], str]  # is told of it before, and says what is waited for
    is_cpu: bool


@dataclass(frozen=True)
class Staged:
    """A compiled program that was run once."""

    stages: Stages
    built: Built


def compilable(prepared: Prepared) -> Compilable:
    """The target itself when it compiles itself, else wrapped in `jax.jit`."""
    jax = import_module("jax")
    if prepared.compiles_itself:
        args = tuple(device_arrays(value) for value in prepared.args)
        kwargs = {name: device_arrays(value) for name, value in prepared.kwargs.items()}
        names = tuple(argument_names(prepared)[: len(args)])
        how = "compiled as the file says"
        arrays = _as_equinox_orders(prepared) if of_equinox(prepared.function) else ()
        return Compilable(prepared.function, args, kwargs, how, (), names, arrays)
    whole = program(prepared)
    notes: tuple[str, ...] = ()
    if not whole.leaves:
        notes = ("no argument is an array: the compiler may have computed the result beforehand",)
    call = jax.jit(whole.call)
    return Compilable(call, whole.leaves, {}, "wrapped in jax.jit", notes, (), _arrays(whole))


def _arrays(whole: Program) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple((path, tuple(leaf.shape)) for path, leaf in zip(whole.paths, whole.leaves))


def _as_equinox_orders(prepared: Prepared) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Positional arguments in their order, then those that can only be named, by name."""
    names = argument_names(prepared)
    parameters = prepared.loaded.parameters
    named = [name for name in names if parameters[name].kind is inspect.Parameter.KEYWORD_ONLY]
    order = [*(name for name in parameters if name in names and name not in named), *sorted(named)]
    return tuple(
        sorted(_arrays(program(prepared)), key=lambda one: order.index(root_and_rest(one[0])[0]))
    )


def root_and_rest(path: str) -> tuple[str, str]:
    """`model.layers[0]` as the argument and the place in it."""
    name = path[: next((at for at, sign in enumerate(path) if sign in ".["), len(path))]
    return name, path[len(name) :]


def forget_compiled(request: TargetRequest) -> None:
    """What a file compiled while all of it ran: a stage takes as long as the first time, or is not told."""
    if request.import_file:
        import_module("jax").clear_caches()


def stage(compiled: Compilable, job: Job) -> Staged:
    """Trace, lower, compile and run once, each under its own clock."""
    jax = import_module("jax")
    built = build(compiled, job)
    args, kwargs = compiled.args, compiled.kwargs
    first = copies(args, kwargs) if built.donated else (args, kwargs)
    job.enter("execute", "first call")
    start = perf_counter()
    jax.block_until_ready(compiled.function(*first[0], **first[1]))
    stages = Stages(
        trace=built.stages.trace,
        lower=built.stages.lower,
        compile=built.stages.compile,
        first_call=perf_counter() - start,
        persistent_cache=False,
    )
    return Staged(stages, built)


def build(compiled: Compilable, job: Job, reader: Optional[Reader] = None) -> Built:
    """Trace, lower and compile, each under its own clock; nothing is run.

    `reader`: of a program that is only read.
    """
    function, args, kwargs = compiled.function, compiled.args, compiled.kwargs
    job.enter("trace", "tracing")
    start = perf_counter()
    traced = function.trace(*args, **kwargs) if hasattr(function, "trace") else None
    trace = perf_counter() - start
    job.enter("lower", "lowering")
    lower_start = perf_counter()
    with warnings.catch_warnings(record=True) as told, _trace_times() as inside:
        warnings.simplefilter("always")
        lowered = traced.lower() if traced is not None else function.lower(*args, **kwargs)
    lower = perf_counter() - lower_start
    if traced is None and inside:  # one call does both; the trace of the whole is the longest
        trace, lower = max(inside), max(0.0, lower - max(inside))
    words = reader.lowered(getattr(lowered, "lowered", lowered)) if reader else "compiling"
    job.enter("compile", words)
    compile_start = perf_counter()
    executable = _fast_compiled(lowered) if reader and reader.is_cpu else lowered.compile()
    stages = CompileStages(trace=trace, lower=lower, compile=perf_counter() - compile_start)
    return Built(stages, _donated(lowered, compiled), _refused(told), lowered, executable)


def _fast_compiled(lowered: Any) -> Any:
    """The same program from the same passes; only the machine code, which nobody runs, is not optimised."""
    try:
        return lowered.compile(compiler_options={_NO_MACHINE_CODE: 0})
    except Exception as error:  # a library's own, or a compiler that has no such option
        if not isinstance(error, TypeError) and _NO_MACHINE_CODE not in str(error):
            raise
        return lowered.compile()


@contextlib.contextmanager
def _trace_times() -> Generator[list[float], None, None]:
    """Seconds of the traces that JAX makes inside, as it says itself."""
    found: list[float] = []
    over = False

    def told(event: str, seconds: float, **_: object) -> None:
        if not over and event.endswith("jaxpr_trace_duration"):
            found.append(seconds)

    # Older releases cannot take a listener back: this one is deaf afterwards.
    import_module("jax.monitoring").register_event_duration_secs_listener(told)
    try:
        yield found
    finally:
        over = True


def _refused(told: Sequence[warnings.WarningMessage]) -> str:
    """What JAX says of donated buffers; every other warning goes on to the user."""
    found: list[str] = []
    for each in told:
        if "donated" in str(each.message):
            found.append(str(each.message).splitlines()[0])
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    return "\n".join(found)


def copies(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    jax = import_module("jax")

    def copy(leaf: Any) -> Any:
        return leaf.copy() if isinstance(leaf, jax.Array) else leaf

    return jax.tree_util.tree_map(copy, (args, kwargs))


def _donated(lowered: Any, compiled: Compilable) -> tuple[str, ...]:
    """The donated arguments: `params['w']`."""
    place = places(lowered, compiled)
    return tuple("".join(place(path)) for path, _ in donated_arguments(lowered))


def places(lowered: Any, compiled: Compilable) -> Callable[[Any], tuple[str, str]]:
    """For a key path in JAX's `(args, kwargs)`: the argument's name, and the place in it."""
    jax = import_module("jax")
    lowered = getattr(lowered, "lowered", lowered)
    entries = _told(getattr(lowered, "args_info", None))
    known: dict[str, tuple[str, str]] = {}
    if [tuple(info.shape) for _, info in entries] == [shape for _, shape in compiled.arrays]:
        for (path, _), (name, _) in zip(entries, compiled.arrays):
            known[jax.tree_util.keystr(path)] = root_and_rest(name)

    def place(path: Any) -> tuple[str, str]:
        return known.get(jax.tree_util.keystr(path)) or _named(path, lowered, compiled.names)

    return place


def _named(path: Any, lowered: Any, names: tuple[str, ...]) -> tuple[str, str]:
    """The place alone, by number, where static arguments, which are left out, shift the rest."""
    keystr = import_module("jax").tree_util.keystr
    info: Any = getattr(lowered, "args_info", None)
    if not isinstance(info, tuple) or len(info[0]) != len(names):  # pyright: ignore[reportUnknownArgumentType]
        names = ()
    if len(path) < 2 or not hasattr(path[0], "idx"):
        return "", keystr(path)
    if path[0].idx == 1:
        return str(path[1].key), keystr(path[2:])
    place = int(path[1].idx) if hasattr(path[1], "idx") else len(names)
    if place >= len(names):
        return "", keystr(path)
    return str(names[place]), keystr(path[2:])


def donated_arguments(lowered: Any) -> list[tuple[Any, Any]]:
    """The donated arguments: key path, and what is known of each (`shape`, `dtype`)."""
    info = getattr(getattr(lowered, "lowered", lowered), "args_info", None)
    return [(path, item) for path, item in _told(info) if getattr(item, "donated", False)]


def _told(info: Any) -> list[tuple[Any, Any]]:
    def is_leaf(item: object) -> bool:
        return hasattr(item, "donated")

    return import_module("jax").tree_util.tree_flatten_with_path(info, is_leaf=is_leaf)[0]


def _memory(executable: Any) -> Optional[Memory]:
    try:
        found = executable.memory_analysis()
    except (AttributeError, NotImplementedError, RuntimeError):  # not every backend can say
        return None
    if found is None or not hasattr(found, "argument_size_in_bytes"):
        return None
    peak = getattr(found, "peak_memory_in_bytes", None)
    return Memory(
        arguments=int(found.argument_size_in_bytes),
        outputs=int(found.output_size_in_bytes),
        temporary=int(found.temp_size_in_bytes),
        alias=int(found.alias_size_in_bytes),
        generated_code=int(found.generated_code_size_in_bytes),
        peak=int(peak) if peak else None,
    )


def _cost(executable: Any) -> Cost:
    """FLOPs and bytes; jax has answered with a dict, a list of one, and nothing."""
    try:
        found = executable.cost_analysis()
    except (AttributeError, NotImplementedError, RuntimeError):
        return Cost(None, None)
    entry: Any = found[0] if isinstance(found, (list, tuple)) and found else found  # pyright: ignore
    if not isinstance(entry, dict):
        return Cost(None, None)
    return Cost(_number(entry.get("flops")), _number(entry.get("bytes accessed")))  # pyright: ignore


def _number(value: object) -> Optional[float]:
    return float(value) if isinstance(value, (int, float)) and value >= 0 else None

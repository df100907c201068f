"""Arrays, tracers, and the concrete values behind them. Nothing here computes with JAX: a trace may be going on."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, Optional

from jaxsight_runner.failures import is_user_file

_MOST_FRAMES = 400


def class_of(value: object) -> type[Any]:
    """A value's class, of a value whose type nobody knows."""
    return type(value)


def leaves(value: Any) -> list[Any]:
    """The leaves of a pytree; of another value, itself. Asks JAX only where it is imported."""
    tree_util = getattr(sys.modules.get("jax"), "tree_util", None)
    if tree_util is None:
        return [value]
    try:
        return list(tree_util.tree_leaves(value))
    except Exception:  # a class of the user's whose `tree_flatten` is wrong
        return [value]


def is_tracer(value: Any) -> bool:
    """Whether JAX is tracing with this value."""
    tracer = getattr(getattr(sys.modules.get("jax"), "core", None), "Tracer", None)
    return tracer is not None and isinstance(value, tracer)


def is_array(value: Any) -> bool:
    """Whether it is an array of NumPy's or JAX's, or a tracer. A variable of NNX is none, though it looks so."""
    numpy, jax = sys.modules.get("numpy"), sys.modules.get("jax")
    kinds = tuple(
        kind
        for module, name in ((numpy, "ndarray"), (numpy, "generic"), (jax, "Array"))
        if isinstance(kind := getattr(module, name, None), type)
    )
    return isinstance(value, kinds)


def is_abstract(value: Any) -> bool:
    """Whether a tracer is among the leaves."""
    return any(is_tracer(leaf) for leaf in leaves(value))


def concrete(value: Any) -> Any:
    """The array whose numbers a tracer of `grad` or `vmap` carries; None under `jit`."""
    for _ in range(20):
        if not is_tracer(value):
            return value if is_array(value) else None
        for name in ("primal", "val"):
            inner = getattr(value, name, None)
            if inner is not None and inner is not value:
                value = inner
                break
        else:
            return None
    return None


def enclosing_arguments(
    seen: Mapping[str, Any], bind: Callable[..., Mapping[str, Any]], frame: Optional[FrameType]
) -> Optional[dict[str, Any]]:
    """What the call around the trace was given, where it is the same but for being concrete.

    A transformed function is called through functions of JAX, Flax or Equinox, whose frames hold
    `args` and `kwargs`. Theirs are taken that bind to the same parameters, with the same structure,
    shapes and dtypes, if nobody else's code lies between. None where there are none: what a traced
    function calls, a loop's body, a batch. `frame`: the one that called the function.
    """
    for args, kwargs in _calls(frame):
        given = _bound(seen, bind, args, kwargs)
        if given is None or given.keys() != seen.keys():
            continue
        if any(is_abstract(value) for value in given.values()):
            continue
        if all(_same(seen[name], given[name]) for name in seen):
            return given
    return None


def _calls(frame: Optional[FrameType]) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """The arguments of the libraries' functions that are being called, the innermost first."""
    for _ in range(_MOST_FRAMES):
        if frame is None or is_user_file(frame.f_code.co_filename):
            return
        names = frame.f_code.co_varnames
        if "args" in names and "kwargs" in names:
            local = frame.f_locals
            args, kwargs = local.get("args"), local.get("kwargs")
            if isinstance(args, tuple) and isinstance(kwargs, dict):
                yield args, kwargs
        frame = frame.f_back


def _bound(
    seen: Mapping[str, Any],
    bind: Callable[..., Mapping[str, Any]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Optional[dict[str, Any]]:
    first = next(iter(seen), None)
    for given in (args, (seen[first], *args)) if first == "self" else (args,):
        try:
            return {**seen, **bind(given, kwargs)}
        except TypeError:
            continue
    return None


def _same(seen: Any, given: Any) -> bool:
    if seen is given:
        return True
    tree_util = getattr(sys.modules.get("jax"), "tree_util", None)
    if tree_util is None:
        return False
    try:
        flat, structure = tree_util.tree_flatten(seen)
        other, others = tree_util.tree_flatten(given)
        return bool(structure == others) and all(map(_same_leaf, flat, other))
    except Exception:  # a comparison of the user's
        return False


def _same_leaf(seen: Any, given: Any) -> bool:
    if hasattr(seen, "dtype") and hasattr(seen, "shape"):
        shape = inspect.getattr_static(given, "shape", None)
        if shape is None:  # a Python number
            return isinstance(given, (bool, int, float, complex)) and seen.shape == ()
        return seen.shape == given.shape and _kind(seen.dtype) == _kind(given.dtype)
    if type(seen) is not type(given):
        return False
    return not isinstance(seen, (str, bytes, bool, int, float)) or seen == given


def _kind(dtype: Any) -> str:
    """A dtype's name, 64 bits and 32 alike: JAX narrows what NumPy gives."""
    return str(dtype).replace("64", "32")


def with_inputs(given: Mapping[str, Any], frame: Optional[FrameType]) -> dict[str, Any]:
    """The arguments with the traced function's own inputs, wherever they were passed on, in place of their tracers.

    A tracer that is the variable of an input stands for what the call that JAX traces was given.
    """
    tree_util: Any = getattr(sys.modules.get("jax"), "tree_util", None)
    call = _traced_call(frame)
    if tree_util is None or call is None:
        return dict(given)

    def known(leaf: Any) -> Any:
        return _input_of(leaf, call) if is_tracer(leaf) else leaf

    found = dict(given)
    for name, value in given.items():
        if is_abstract(value):
            with contextlib.suppress(Exception):  # a class of the user's that refuses
                found[name] = tree_util.tree_map(known, value)
    return found


def _traced_call(frame: Optional[FrameType]) -> Optional[list[Any]]:
    """What the innermost call that is being traced was given, flat; None if tracers are in it."""
    while frame is not None:
        code = frame.f_code
        if code.co_name == "cache_miss" and code.co_filename.endswith("pjit.py"):
            local = frame.f_locals
            flat = leaves((local.get("args"), local.get("kwargs")))
            inputs = [leaf for leaf in flat if is_array(leaf) or isinstance(leaf, _NUMBERS)]
            return None if any(map(is_tracer, inputs)) else inputs
        frame = frame.f_back
    return None


def _input_of(tracer: Any, call: list[Any]) -> Any:
    """The input that a tracer is; the tracer where it is none, or the inputs are not those of the call."""
    inner = tracer
    while is_tracer(primal := getattr(inner, "primal", None)):
        inner = primal
    frame = getattr(getattr(inner, "_trace", None), "frame", None)
    variables: list[Any] = list(getattr(frame, "invars", ()))
    if len(variables) != len(call):
        return tracer
    if not all(_same_leaf(getattr(v, "aval", v), one) for v, one in zip(variables, call)):
        return tracer
    known: Any = getattr(frame, "tracer_to_var", None)  # until JAX 0.6
    variable = getattr(inner, "val", None) if known is None else known.get(id(inner))
    return next((one for v, one in zip(variables, call) if v is variable), tracer)


_NUMBERS = (bool, int, float, complex)

"""Functions that are defined inside others: the outer one is called, and the inner one taken from it.

It is taken as it is when the outer function first calls it, which then goes no further, or when the
outer function returns. A function that is compiled (`jax.jit`) is called as the plain one it is made
of, so that what the inner one sees are values.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import CodeType, FrameType
from typing import Any, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.failures import stop

LOCALS = ".<locals>."
_WRAPPED = ("__wrapped__", "func", "__func__", "_fun", "fun", "fn")


@dataclass(frozen=True)
class Made:
    """What was taken from a call of the outer function."""

    value: Any  # a function, or the class that has it
    scope: Mapping[str, Any]  # the outer function's variables
    called: bool  # taken when the outer function called it, not when that returned


class _Taken(BaseException):
    """Ends the outer function: what is wanted is there."""


def take(
    outer: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], name: str, path: str
) -> Made:
    """Call the outer function and take what it defines as `name`."""
    plain = _uncompiled(outer)
    code = _code(plain)
    if code is None or not _defines(code, name):
        raise stop("target", f"`{path}` cannot be found in what Python made of the file")
    watch = _Watch(code, name)
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        plain(*args, **kwargs)
    except _Taken:
        pass
    finally:
        sys.setprofile(before)
    if watch.made is None:
        outer_name = path.rpartition(LOCALS)[0]
        raise stop(
            "target",
            f"`{outer_name}` did not come to where it defines `{name}` when it was called with these "
            "inputs",
        )
    _refuse_tracers(watch.made.value, path)
    return watch.made


class _Watch:
    """A profile function that waits for the inner function."""

    def __init__(self, outer: CodeType, name: str) -> None:
        self._outer = outer
        self._name = name
        self._inner = [item for item in _constants(outer) if item.co_name == name]
        self.made: Optional[Made] = None

    def __call__(self, frame: FrameType, event: str, value: object) -> None:
        if event == "call" and frame.f_code in self._inner:
            caller = frame.f_back
            while caller is not None and caller.f_code is not self._outer:
                caller = caller.f_back
            if caller is not None and not _is_class_body(frame) and self._take(caller, None, True):
                raise _Taken
        elif event == "return" and frame.f_code is self._outer:
            self._take(frame, value, False)

    def _take(self, frame: FrameType, returned: object, called: bool) -> bool:
        scope = dict(frame.f_locals)
        value = scope.get(self._name)
        if value is None:
            value = next((item for item in _functions(returned) if self._is_inner(item)), None)
        if value is None:
            return False
        self.made = Made(value, scope, called)
        return True

    def _is_inner(self, value: Any) -> bool:
        return any(_code(item) in self._inner for item in _unwrapped(value))


def _is_class_body(frame: FrameType) -> bool:
    return "__qualname__" in frame.f_locals and "__module__" in frame.f_locals


def _uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    while callable(getattr(function, "lower", None)) and hasattr(function, "__wrapped__"):
        function = function.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]
    return function


def _code(function: Any) -> Optional[CodeType]:
    for item in _unwrapped(function):
        code = getattr(item, "__code__", None)
        if isinstance(code, CodeType):
            return code
    return None


def _unwrapped(value: Any) -> Iterator[Any]:
    """A function and what it wraps, outermost first."""
    for _ in range(20):
        yield value
        inner = [item for name in _WRAPPED if callable(item := getattr(value, name, None))]
        if not inner:
            return
        value = inner[0]


def _functions(value: Any, depth: int = 0) -> Iterator[Any]:
    """The functions in what the outer function returned."""
    if callable(value):
        yield value
    if depth == 3:
        return
    items: list[Any] = []
    if isinstance(value, (tuple, list)):
        items = list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    elif isinstance(value, dict):
        items = list(value.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType, reportUnknownMemberType]
    for item in items:
        yield from _functions(item, depth + 1)


def _constants(code: CodeType) -> list[CodeType]:
    return [item for item in code.co_consts if isinstance(item, CodeType)]


def _defines(code: CodeType, name: str) -> bool:
    return name in code.co_varnames + code.co_cellvars or any(
        item.co_name == name for item in _constants(code)
    )


def _refuse_tracers(value: Any, path: str) -> None:
    """A function that has seen values of a trace cannot be run outside of it."""
    tracer: Any = import_module("jax").core.Tracer
    function = next((item for item in _unwrapped(value) if inspect.isfunction(item)), None)
    if function is None:
        return
    for cell, name in zip(function.__closure__ or (), function.__code__.co_freevars):
        try:
            content = cell.cell_contents
        except ValueError:  # not set yet
            continue
        leaves = import_module("jax").tree_util.tree_leaves(content)
        if any(isinstance(leaf, tracer) for leaf in leaves):
            raise stop(
                "unsupported",
                f"`{path}` uses `{name}`, which has a value only while JAX traces the function around it",
            )

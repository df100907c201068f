"""Stands before a function that was transformed or wrapped, to see what its callers give it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from jaxsight_runner.capturing.tracers import class_of

Tell = Callable[[Callable[..., Any], tuple[Any, ...], Mapping[str, Any], tuple[Any, ...]], Any]
"""Makes a call, and looks at its arguments: those that are given, behind those that are bound."""

# Whose objects may have a stand-in. An object of another library, a fixture of pytest's for one, may
# be looked for by its type; the watcher in the body has to do there.
_LIBRARIES = ("jax", "jaxlib", "flax", "equinox", "haiku", "chex", "optax", "functools", "penzai")

_BINDINGS: Mapping[type, Callable[[Any], Any]] = {
    staticmethod: staticmethod,
    classmethod: classmethod,
}


def stand_in(value: Any, tell: Tell, source: str) -> Any:
    """A stand-in, or the value itself where none is needed or wanted.

    `source`: the watched file, whose plain functions have a watcher in their bodies.
    """
    kind = class_of(value)
    if (binding := _BINDINGS.get(kind)) is not None:
        return binding(stand_in(value.__func__, tell, source))
    if isinstance(value, FunctionType):
        if inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value):
            return value
        return _function(value, tell) if _wraps(value, source) else value
    if not callable(value) or isinstance(value, type):
        return value
    library = kind.__module__.partition(".")[0]
    return StandIn(value, tell) if library in _LIBRARIES or _is_jitted(value) else value


def _is_jitted(value: Any) -> bool:
    """jaxlib's compiled functions say that they are of `builtins`, or of nowhere, in some versions."""
    return hasattr(value, "lower") and hasattr(value, "__wrapped__")


def _wraps(value: FunctionType, source: str) -> bool:
    """Whether this is another function around the watched one, or a lambda."""
    code = value.__code__
    return code.co_name == "<lambda>" or code.co_filename != source or hasattr(value, "__wrapped__")


def _function(function: FunctionType, tell: Tell) -> FunctionType:
    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        return tell(function, args, kwargs, ())

    return watched  # type: ignore[return-value]


class StandIn:
    """Calls another object, tells of it before, and is like it in all else."""

    def __init__(self, value: Any, tell: Tell) -> None:
        self._jaxsight_value = value
        self._jaxsight_tell = tell
        for name in ("__doc__", "__name__", "__qualname__", "__module__"):
            if (found := getattr(value, name, None)) is not None:
                setattr(self, name, found)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Tell, and call."""
        return self._jaxsight_tell(self._jaxsight_value, args, kwargs, ())

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind as the object itself does, and go on telling."""
        value, tell = self._jaxsight_value, self._jaxsight_tell
        kind = class_of(value)
        if instance is None or not hasattr(kind, "__get__"):
            return self
        bound = value.__get__(instance, owner)
        return StandIn(bound, lambda call, args, kwargs, _: tell(call, args, kwargs, (instance,)))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_jaxsight_"):
            raise AttributeError(name)  # while it is being copied
        return getattr(self._jaxsight_value, name)

    @property
    def __class__(self) -> type[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The type that `isinstance` is to see."""
        return class_of(self._jaxsight_value)

    def __repr__(self) -> str:
        return repr(self._jaxsight_value)

    def __eq__(self, other: object) -> bool:
        mine = self._jaxsight_value
        return bool(mine == (other._jaxsight_value if type(other) is StandIn else other))

    def __hash__(self) -> int:
        return hash(self._jaxsight_value)

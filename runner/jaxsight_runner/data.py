"""Plain data as `dataclasses` makes it, at a tenth of its cost at start-up.

The standard decorator compiles six functions for each class: measured, that was a third of what a
run takes longer than a Python that only imports JAX. Here fields are the standard ones, so that
`field`, `fields`, `replace` and `asdict` know these classes; comparison, hash and text are shared
functions over them, and `__init__` is compiled when the first instance is made. Type checkers see
the standard decorator, of which this knows `frozen`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any


def _decorator(plain: Any = None, *, frozen: bool = False) -> Any:
    def decorate(cls: Any) -> Any:
        own = {**cls.__dict__}  # what it writes itself is kept
        dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
        members = {
            "__init__": _first_init(cls, frozen),
            "__repr__": _repr,
            **_comparisons(cls, frozen),
            **({"__setattr__": _refuse, "__delattr__": _refuse} if frozen else {}),
        }
        for name, member in members.items():
            if own.get(name) is None:  # `__eq__` alone makes `__hash__` None
                setattr(cls, name, member)
        return cls

    return decorate if plain is None else decorate(plain)


def _first_init(cls: Any, frozen: bool) -> Any:
    """An `__init__` that puts the compiled one in its place."""

    def first(self: Any, *args: Any, **kwargs: Any) -> None:
        cls.__init__ = compiled = _init(cls, frozen)
        compiled(self, *args, **kwargs)

    return first


def _init(cls: Any, frozen: bool) -> Any:
    scope: dict[str, Any] = {"_set": object.__setattr__, "_missing": dataclasses.MISSING}
    parameters: list[str] = []
    lines: list[str] = []
    for item in dataclasses.fields(cls):
        name = value = item.name
        if item.default_factory is not dataclasses.MISSING:
            scope[f"_make_{name}"] = item.default_factory
            parameters.append(f"{name}=_missing")
            value = f"_make_{name}() if {name} is _missing else {name}"
        elif item.default is not dataclasses.MISSING:
            scope[f"_default_{name}"] = item.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        lines.append(f" _set(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    body = "\n".join(lines) or " pass"
    exec(f"def __init__(self, {', '.join(parameters)}):\n{body}", scope)
    scope["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    return scope["__init__"]


def _comparisons(cls: Any, hashable: bool) -> dict[str, Any]:
    names = [item.name for item in dataclasses.fields(cls)]
    key: Callable[[Any], Any] = attrgetter(*names) if names else lambda _: ()

    def equal(self: Any, other: Any) -> Any:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: Any) -> int:
        return hash(key(self))

    return {"__eq__": equal, "__hash__": hashed if hashable else None}


def _repr(self: Any) -> str:
    inside = (f"{item.name}={getattr(self, item.name)!r}" for item in dataclasses.fields(self))
    return f"{self.__class__.__qualname__}({', '.join(inside)})"


def _refuse(self: Any, name: str, value: object = None) -> None:
    message = f"`{self.__class__.__qualname__}` is frozen: `{name}` cannot be changed"
    raise dataclasses.FrozenInstanceError(message)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    dataclass = _decorator

"""Plain data as `dataclasses` makes it, at a fifth of its cost at start-up.

The standard decorator compiles six functions for each class and imports `inspect`: measured, that
was a fifth of the time to the first finding. This one compiles `__init__` only; comparison, hash
and text are shared functions over the fields. Type checkers see the standard one, whose use in the
analysers this covers: `frozen`, `slots`, `order`, `eq`, and `field` with what is below. The
standard `replace`, `fields` and `asdict` do not know these classes; use the ones here.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

_MISSING: Any = object()
_FIELDS = "__data_fields__"
_SET = object.__setattr__


class FrozenError(AttributeError):
    """An assignment to a field of frozen data."""


class FieldOf:
    """One field of a class: its name, default and metadata."""

    __slots__ = ("compare", "default", "factory", "metadata", "name")

    def __init__(
        self,
        default: Any = _MISSING,
        factory: Any = _MISSING,
        metadata: Any = None,
        *,
        compare: bool = True,
    ) -> None:
        self.name = ""
        self.default = default
        self.factory = factory
        self.compare = compare
        self.metadata: dict[str, Any] = metadata or {}


def declared(
    *,
    default: Any = _MISSING,
    default_factory: Any = _MISSING,
    compare: bool = True,
    metadata: Any = None,
) -> Any:
    """What `dataclasses.field` is."""
    return FieldOf(default, default_factory, metadata, compare=compare)


def fields_of(owner: Any) -> tuple[FieldOf, ...]:
    """What `dataclasses.fields` is."""
    return tuple(getattr(owner, _FIELDS).values())


def replaced(record: Any, **changes: Any) -> Any:
    """What `dataclasses.replace` is."""
    values = {name: getattr(record, name) for name in getattr(record, _FIELDS)}
    return record.__class__(**{**values, **changes})


def decorator(
    cls: Any = None,
    /,
    *,
    frozen: bool = False,
    slots: bool = False,
    order: bool = False,
    eq: bool = True,
) -> Any:
    """What `dataclasses.dataclass` is."""

    def decorate(plain: Any) -> Any:
        own, fields = _fields_of_class(plain)
        members: dict[str, Any] = {
            _FIELDS: fields,
            "__match_args__": tuple(fields),
            "__init__": _init(plain, fields, frozen=frozen),
            "__repr__": _repr,
            **(_comparisons(fields, hashable=frozen, order=order) if eq else {}),
            **({"__setattr__": _refuse, "__delattr__": _refuse} if frozen else {}),
        }
        written = {name for name, value in _members(plain).items() if value is not None}
        members = {name: member for name, member in members.items() if name not in written}
        if slots:
            return _slotted(plain, own, members)
        for name, member in members.items():
            setattr(plain, name, member)
        return plain

    return decorate if cls is None else decorate(cls)


def _fields_of_class(cls: Any) -> tuple[tuple[str, ...], dict[str, FieldOf]]:
    """The names a class declares itself, and its fields with those of its bases before them."""
    fields: dict[str, FieldOf] = {}
    for base in reversed(cls.__mro__[1:]):
        fields.update(getattr(base, _FIELDS, {}))
    own = tuple(_annotations(cls))
    for name in own:
        default = _members(cls).get(name, _MISSING)
        item = default if isinstance(default, FieldOf) else FieldOf(default)
        item.name = name
        fields[name] = item
        if isinstance(default, FieldOf):
            if item.default is _MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, item.default)
    return own, fields


def _members(cls: Any) -> dict[str, Any]:
    return {**cls.__dict__}


def _annotations(cls: Any) -> dict[str, Any]:
    """A class's own annotations; 3.14 makes them when they are asked for."""
    return _members(cls).get("__annotations__") or getattr(cls, "__annotations__", {})


def _init(cls: Any, fields: dict[str, FieldOf], *, frozen: bool) -> Any:
    parameters: list[str] = []
    lines: list[str] = []
    scope: dict[str, Any] = {"_set": _SET, "_missing": _MISSING}
    for name, item in fields.items():
        value = name
        if item.factory is not _MISSING:
            scope[f"_make_{name}"] = item.factory
            parameters.append(f"{name}=_missing")
            value = f"_make_{name}() if {name} is _missing else {name}"
        elif item.default is not _MISSING:
            scope[f"_default_{name}"] = item.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        lines.append(f" _set(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
    body = "\n".join(lines) or " pass"
    exec(f"def __init__(self, {', '.join(parameters)}):\n{body}", scope)
    init = scope["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _comparisons(fields: dict[str, FieldOf], *, hashable: bool, order: bool) -> dict[str, Any]:
    names = [name for name, item in fields.items() if item.compare]
    key: Callable[[Any], Any] = attrgetter(*names) if names else lambda _: ()

    def equal(self: Any, other: Any) -> Any:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    def less(self: Any, other: Any) -> Any:
        return key(self) < key(other) if other.__class__ is self.__class__ else NotImplemented

    def less_or_equal(self: Any, other: Any) -> Any:
        return key(self) <= key(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: Any) -> int:
        return hash(key(self))

    # Python asks the other side for `>` and `>=`.
    ordering = {"__lt__": less, "__le__": less_or_equal} if order else {}
    return {"__eq__": equal, "__hash__": hashed if hashable else None, **ordering}


def _slotted(cls: Any, own: tuple[str, ...], members: dict[str, Any]) -> Any:
    """The class anew, with slots for its own fields: they cannot be added to one that is there."""
    left = {*own, "__dict__", "__weakref__"}
    body = {name: value for name, value in _members(cls).items() if name not in left}
    body |= {"__slots__": own, "__getstate__": _state, "__setstate__": _restore, **members}
    new = type(cls)(cls.__name__, cls.__bases__, body)
    new.__qualname__ = cls.__qualname__
    return new


def _repr(self: Any) -> str:
    inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in getattr(self, _FIELDS))
    return f"{self.__class__.__qualname__}({inside})"


def _refuse(self: Any, name: str, value: object = None) -> None:
    raise FrozenError(f"`{self.__class__.__qualname__}` is frozen: `{name}` cannot be changed")


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in getattr(self, _FIELDS)]


def _restore(self: Any, state: list[Any]) -> None:
    for name, value in zip(getattr(self, _FIELDS), state, strict=True):
        _SET(self, name, value)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import fields as fields
    from dataclasses import replace as replace
else:
    dataclass, field, fields, replace = decorator, declared, fields_of, replaced

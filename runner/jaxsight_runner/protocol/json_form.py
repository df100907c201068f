"""Frozen dataclasses as JSON values, and back."""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from typing import (
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

_D = TypeVar("_D")


class ProtocolError(ValueError):
    """A line that is no message of this protocol."""


def to_json(message: object) -> dict[str, object]:
    """A message's, or a report's, fields as JSON values; numbers JSON cannot hold become None."""
    assert dataclasses.is_dataclass(message)
    return {
        item.name: _plain(cast(object, getattr(message, item.name)))
        for item in dataclasses.fields(message)
    }


def from_json(cls: type[_D], data: object) -> _D:
    """A message from its fields. Unknown fields are ignored; a missing or wrong one is named."""
    if not isinstance(data, dict):
        raise ProtocolError(f"{cls.__name__} must be an object, not {type(data).__name__}")
    values = cast("dict[str, object]", data)
    hints = _hints(cls)
    arguments: dict[str, object] = {}
    for item in dataclasses.fields(cls):  # type: ignore[arg-type]
        if item.name in values:
            arguments[item.name] = _typed(
                hints[item.name], values[item.name], f"{cls.__name__}.{item.name}"
            )
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise ProtocolError(f"{cls.__name__} lacks {item.name!r}")
    return cls(**arguments)


@cache
def _hints(cls: type) -> dict[str, object]:
    return get_type_hints(cls)


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return to_json(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return {str(key): _plain(item) for key, item in items}
    return value


def _typed(hint: object, value: object, where: str) -> object:
    """`value` as the annotation says; only the kinds of annotation this module uses are known."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Union:
        if value is None:
            return None
        return _typed(next(item for item in arguments if item is not type(None)), value, where)
    if origin is Literal:
        if value in arguments:
            return value
        raise ProtocolError(f"{where} is {value!r}, not one of {', '.join(map(str, arguments))}")
    if origin is tuple:
        if not isinstance(value, list):
            raise ProtocolError(f"{where} must be a list")
        return tuple(_typed(arguments[0], item, where) for item in cast("list[object]", value))
    if origin is dict:
        if not isinstance(value, dict):
            raise ProtocolError(f"{where} must be an object")
        items = cast("dict[str, object]", value).items()
        return {key: _typed(arguments[1], item, where) for key, item in items}
    assert isinstance(hint, type)
    return _scalar(hint, value, where)


def _scalar(cls: type, value: object, where: str) -> object:
    name = cls.__name__
    if dataclasses.is_dataclass(cls):
        return from_json(cls, value)
    if cls is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if cls is float and value is None:
        return math.nan
    if isinstance(value, cls) and not (cls is int and isinstance(value, bool)):
        return value
    raise ProtocolError(f"{where} must be {name}, not {type(value).__name__}")

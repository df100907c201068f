"""The shape of a value in a few characters: `f32[B,64]`, `(f32[3], i32[])`, `{w: f32[64,10]}`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Optional, cast

from jaxsight_runner.inputs.spec import DTYPES

_SHORT = {long: short for short, long in DTYPES.items()}
_DEPTH = 3
_MOST = 4  # items of a container that are shown
_LEFT_OUT = "…"


def shape_of(value: object, depth: int = 0) -> Optional[str]:
    """The shape of an array or of a container of some; None where there is no array in it."""
    array = _array(value)
    if array is not None:
        return array
    if depth >= _DEPTH:
        return None
    if isinstance(value, (tuple, list)):
        return _sequence(cast("Sequence[object]", value), depth)
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return _named([(str(key), item) for key, item in items], "{", "}", ": ", depth)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [(one.name, getattr(value, one.name, None)) for one in dataclasses.fields(value)]
        return _named(fields, f"{type(value).__name__}(", ")", "=", depth)
    return None


def _array(value: object) -> Optional[str]:
    """Of an array, a tracer, a shape, or a variable of NNX that holds one."""
    if isinstance(value, type):
        return None
    held: Any = value
    if type(value).__module__.startswith("flax.nnx") and not hasattr(value, "shape"):
        held = getattr(value, "value", None)  # a variable of Flax before 0.10
    aval: Any = getattr(held, "aval", None)
    found = aval if aval is not None else held
    shape, dtype = getattr(found, "shape", None), getattr(found, "dtype", None)
    if not isinstance(shape, tuple) or dtype is None:
        return None
    name = str(dtype)
    dims = cast("tuple[object, ...]", shape)
    text = f"{_SHORT.get(name, name)}[{','.join(str(dim).replace(' ', '') for dim in dims)}]"
    kind = type(value)
    return f"{kind.__name__} {text}" if kind.__module__.startswith("flax.nnx") else text


def _sequence(items: Sequence[object], depth: int) -> Optional[str]:
    fields = getattr(items, "_fields", None)
    if isinstance(fields, tuple):
        names = [str(name) for name in cast("tuple[object, ...]", fields)]
        return _named(list(zip(names, items)), f"{type(items).__name__}(", ")", "=", depth)
    shown = [shape_of(item, depth + 1) for item in items[: 10 * _MOST]]
    if not any(shown):
        return None
    opening, closing = "()" if isinstance(items, tuple) else "[]"
    if len(items) > 2 and len(set(shown)) == 1 and len(shown) == len(items):
        return f"{opening}{shown[0]} × {len(items)}{closing}"
    words = [one or "_" for one in shown[:_MOST]] + [_LEFT_OUT] * (len(items) > _MOST)
    comma = "," if opening == "(" and len(items) == 1 else ""
    return f"{opening}{', '.join(words)}{comma}{closing}"


def _named(
    items: Sequence[tuple[str, object]], opening: str, closing: str, between: str, depth: int
) -> Optional[str]:
    shown = [(name, shape_of(item, depth + 1)) for name, item in items[: 10 * _MOST]]
    if not any(shape for _, shape in shown):
        return None
    words = [f"{name}{between}{shape or '_'}" for name, shape in shown[:_MOST]]
    words += [_LEFT_OUT] * (len(items) > _MOST)
    return f"{opening}{', '.join(words)}{closing}"

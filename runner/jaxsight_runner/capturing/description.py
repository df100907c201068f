"""Writes an argument as a spec of the input language, with a tally for each of its arrays."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Any, Optional, cast

from jaxsight_runner.capturing.expressions import (
    Names,
    construction,
    expression,
    is_plain_dataclass,
)
from jaxsight_runner.capturing.tally import Tally, spread
from jaxsight_runner.capturing.tracers import class_of, concrete, is_array
from jaxsight_runner.data import dataclass
from jaxsight_runner.inputs.spec import (
    DTYPES,
    ArraySpec,
    Dim,
    ExpressionSpec,
    KeySpec,
    NestSpec,
    Value,
    show,
)
from jaxsight_runner.protocol import CapturedArgument, Leaf

_SHORT = {long: short for short, long in DTYPES.items()}
_NARROW = {
    "complex128": "complex64",
    **{f"{kind}64": f"{kind}32" for kind in ("float", "int", "uint")},
}
_KEYS = re.compile(r"(?:\b|_)(key|rng|prng|seed)s?(\d|_|\b)", re.IGNORECASE)
_MOST_LEAVES = 1000


@dataclass
class Array:
    """An array of an argument."""

    path: str
    spec: Value
    value: str
    tally: Tally = field(default_factory=Tally)
    sharding: Optional[str] = None
    weak: bool = False
    latest: Any = None  # the array of the call that is being looked at; never kept beyond it

    def leaf(self) -> Leaf:
        """What the report says of it."""
        low, high = self.tally.range or (None, None)
        return Leaf(
            self.path,
            self.value,
            low,
            high,
            self.tally.mean,
            self.tally.std,
            self.tally.share_of_zeros(),
            self.tally.share_of_non_finite(),
            self.sharding,
            self.weak,
        )


@dataclass
class Argument:
    """What is known of one argument after some calls."""

    name: str
    type: str
    value: Optional[Value]  # arrays in it are drawn from their tallies
    arrays: list[Array]
    reason: Optional[str]
    suggestion: Optional[str]

    def report(self) -> CapturedArgument:
        """The spec and the statistics."""
        arrays = iter(self.arrays)
        spec = None if self.value is None else _entry(self.name, _filled(self.value, arrays))
        leaves = tuple(array.leaf() for array in self.arrays)
        return CapturedArgument(
            self.name,
            self.type,
            spec,
            leaves,
            self.reason,
            self.suggestion if spec is None else None,
        )

    def add(self, other: Argument) -> None:
        """Take another call's arrays into account."""
        for array, more in zip(self.arrays, other.arrays):
            array.latest = more.latest

    def tally(self, room: int) -> int:
        """Look at the numbers of the latest call's arrays, and let go of them; the bytes that are left."""
        for array in self.arrays:
            room = _tally(array, room)
        self.forget()
        return room

    def forget(self) -> None:
        """Let go of the latest call's arrays."""
        for array in self.arrays:
            array.latest = None


def describe(name: str, value: Any, names: Names) -> Argument:
    """The argument, not yet tallied."""
    described = _Description(names)
    spec: Optional[Value] = None
    reason: Optional[str] = None
    try:
        if name.startswith("*"):
            raise _Unwritable(f"`{name}` holds arguments that no parameter names")
        spec = described.value(value, name)
    except _Unwritable as error:
        reason = str(error)
    kind = type_name(value)
    if spec is not None:
        return Argument(name, kind, spec, described.arrays, None, None)
    suggestion = None if name.startswith("*") else f"{name} = {construction(value, names)}"
    return Argument(name, kind, None, _abstract_leaves(value, name), reason, suggestion)


def type_name(value: Any) -> str:
    """A type as its user knows it."""
    cls = class_of(value)
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )


class _Unwritable(Exception):  # noqa: N818 - decides, and is said
    """This part has no spec."""


def _fields(value: Any) -> Optional[dict[str, Any]]:
    """The fields of a named tuple or a dataclass, if these make it again."""
    cls = class_of(value)
    names: Optional[tuple[str, ...]] = None
    if hasattr(cls, "_fields") and hasattr(cls, "_make"):
        names = cls._fields
    elif is_plain_dataclass(cls):
        names = tuple(item.name for item in dataclasses.fields(cls))
    return None if names is None else {name: getattr(value, name) for name in names}


class _Description:
    def __init__(self, names: Names) -> None:
        self._names = names
        self.arrays: list[Array] = []

    def value(self, value: Any, path: str) -> Value:
        if is_array(value):
            return self._array(value, path)
        if type(value) in (dict, tuple, list) and _holds_arrays(value):
            return self._nest(value, path)
        text = expression(value, self._names)
        if text is not None:
            return ExpressionSpec(text)
        if (fields := _fields(value)) is not None:
            return self._record(class_of(value), fields, path)
        if type(value) in (dict, tuple, list):
            return self._nest(value, path)
        raise _Unwritable(f"`{path}` is of type {type_name(value)}")

    def _nest(self, value: Any, path: str) -> Value:
        if type(value) is not dict:
            items = [self.value(item, f"{path}[{i}]") for i, item in enumerate(value)]
            return NestSpec(type(value).__name__, (), tuple(items))
        items_of = cast("dict[object, Any]", value)
        for key in items_of:
            if not isinstance(key, str) or re.search(r"[\"'\\\n]", key):
                raise _Unwritable(f"`{path}` has the key {key!r}, which a spec cannot name")
        parts = [self.value(item, f"{path}[{key!r}]") for key, item in items_of.items()]
        return NestSpec("dict", tuple(map(str, items_of)), tuple(parts))

    def _record(self, cls: type, fields: Mapping[str, Any], path: str) -> Value:
        name = self._names.of_class(cls)
        if name is None:
            raise _Unwritable(f"`{path}` is a {cls.__qualname__}, which the module has no name for")
        parts = [self.value(item, f"{path}.{key}") for key, item in fields.items()]
        return NestSpec("record", tuple(fields), tuple(parts), name)

    def _array(self, value: Any, path: str) -> Value:
        array = described_array(value, path)
        if array is None:
            raise _Unwritable(f"`{path}` is a {value.dtype} array, which a spec cannot name")
        if array.weak and value.shape == () and (number := _number(value)) is not None:
            return ExpressionSpec(number)  # a Python number is as weakly typed
        self.arrays.append(array)
        return array.spec


def described_array(value: Any, path: str) -> Optional[Array]:
    """An array's spec without its numbers; None where the language has no such dtype."""
    dims = tuple(Dim(None, size) for size in value.shape if isinstance(size, int))
    if len(dims) != len(value.shape):
        return None  # symbolic dimensions
    key = _key(value, path, dims)
    if key is not None:
        return Array(path, key, show(key), latest=value)
    short = _SHORT.get(_narrowed(str(value.dtype)))
    if short is None:
        return None
    spec = ArraySpec(short, dims)
    weak = bool(getattr(getattr(value, "aval", None), "weak_type", False))
    return Array(path, spec, show(spec), sharding=_sharding(value), weak=weak, latest=value)


def _narrowed(dtype: str) -> str:
    """As JAX takes it: 64 bits are 32 unless they were switched on."""
    config = getattr(sys.modules.get("jax"), "config", None)
    if getattr(config, "jax_enable_x64", False):
        return dtype
    return _NARROW.get(dtype, dtype)


def _key(value: Any, path: str, dims: tuple[Dim, ...]) -> Optional[KeySpec]:
    dtype = str(value.dtype)
    if dtype.startswith("key<"):
        return KeySpec(dims=dims)
    if dtype == "uint32" and dims and dims[-1].size in (2, 4) and _KEYS.search(path):
        return KeySpec(legacy=True, dims=dims[:-1])
    return None


def _sharding(value: Any) -> Optional[str]:
    """How an array is spread over several devices."""
    try:
        sharding = value.sharding
        devices = len(sharding.device_set)
    except Exception:  # NumPy's, a tracer's
        return None
    if devices < 2:
        return None
    spec, mesh = getattr(sharding, "spec", None), getattr(sharding, "mesh", None)
    if spec is None or mesh is None:
        return f"{type(sharding).__name__} over {devices} devices"
    axes = ", ".join(f"{name}={size}" for name, size in dict(mesh.shape).items())
    return f"{str(spec).replace('PartitionSpec', 'P')} over {axes}"


def _number(value: Any) -> Optional[str]:
    known = concrete(value)
    if known is None:
        return None
    number = known.item()
    return repr(number) if number == number and abs(number) != float("inf") else None


def _holds_arrays(value: Any) -> bool:
    whole = cast("dict[object, Any]", value).values() if type(value) is dict else value
    items: list[Any] = list(whole)
    return any(
        is_array(item) or (type(item) in (dict, tuple, list) and _holds_arrays(item))
        for item in items
    )


def _abstract_leaves(value: Any, name: str) -> list[Array]:
    """The arrays in something that has no spec, by their key paths."""
    found: list[Array] = []
    for path, leaf in _paths(value)[:_MOST_LEAVES]:
        if is_array(leaf):
            array = described_array(leaf, name + path)
            found.append(array or Array(name + path, ExpressionSpec("..."), str(leaf.dtype)))
    return found


def _paths(value: Any) -> list[tuple[str, Any]]:
    nnx = sys.modules.get("flax.nnx")
    tree_util: Any = getattr(sys.modules.get("jax"), "tree_util", None)
    if tree_util is None:
        return []
    try:
        if nnx is not None and isinstance(value, getattr(nnx, "Object", nnx.Module)):
            value = (
                nnx.to_pure_dict(nnx.state(value))
                if hasattr(nnx, "to_pure_dict")
                else nnx.state(value)
            )
        flat, _ = tree_util.tree_flatten_with_path(value)
        return [(tree_util.keystr(path), leaf) for path, leaf in flat]
    except Exception:  # no pytree after all
        return []


def _tally(array: Array, room: int) -> int:
    """Add an array's numbers, if there is room for so many bytes; what is left of it."""
    known = concrete(array.latest)
    if known is None or isinstance(array.spec, KeySpec):
        return room
    for part in _parts(known):
        numbers = host_copy(known, part)
        if numbers is None or numbers.nbytes > room:
            return room
        array.tally.add(numbers)
        room -= numbers.nbytes
    return room


def _parts(value: Any) -> list[int]:
    """The first of this process's devices that hold each part of an array."""
    try:
        held = value.sharding.addressable_devices_indices_map(value.shape)
        places = [str(index) for index in held.values()]
    except Exception:  # NumPy's, or deleted
        return [0]
    return [number for number, place in enumerate(places) if place not in places[:number]]


def host_copy(value: Any, part: int = 0) -> Any:
    """An array's numbers on the host, as NumPy's, which nobody keeps: None where they cannot be had.

    `part`: on which of this process's devices.

    Through a new array over the same buffer: else JAX would keep the copy with the user's array, and
    the buffer could not be donated while it does.
    """
    numpy = sys.modules["numpy"]
    try:
        data = value.addressable_data(part) if hasattr(value, "addressable_data") else value
        return numpy.asarray(data)
    except Exception:  # deleted, or of another process
        return None


def _filled(value: Value, arrays: Iterator[Array]) -> Value:
    """The spec with its arrays' numbers as they were seen."""
    if isinstance(value, NestSpec):
        return replace(value, items=tuple(_filled(item, arrays) for item in value.items))
    if isinstance(value, KeySpec):
        next(arrays)
        return value
    if not isinstance(value, ArraySpec):
        return value
    limits, normal = spread(next(arrays).tally, value.dtype)
    return replace(value, range=limits, normal=normal)


def _entry(name: str, value: Value) -> str:
    if isinstance(value, ExpressionSpec):
        return f"{name} = {value.text}"
    return f"{name}: {show(value, whole=True)}"

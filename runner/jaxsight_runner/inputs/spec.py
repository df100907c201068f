"""What an input spec says of each argument, and how it is written: `x: f32[B=128, 64], n = 3`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Optional, Union

from jaxsight_runner.data import dataclass

NUMPY = {
    "float16": "f16",
    "bfloat16": "bf16",
    "float32": "f32",
    "float64": "f64",
    "complex64": "c64",
    "complex128": "c128",
    "bool_": "bool",
    **{f"int{bits}": f"i{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"u{bits}" for bits in (8, 16, 32, 64)},
}
DTYPES: Mapping[str, str] = {**{short: long for long, short in NUMPY.items()}, "bool": "bool"}

NAME = re.compile(r"[^\W\d]\w*")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
LITERAL = re.compile(rf"""(None|True|False)\b|{NUMBER.pattern}(?![\w.])|'[^'\\\n]*'|"[^"\\\n]*\"""")


@dataclass(frozen=True)
class Dim:
    """One dimension: a number, a name, or both."""

    name: Optional[str]
    size: Optional[int]

    def __str__(self) -> str:
        if self.name is None:
            return str(self.size)
        return self.name if self.size is None else f"{self.name}={self.size}"


@dataclass(frozen=True)
class Partition:
    """`P("data", None)`: the axes of a mesh that each dimension is split over."""

    axes: tuple[tuple[str, ...], ...]  # of the first dimensions; the others are whole

    def __str__(self) -> str:
        return f"P({', '.join(_entry(names) for names in self.axes)})"

    @property
    def names(self) -> tuple[str, ...]:
        """The axes it uses, in order."""
        return tuple(name for entry in self.axes for name in entry)


def _entry(names: tuple[str, ...]) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    return "None" if not names else quoted if len(names) == 1 else f"({quoted})"


@dataclass(frozen=True)
class ArraySpec:
    """`f32[B, 64] normal(0, 1) in [-3, 3] @ P("data")`."""

    dtype: str  # short: "f32"
    dims: tuple[Dim, ...]
    range: Optional[tuple[float, float]] = None
    sharding: Optional[Partition] = None
    # Mean and standard deviation, clipped to the range.
    normal: Optional[tuple[float, float]] = None


@dataclass(frozen=True)
class KeySpec:
    """A PRNG key, typed or of the old kind; with dimensions, an array of keys."""

    legacy: bool = False
    dims: tuple[Dim, ...] = ()


@dataclass(frozen=True)
class FileSpec:
    """An array saved by NumPy, relative to the source file."""

    path: str


@dataclass(frozen=True)
class CapturedSpec:
    """What `jaxsight capture` recorded."""


@dataclass(frozen=True)
class NestSpec:
    """A dict, tuple or list of values, or a record: `Batch(x: f32[8], n = 3)`."""

    kind: str
    names: tuple[str, ...]
    items: tuple[Value, ...]
    of: str = ""  # a record's class, as the target's module calls it or as it is imported


@dataclass(frozen=True)
class ExpressionSpec:
    """Python, evaluated in the target's module."""

    text: str


Value = Union[ArraySpec, KeySpec, FileSpec, CapturedSpec, NestSpec, ExpressionSpec]


def show(value: Value, whole: bool = False) -> str:
    """A value as the language writes it; `whole`: with what its numbers are to be, too."""
    if isinstance(value, ArraySpec):
        dims = "[" + ",".join(map(str, value.dims)) + "]" if value.dims else ""
        sharding = f" @ {value.sharding}" if value.sharding else ""
        return value.dtype + dims + (_numbers(value) if whole else "") + sharding
    if isinstance(value, KeySpec):
        dims = "[" + ",".join(map(str, value.dims)) + "]" if value.dims else ""
        return ("key(legacy)" if value.legacy else "key") + dims
    if isinstance(value, FileSpec):
        return f'file("{value.path}")'
    if isinstance(value, CapturedSpec):
        return "captured"
    if isinstance(value, ExpressionSpec):
        return value.text
    return show_nest(value, [show(item, whole) for item in value.items])


def show_nest(value: NestSpec, items: list[str]) -> str:
    """A nest of these texts."""
    if value.kind in ("dict", "record"):
        pairs = ", ".join(map(_pair, value.names, value.items, items))
        return f"{value.of}({pairs})" if value.kind == "record" else f"{{{pairs}}}"
    return ("({})" if value.kind == "tuple" else "[{}]").format(", ".join(items))


def _pair(name: str, value: Value, text: str) -> str:
    if isinstance(value, ExpressionSpec) and not LITERAL.fullmatch(text):
        return f"{name} = {text}"
    return f"{name if NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False)}: {text}"


def _numbers(value: ArraySpec) -> str:
    parts: list[str] = []
    if value.normal is not None:
        parts.append(f"normal({value.normal[0]:.4g}, {value.normal[1]:.4g})")
    if value.range is not None:
        low, high = (_number(limit, value.dtype) for limit in value.range)
        parts.append(f"in [{low}, {high}]")
    return "".join(f" {part}" for part in parts)


def _number(limit: float, dtype: str) -> str:
    return str(int(limit)) if dtype[0] in "iu" or limit == int(limit) else repr(limit)

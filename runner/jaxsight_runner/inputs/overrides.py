"""Other sizes and dtypes than the inputs say, for a sweep over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.failures import stop
from jaxsight_runner.inputs.spec import ArraySpec, Dim, NestSpec, Value

FLOATS = ("f16", "bf16", "f32", "f64")


@dataclass(frozen=True)
class Overrides:
    """What is to be different."""

    sizes: Mapping[str, int] = field(default_factory=dict[str, int])  # by the dimension's name
    dtype: Optional[str] = None  # of all floating arrays
    only_unsized: bool = False  # sizes are for dimensions that have none


def overridden(values: Mapping[str, Value], wanted: Overrides) -> dict[str, Value]:
    """The inputs with other sizes and dtypes. Refuses a dimension that none of them has."""
    arrays = [array for value in values.values() for array in _arrays(value)]
    dims = [dim for array in arrays for dim in array.dims if dim.name]
    named = dict.fromkeys(str(dim.name) for dim in dims)
    for name in wanted.sizes:
        if name not in named:
            known = ", ".join(f"`{one}`" for one in named)
            hint = f"they name {known}" if known else "name one, as in `x: f32[B=128, 64]`"
            raise stop("inputs", f"the inputs have no dimension `{name}` to sweep over; {hint}")
    if wanted.dtype and not any(array.dtype in FLOATS for array in arrays):
        raise stop("inputs", "the inputs have no floating array whose dtype could be swept over")
    sized = [dim.name for dim in dims if dim.size is not None and wanted.only_unsized]
    sizes = {name: size for name, size in wanted.sizes.items() if name not in sized}
    return {name: _changed(value, sizes, wanted.dtype) for name, value in values.items()}


def _arrays(value: Value) -> Iterator[ArraySpec]:
    if isinstance(value, ArraySpec):
        yield value
    elif isinstance(value, NestSpec):
        for item in value.items:
            yield from _arrays(item)


def _changed(value: Value, sizes: Mapping[str, int], dtype: Optional[str]) -> Value:
    if isinstance(value, NestSpec):
        return replace(value, items=tuple(_changed(item, sizes, dtype) for item in value.items))
    if not isinstance(value, ArraySpec):
        return value
    dims = tuple(Dim(dim.name, sizes.get(dim.name or "", dim.size)) for dim in value.dims)
    floating = dtype is not None and value.dtype in FLOATS
    return replace(value, dims=dims, dtype=dtype if floating else value.dtype)

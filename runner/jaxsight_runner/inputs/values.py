"""Makes values from specs: arrays of numbers, or only their shapes and dtypes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Optional

from jaxsight_runner.failures import stop
from jaxsight_runner.inputs.meshes import Devices
from jaxsight_runner.inputs.spec import (
    DTYPES,
    ArraySpec,
    CapturedSpec,
    Dim,
    ExpressionSpec,
    FileSpec,
    KeySpec,
    NestSpec,
    Value,
    show,
)
from jaxsight_runner.loading.target import Loaded

SEED = 0


class Builder:
    """Makes values from specs, the same ones every time."""

    def __init__(
        self, loaded: Loaded, sizes: Mapping[str, int], devices: Optional[Devices] = None
    ) -> None:
        self._loaded = loaded
        self._sizes = sizes
        self._devices = devices  # there where a spec names a sharding
        self._keys = 0
        self._jax = import_module("jax")
        self._numpy = import_module("numpy")
        self.notes: dict[str, str] = {}

    def build(self, value: Value, path: str) -> Any:
        """The value; `path` seeds it and is named in messages."""
        if isinstance(value, ArraySpec):
            return self._array(value, path)
        if isinstance(value, KeySpec):
            self._keys += 1
            random = self._jax.random
            return random.PRNGKey(self._keys) if value.legacy else random.key(self._keys)
        if isinstance(value, FileSpec):
            return self._file(value, path)
        if isinstance(value, ExpressionSpec):
            return self._evaluate(value, path)
        if isinstance(value, CapturedSpec):
            raise stop(
                "unsupported", f"`{path}`: no inputs were captured for this function; give a spec"
            )
        items = [self.build(item, f"{path}.{index}") for index, item in enumerate(value.items)]
        if value.kind == "dict":
            return {name: items[index] for index, name in enumerate(value.names)}
        return tuple(items) if value.kind == "tuple" else items

    def shown(self, value: Value) -> str:
        """The value with every dimension a number."""
        if isinstance(value, ArraySpec):
            return show(replace(value, dims=tuple(Dim(None, size) for size in self._shape(value))))
        if isinstance(value, NestSpec) and value.kind == "dict":
            pairs = [f"{name}: {self.shown(value.items[i])}" for i, name in enumerate(value.names)]
            return "{" + ", ".join(pairs) + "}"
        if isinstance(value, NestSpec):
            items = ", ".join(self.shown(item) for item in value.items)
            return f"({items})" if value.kind == "tuple" else f"[{items}]"
        return show(value)

    def _shape(self, value: ArraySpec) -> tuple[int, ...]:
        return tuple(
            dim.size if dim.size is not None else self._sizes[str(dim.name)] for dim in value.dims
        )

    def _array(self, value: ArraySpec, path: str) -> Any:
        self._refuse_wide(value, path)
        drawn = self._draw(value, path)
        if value.sharding is None or self._devices is None:
            return self._jax.numpy.asarray(drawn, dtype=self._dtype(value))
        sharding = self._devices.sharding(value.sharding, self._shape(value), path)
        whole = self._numpy.asarray(drawn, dtype=self._dtype(value))
        # Each device gets its part from this process: with several processes nothing else can.
        part_of: Callable[[Any], Any] = whole.__getitem__
        return self._jax.make_array_from_callback(whole.shape, sharding, part_of)

    def _dtype(self, value: ArraySpec) -> Any:
        return getattr(self._jax.numpy, DTYPES[value.dtype].replace("bool", "bool_"))

    def _refuse_wide(self, value: ArraySpec, path: str) -> None:
        if value.dtype in ("f64", "i64", "u64", "c128") and not self._jax.config.jax_enable_x64:
            raise stop(
                "inputs",
                f"`{path}` is {value.dtype}, but 64-bit types are off: set `jax_enable_x64` in the "
                f"program or JAX_ENABLE_X64=1, or give {_narrow(value.dtype)}",
            )

    def _draw(self, value: ArraySpec, path: str) -> Any:
        rng = self._numpy.random.default_rng([SEED, zlib.crc32(path.encode())])
        shape, dtype = self._shape(value), value.dtype
        if dtype == "bool":
            return rng.integers(0, 2, shape).astype(bool)
        if dtype[0] in "iu":
            if value.range is None:
                self.notes.setdefault(
                    path.split(".")[0], "integers drawn from 0 to 9; say `in [low, high]`"
                )
            low, high = value.range or (0, 9)
            return rng.integers(int(low), int(high), shape, endpoint=True)
        if dtype[0] == "c":
            return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
        if value.range is not None:
            return rng.uniform(value.range[0], value.range[1], shape)
        return rng.standard_normal(shape)

    def _file(self, value: FileSpec, path: str) -> Any:
        place = Path(self._loaded.request.path).parent / value.path
        try:
            data = self._numpy.load(place, allow_pickle=False)
        except OSError as error:
            raise stop(
                "inputs", f"`{path}`: cannot read {place}: {error.strerror or error}"
            ) from error
        except ValueError as error:
            raise stop(
                "inputs", f"`{path}`: {place} holds no plain NumPy array: {error}"
            ) from error
        if not isinstance(data, self._numpy.ndarray):
            raise stop(
                "inputs", f"`{path}`: {place} holds several arrays; save the one with numpy.save"
            )
        return self._jax.numpy.asarray(data)

    def _evaluate(self, value: ExpressionSpec, path: str) -> Any:
        names = vars(self._loaded.module)
        code = compile(value.text, f"<input {path}>", "eval", dont_inherit=True)
        try:
            return eval(code, names)
        except NameError as error:
            raise stop(
                "inputs", f"`{path} = {value.text}`: {error} in the target's module"
            ) from error


def _narrow(dtype: str) -> str:
    return {"f64": "f32", "i64": "i32", "u64": "u32", "c128": "c64"}[dtype]


class AbstractBuilder(Builder):
    """Makes `jax.ShapeDtypeStruct`s: no numbers; dimensions may be symbols."""

    def __init__(
        self, loaded: Loaded, sizes: Mapping[str, Any], devices: Optional[Devices] = None
    ) -> None:
        super().__init__(loaded, sizes, devices)
        self._dimensions = sizes

    def build(self, value: Value, path: str) -> Any:
        """As its base does, but a key is a shape too."""
        built = super().build(value, path)
        if isinstance(value, KeySpec):
            return self._jax.ShapeDtypeStruct(built.shape, built.dtype)
        return built

    def shown(self, value: Value) -> str:
        """The value with the dimensions that are used."""
        if isinstance(value, ArraySpec):
            at = f" @ {value.sharding}" if value.sharding else ""
            return f"{value.dtype}[{','.join(map(str, self._named_shape(value)))}]{at}"
        return super().shown(value)

    def _array(self, value: ArraySpec, path: str) -> Any:
        self._refuse_wide(value, path)
        shape, sharding = self._named_shape(value), None
        if value.sharding is not None and self._devices is not None:
            sharding = self._devices.sharding(value.sharding, shape, path)
        return self._jax.ShapeDtypeStruct(shape, self._dtype(value), sharding=sharding)

    def _named_shape(self, value: ArraySpec) -> tuple[Any, ...]:
        """A name stands for what the dimensions say of it, also where the spec has a size."""
        return tuple(
            self._dimensions.get(dim.name, dim.size) if dim.name is not None else dim.size
            for dim in value.dims
        )

"""Makes values from specs: arrays of numbers, or only their shapes and dtypes."""

from __future__ import annotations

import contextlib
import math
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Optional, Union

from jaxsight_runner.failures import stop
from jaxsight_runner.inputs.kept import load as load_kept
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
    show_nest,
)
from jaxsight_runner.loading.loaded import Loaded

SEED = 0


_TOO_MANY = 2**60  # elements


class _OtherShape(Exception):  # noqa: N818 - decides
    """The spec was edited after the values were kept."""


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
        self.given: dict[str, Any] = {}  # what was built before, for expressions that mention it

    def build(self, value: Value, path: str) -> Any:
        """The value; `path` seeds it and is named in messages."""
        if isinstance(value, ArraySpec):
            return self._array(value, path)
        if isinstance(value, KeySpec):
            return self._key(value)
        if isinstance(value, FileSpec):
            return self._file(value, path)
        if isinstance(value, ExpressionSpec):
            return self._evaluate(value, path)
        if isinstance(value, CapturedSpec):
            raise stop("inputs", f"`{path}`: only a whole argument can be `captured`")
        items = [self.build(item, f"{path}.{index}") for index, item in enumerate(value.items)]
        return self._nest(value, items, path)

    def _nest(self, value: NestSpec, items: list[Any], path: str) -> Any:
        if value.kind == "dict":
            return dict(zip(value.names, items))
        if value.kind == "record":
            return self._record(value, dict(zip(value.names, items)), path)
        return tuple(items) if value.kind == "tuple" else items

    def kept(self, value: Value, name: str) -> Any:
        """The argument with the values that a capture kept; drawn anew where it kept none."""
        folder = self._loaded.request.recorded_values
        arrays = load_kept(Path(folder), name) if folder is not None else None
        if arrays is not None:
            rest = iter(arrays)
            with contextlib.suppress(StopIteration, _OtherShape):
                return self._filled(value, name, rest)
        self.notes[name] = "no values of it were kept on this machine: drawn as recorded"
        return self.build(value, name)

    def _filled(self, value: Value, path: str, arrays: Iterator[Any]) -> Any:
        if isinstance(value, NestSpec):
            items = [
                self._filled(item, f"{path}.{index}", arrays)
                for index, item in enumerate(value.items)
            ]
            return self._nest(value, items, path)
        if isinstance(value, KeySpec):
            data = self._jax.numpy.asarray(next(arrays))
            return data if value.legacy else self._jax.random.wrap_key_data(data)
        if isinstance(value, ArraySpec):
            array = next(arrays)
            if array.shape != self._shape(value):
                raise _OtherShape
            return self._jax.numpy.asarray(array, dtype=self._dtype(value))
        return self.build(value, path)

    def shown(self, value: Value) -> str:
        """The value with every dimension a number."""
        if isinstance(value, ArraySpec):
            return show(replace(value, dims=tuple(Dim(None, size) for size in self._shape(value))))
        if isinstance(value, NestSpec):
            return show_nest(value, [self.shown(item) for item in value.items])
        return show(value)

    def _key(self, value: KeySpec) -> Any:
        self._keys += 1
        random = self._jax.random
        key = random.PRNGKey(self._keys) if value.legacy else random.key(self._keys)
        shape = self._shape(value)
        if not value.dims:
            return key
        keys = random.split(key, math.prod(shape))
        return keys.reshape(shape + keys.shape[1:])

    def _record(self, value: NestSpec, fields: dict[str, Any], path: str) -> Any:
        cls = find_object(value.of, vars(self._loaded.module))
        if not callable(cls):
            raise stop(
                "inputs",
                f"`{path}`: there is no class `{value.of}` in the target's module, nor one to import",
            )
        try:
            return cls(**fields)
        except TypeError as error:
            raise stop("inputs", f"`{path}`: `{value.of}(...)`: {error}") from error

    def _shape(self, value: Union[ArraySpec, KeySpec]) -> tuple[int, ...]:
        return tuple(
            dim.size if dim.size is not None else self._sizes[str(dim.name)] for dim in value.dims
        )

    def _array(self, value: ArraySpec, path: str) -> Any:
        self._refuse_wide(value, path)
        if math.prod(self._shape(value)) >= _TOO_MANY:
            raise stop(
                "inputs",
                f"`{path}` has more elements than a machine can count: give it smaller sizes",
            )
        # NumPy converts it: JAX would compile a program for that
        whole = self._numpy.asarray(self._draw(value, path), dtype=self._dtype(value))
        if value.sharding is None or self._devices is None:
            return self._jax.numpy.asarray(whole)
        sharding = self._devices.sharding(value.sharding, self._shape(value), path)
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
        if value.normal is not None:
            drawn = rng.normal(*value.normal, shape)
            return drawn if value.range is None else drawn.clip(*value.range)
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
        names = {**_libraries(), **vars(self._loaded.module), **self._loaded.scope, **self.given}
        code = compile(value.text, f"<input {path}>", "eval", dont_inherit=True)
        try:
            return eval(code, names)
        except NameError as error:
            raise stop(
                "inputs", f"`{path} = {value.text}`: {error} in the target's module"
            ) from error


def find_object(name: str, names: Mapping[str, Any]) -> Any:
    """What a dotted name stands for: in a module, else imported; None where there is no such thing."""
    head, *rest = name.split(".")
    found: Any = names.get(head)
    if found is None:
        try:
            found = import_module(head)
        except ImportError:
            return None
    path = head
    for part in rest:
        path += f".{part}"
        if not hasattr(found, part):
            try:
                import_module(path)
            except ImportError:
                return None
        found = getattr(found, part, None)
    return found


def _libraries() -> dict[str, Any]:
    """What expressions may name although the target's module does not import it."""
    known = {"jax": "jax", "jnp": "jax.numpy", "np": "numpy", "nnx": "flax.nnx", "optax": "optax"}
    return {name: sys.modules[place] for name, place in known.items() if place in sys.modules}


def _narrow(dtype: str) -> str:
    return {"f64": "f32", "i64": "i32", "u64": "u32", "c128": "c64"}[dtype]


class AbstractBuilder(Builder):
    """Makes `jax.ShapeDtypeStruct`s: no numbers; dimensions may be symbols."""

    def __init__(
        self, loaded: Loaded, sizes: Mapping[str, Any], devices: Optional[Devices] = None
    ) -> None:
        super().__init__(loaded, sizes, devices)
        self._dimensions = sizes

    def kept(self, value: Value, name: str) -> Any:
        """Shapes need no values."""
        return self.build(value, name)

    def _key(self, value: KeySpec) -> Any:
        one = super()._key(KeySpec(value.legacy))
        return self._jax.ShapeDtypeStruct((*self._named_shape(value), *one.shape), one.dtype)

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

    def _named_shape(self, value: Union[ArraySpec, KeySpec]) -> tuple[Any, ...]:
        """A name stands for what the dimensions say of it, also where the spec has a size."""
        return tuple(
            self._dimensions.get(dim.name, dim.size) if dim.name is not None else dim.size
            for dim in value.dims
        )

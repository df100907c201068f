"""Builds the arguments of a call from what the user said about them; what nobody said is asked."""

from __future__ import annotations

import inspect
import re
import typing
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Optional

from jaxsight_runner.failures import Stop, stop
from jaxsight_runner.protocol import Input, Question
from jaxsight_runner.spec import (
    DTYPES,
    ArraySpec,
    CapturedSpec,
    Dim,
    ExpressionSpec,
    FileSpec,
    KeySpec,
    NestSpec,
    SpecError,
    Value,
    comment_spec,
    parse_spec,
    show,
)
from jaxsight_runner.target import Loaded

SEED = 0
_KEY_NAMES = re.compile(r"(key|rng|rng_key|prng_key|rngs)\d*$")
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Arguments:
    """One call's arguments: values by parameter, and where each came from."""

    values: Mapping[str, Any]  # the user's arguments are anything
    inputs: tuple[Input, ...]

    def bind(
        self, parameters: Mapping[str, inspect.Parameter]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments, as the signature wants them."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        positional = True
        for name, value in _ordered(self.values, parameters):
            kind = parameters[name].kind if name in parameters else inspect.Parameter.KEYWORD_ONLY
            if kind is inspect.Parameter.KEYWORD_ONLY or not positional:
                kwargs[name] = value
            else:
                args.append(value)
            # After a parameter that is left to its default, the rest go by name.
            positional = positional and not _gap_after(name, self.values, parameters)
        return tuple(args), kwargs


def _ordered(
    values: Mapping[str, Any], parameters: Mapping[str, inspect.Parameter]
) -> Iterator[tuple[str, Any]]:
    for name in parameters:
        if name in values:
            yield name, values[name]
    for name in values:
        if name not in parameters:
            yield name, values[name]


def _gap_after(
    name: str, values: Mapping[str, Any], parameters: Mapping[str, inspect.Parameter]
) -> bool:
    names = list(parameters)
    if name not in names:
        return False
    index = names.index(name) + 1
    return index < len(names) and names[index] not in values


def build_arguments(loaded: Loaded) -> Arguments:
    """The arguments of the target: request, comment, recorded file, annotations; else a question."""
    parameters = loaded.parameters
    text, source = written(loaded)
    values = _parse(text, source, loaded) if text else {}
    values = _name_self(values, loaded)
    _refuse_unknown(values, parameters, loaded)
    sources = dict.fromkeys(values, source)
    for name, value in _annotated(loaded).items():
        if name not in values and parameters[name].default is inspect.Parameter.empty:
            values[name] = value
            sources[name] = "annotation"
    missing = [
        name
        for name, parameter in parameters.items()
        if name not in values
        and parameter.default is inspect.Parameter.empty
        and parameter.kind not in _VARIADIC
    ]
    sizes = _sizes(values)
    unsized = sorted({dim.name for dim in _dims(values) if dim.name and dim.name not in sizes})
    if missing or unsized:
        raise Stop(_question(loaded, values, missing, unsized))
    builder = _Builder(loaded, sizes)
    built = {name: builder.build(value, name) for name, value in values.items()}
    inputs = [
        Input(name, builder.shown(value), sources[name], builder.notes.get(name))
        for name, value in values.items()
    ]
    return Arguments(built, tuple(inputs))


def written(loaded: Loaded) -> tuple[Optional[str], str]:
    """The spec that somebody wrote for the target, and where: request, comment or recorded file."""
    request = loaded.request
    comment = comment_spec(request.text, loaded.first_line)
    for text, source in (
        (request.input, "request"),
        (comment, "comment"),
        (request.recorded_input, "file"),
    ):
        if text is not None and text.strip():
            return text, source
    return None, ""


def _parse(text: str, source: str, loaded: Loaded) -> dict[str, Value]:
    where = {
        "request": "the input",
        "comment": f"the inputs comment above `{loaded.request.qualname}`",
        "file": f"the inputs of `{loaded.request.qualname}` in .jaxsight/inputs.toml",
    }[source]
    try:
        return parse_spec(text)
    except SpecError as error:
        line = loaded.first_line - 1 if source == "comment" else None
        raise stop("inputs", f"{where}: {error}", loaded.request.path, line) from error


def _name_self(values: dict[str, Value], loaded: Loaded) -> dict[str, Value]:
    """`model = Model(...)` gives a method its `self`: the one expression that is no parameter."""
    if loaded.owner is None:
        return values
    parameters = loaded.parameters
    first = next(iter(parameters), None)
    others = [name for name in values if name not in parameters]
    if first is None or first in values or len(others) != 1:
        return values
    if not isinstance(values[others[0]], ExpressionSpec):
        return values
    return {first if name == others[0] else name: value for name, value in values.items()}


def _refuse_unknown(
    values: Mapping[str, Value], parameters: Mapping[str, inspect.Parameter], loaded: Loaded
) -> None:
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for name in values:
        if name not in parameters or parameters[name].kind in _VARIADIC:
            known = ", ".join(f"`{item}`" for item in parameters) or "none"
            raise stop(
                "inputs",
                f"`{loaded.request.qualname}` has no parameter `{name}`; its parameters: {known}",
            )


def _annotated(loaded: Loaded) -> dict[str, Value]:
    """What jaxtyping annotations say of parameters: their dtypes and dimensions."""
    try:
        hints = typing.get_type_hints(inspect.unwrap(loaded.function), include_extras=True)
    except Exception:  # an annotation that cannot be evaluated says nothing about values
        return {}
    found: dict[str, Value] = {}
    for name in loaded.parameters:
        value = _from_annotation(hints.get(name))
        if value is not None:
            found[name] = value
    return found


def _from_annotation(hint: Any) -> Optional[Value]:
    dim_text: Any = getattr(hint, "dim_str", None)
    dtypes: Any = getattr(hint, "dtypes", None)
    if not isinstance(dim_text, str):
        return None
    names = [str(item) for item in dtypes or ()]
    if "prng_key" in names:
        return None if dim_text.strip() else KeySpec()
    dtype = _preferred(names)
    dims = [_annotated_dim(word) for word in dim_text.split()]
    if dtype is None or any(dim is None for dim in dims):
        return None
    return ArraySpec(dtype, tuple(dim for dim in dims if dim is not None))


def _preferred(names: list[str]) -> Optional[str]:
    """The dtype a family of them stands for: `Float` is float32, `Int` is int32."""
    for short, long in DTYPES.items():
        if names == [long]:
            return short
    for short in ("f32", "i32", "c64", "bool", "u32"):
        if DTYPES[short] in names:
            return short
    return None


def _annotated_dim(word: str) -> Optional[Dim]:
    name, _, size = word.rpartition("=")
    if size.isdigit():
        return Dim(name or None, int(size))
    return Dim(word, None) if word.isidentifier() and word != "_" else None


def _dims(values: Mapping[str, Value]) -> Iterator[Dim]:
    for value in values.values():
        yield from _dims_of(value)


def _dims_of(value: Value) -> Iterator[Dim]:
    if isinstance(value, ArraySpec):
        yield from value.dims
    elif isinstance(value, NestSpec):
        for item in value.items:
            yield from _dims_of(item)


def _sizes(values: Mapping[str, Value]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for dim in _dims(values):
        if dim.name is None or dim.size is None:
            continue
        if sizes.setdefault(dim.name, dim.size) != dim.size:
            raise stop(
                "inputs",
                f"dimension `{dim.name}` is given two sizes, {sizes[dim.name]} and {dim.size}",
            )
    return sizes


def _question(
    loaded: Loaded, values: Mapping[str, Value], missing: list[str], unsized: list[str]
) -> Question:
    parts: list[str] = []
    if missing:
        parts.append("values for " + ", ".join(f"`{name}`" for name in missing))
    if unsized:
        parts.append("sizes for " + ", ".join(f"`{name}`" for name in unsized))
    suggestion = ", ".join(
        _suggest(name, values.get(name), loaded)
        for name in loaded.parameters
        if name in values or name in missing
    )
    for name in unsized:
        suggestion = re.sub(rf"\b{re.escape(name)}\b(?=[,\]])", f"{name}=8", suggestion, count=1)
    message = f"`{loaded.request.qualname}` needs {' and '.join(parts)}; for example `{suggestion}`"
    return Question("inputs", message, suggestion=suggestion)


def _suggest(name: str, value: Optional[Value], loaded: Loaded) -> str:
    if isinstance(value, ExpressionSpec):
        return f"{name} = {value.text}"
    if value is not None:
        return f"{name}: {show(value)}"
    if name == "self" and loaded.owner is not None:
        return f"self = {loaded.owner.__name__}(...)"
    if _KEY_NAMES.match(name):
        return f"{name}: key"
    return f"{name}: f32[8]"


class _Builder:
    """Makes values from specs, the same ones every time."""

    def __init__(self, loaded: Loaded, sizes: Mapping[str, int]) -> None:
        self._loaded = loaded
        self._sizes = sizes
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
            return show(
                ArraySpec(value.dtype, tuple(Dim(None, size) for size in self._shape(value)))
            )
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
        if value.sharding is not None:
            count = self._jax.device_count()
            raise stop(
                "unsupported",
                f"`{path}` is to be sharded as {value.sharding}: this version runs on one device "
                f"({count} there); leave `@ {value.sharding}` out",
            )
        dtype = DTYPES[value.dtype]
        if value.dtype in ("f64", "i64", "u64", "c128") and not self._jax.config.jax_enable_x64:
            raise stop(
                "inputs",
                f"`{path}` is {value.dtype}, but 64-bit types are off: set `jax_enable_x64` in the "
                f"program or JAX_ENABLE_X64=1, or give {_narrow(value.dtype)}",
            )
        data = self._draw(value, path)
        return self._jax.numpy.asarray(
            data, dtype=getattr(self._jax.numpy, dtype.replace("bool", "bool_"))
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

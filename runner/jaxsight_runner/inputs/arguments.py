"""Builds the arguments of a call from what the user said about them; what nobody said is asked."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.failures import Stop, stop
from jaxsight_runner.inputs.meshes import Devices, choose_mesh, partitions
from jaxsight_runner.inputs.modules import construction
from jaxsight_runner.inputs.overrides import Overrides, overridden
from jaxsight_runner.inputs.ownership import VARIADIC, owned
from jaxsight_runner.inputs.parser import SpecError, comment_spec, parse_spec
from jaxsight_runner.inputs.spec import (
    DTYPES,
    ArraySpec,
    CapturedSpec,
    Dim,
    ExpressionSpec,
    KeySpec,
    NestSpec,
    Value,
    show,
)
from jaxsight_runner.inputs.values import AbstractBuilder, Builder
from jaxsight_runner.loading.loaded import Loaded
from jaxsight_runner.protocol import Input, Question

_KEY_NAMES = re.compile(r"(key|rng|rng_key|prng_key|rngs)\d*$")


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


@dataclass(frozen=True)
class Wanted:
    """What is asked for: a spec for each argument, where it was written, the sizes of dimensions."""

    values: Mapping[str, Value]
    sources: Mapping[str, str]
    sizes: Mapping[str, int]
    kept: frozenset[str] = frozenset()  # those whose kept values are to be taken
    helpers: frozenset[str] = frozenset()  # no arguments; expressions mention them

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The names of dimensions, in the order they are written."""
        return tuple(dict.fromkeys(dim.name for dim in _dims(self.values) if dim.name))


def build_arguments(loaded: Loaded, overrides: Optional[Overrides] = None) -> Arguments:
    """The arguments of the target: request, comment, recorded file, annotations; else a question."""
    wanted = wanted_arguments(loaded, overrides=overrides)
    is_split = any(True for _ in partitions(wanted.values))
    devices = choose_mesh(loaded, wanted.values) if is_split else None
    return concrete_arguments(loaded, wanted, devices)


def concrete_arguments(loaded: Loaded, wanted: Wanted, devices: Optional[Devices]) -> Arguments:
    """The arguments as arrays on these devices."""
    return _built(wanted, Builder(loaded, wanted.sizes, devices))


def abstract_arguments(
    loaded: Loaded,
    wanted: Wanted,
    dimensions: Mapping[str, Any],
    devices: Optional[Devices] = None,
) -> Arguments:
    """The arguments as shapes and dtypes, and where they lie, if there are devices.

    A named dimension is what `dimensions` says, a number or a symbol.
    """
    return _built(wanted, AbstractBuilder(loaded, dimensions, devices))


def wanted_arguments(
    loaded: Loaded, need_sizes: bool = True, overrides: Optional[Overrides] = None
) -> Wanted:
    """The specs of the target's arguments. Raises the question for what is missing."""
    parameters = loaded.parameters
    text, source = written(loaded)
    sorted_out = owned(_parse(text, source, loaded) if text else {}, loaded)
    values = dict(sorted_out.values)
    sources = dict.fromkeys(values, source)
    if source == "request" and loaded.others:  # it may be meant for the other function
        for name, value in _commented(loaded).items():
            values.setdefault(name, value)
            sources.setdefault(name, "comment")
    kept = _take_recorded(values, sources, loaded)
    made = _made_self(loaded, values)
    if made is not None:
        values = {made[0]: made[1], **values}
        sources[made[0]] = "default"
    for name, value in _annotated(loaded).items():
        if name not in values and parameters[name].default is inspect.Parameter.empty:
            values[name] = value
            sources[name] = "annotation"
    if overrides is not None:
        values = overridden(values, overrides)
    missing = [
        name
        for name, parameter in parameters.items()
        if name not in values
        and parameter.default is inspect.Parameter.empty
        and parameter.kind not in VARIADIC
    ]
    sizes = _sizes(values)
    names = {dim.name for dim in _dims(values) if dim.name and dim.name not in sizes}
    unsized = sorted(names) if need_sizes else []
    if missing or unsized:
        given = {name: value for name, value in values.items() if sources[name] != "file"}
        shown = {**sorted_out.others, **(values if unsized else given)}
        raise Stop(_question(loaded, shown, missing, unsized))
    taken = kept if overrides is None else frozenset[str]()
    return Wanted(values, sources, sizes, taken, sorted_out.helpers)


def _made_self(loaded: Loaded, values: Mapping[str, Value]) -> Optional[tuple[str, Value]]:
    """The `self` that nobody has to name: what the file has made, or a module whose defaults suffice."""
    first = next(iter(loaded.parameters), None)
    if loaded.owner is None or first is None or first in values:
        return None
    if loaded.receiver is not None:
        return first, ExpressionSpec(loaded.receiver)
    text, known = construction(loaded.owner)
    return (first, ExpressionSpec(text)) if known else None


def _built(wanted: Wanted, builder: Builder) -> Arguments:
    for name, value in wanted.values.items():
        is_kept = name in wanted.kept
        builder.given[name] = builder.kept(value, name) if is_kept else builder.build(value, name)
    built = {name: item for name, item in builder.given.items() if name not in wanted.helpers}
    inputs = [
        Input(name, builder.shown(value), wanted.sources[name], builder.notes.get(name))
        for name, value in wanted.values.items()
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


def _commented(loaded: Loaded) -> dict[str, Value]:
    """What the comment above a function gives its own parameters."""
    comment = comment_spec(loaded.request.text, loaded.first_line)
    return owned(_parse(comment, "comment", loaded), loaded).values if comment else {}


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


def _take_recorded(
    values: dict[str, Value], sources: dict[str, str], loaded: Loaded
) -> frozenset[str]:
    """Put what was recorded in place of `captured`, and of what a spec that says only a part leaves out.

    Returns the names that were `captured`.
    """
    parameters = loaded.parameters
    wanted = [name for name, value in values.items() if isinstance(value, CapturedSpec)]
    partly = any(
        name not in values
        and parameter.default is inspect.Parameter.empty
        and parameter.kind not in VARIADIC
        for name, parameter in parameters.items()
    )
    text = loaded.request.recorded_input
    if not wanted and not (partly and text and values):
        return frozenset()
    recorded = _parse(text, "file", loaded) if text else {}
    for name in wanted:
        if name not in recorded or isinstance(recorded[name], CapturedSpec):
            raise stop("inputs", _nothing_captured(name, loaded))
    for name, value in recorded.items():
        if name in wanted or (partly and name in parameters and name not in values):
            values[name] = value
            sources[name] = "captured" if name in wanted else "file"
    return frozenset(wanted)


def _nothing_captured(name: str, loaded: Loaded) -> str:
    return (
        f"`{name}` is to be as captured, but .jaxsight/inputs.toml has no spec of it: "
        f"`jaxsight capture {_target(loaded)} -- PROGRAM` records what a program of yours gives it"
    )


def _target(loaded: Loaded) -> str:
    return f"{Path(loaded.request.path).name}::{loaded.request.qualname}"


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
    if isinstance(value, (ArraySpec, KeySpec)):
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
    names = [name for name in values if name not in loaded.parameters]
    names += [name for name in loaded.parameters if name in values or name in missing]
    suggestion = ", ".join(_suggest(name, values.get(name), loaded) for name in names)
    for name in unsized:
        suggestion = re.sub(rf"\b{re.escape(name)}\b(?=[,\]])", f"{name}=8", suggestion, count=1)
    message = f"`{loaded.request.qualname}` needs {' and '.join(parts)}; for example `{suggestion}`"
    if missing and not loaded.request.recorded_input and loaded.request.path.endswith(".py"):
        message += f"; `jaxsight capture {_target(loaded)} -- PROGRAM` records what a program of yours gives it"
    return Question("inputs", message, suggestion=suggestion)


def _suggest(name: str, value: Optional[Value], loaded: Loaded) -> str:
    if isinstance(value, ExpressionSpec):
        return f"{name} = {value.text}"
    if value is not None:
        return f"{name}: {show(value, whole=True)}"
    if name == "self" and loaded.owner is not None:
        return f"self = {construction(loaded.owner)[0]}"
    if _KEY_NAMES.match(name):
        return f"{name}: key"
    return f"{name}: f32[8]"

"""Layers and modules of Flax Linen as values: what they were made with, as far as it decides what they need."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.semantic import (
    imports,
    linen_classes,
    linen_making,
    linen_needs,
    members,
    results,
)
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope
from jaxsight_analyzers.semantic.signatures import is_portable
from jaxsight_analyzers.semantic.structures import record
from jaxsight_analyzers.semantic.values import (
    MISSING,
    NONE,
    UNKNOWN,
    Kind,
    Record,
    Value,
    class_of,
    constant,
    constant_of,
    record_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.knowledge.facts import FunctionFacts, LayerFacts
    from jaxsight_analyzers.semantic.arguments import Arguments

MODULE = "flax.linen.Module"
_MAKERS = ("__init__", "__new__", "__post_init__")
_MOST_FIELDS = 40
_FLAGS = (bool, float, type(None))
_HELD = (Kind.CALLABLE, Kind.FUNCTION, Kind.CLASS, Kind.IMPORTED, Kind.INSTANCE)


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of the library: `nn.Dropout(0.5)`. Two that were made alike are one object."""

    facts: LayerFacts
    given: tuple[
        tuple[str, object], ...
    ]  # of the fields that decide; MISSING for what is not known
    is_open: bool  # whether `**kwargs` hide some

    def get(self, field: str | None) -> object:
        """The constant that a field holds, None where nobody gave it one, or `MISSING`."""
        for name, value in self.given:
            if name == field:
                return value
        return MISSING if self.is_open else dict(self.facts.usual).get(field or "")


_layer = cache(Layer)


@dataclass(frozen=True, slots=True, eq=False)
class ModuleMethod:
    """`model.apply`, `model.init`, taken from a module of the file or a layer."""

    base: Value
    name: str


def made(run: Run, node: ast.expr, facts: LayerFacts, arguments: Arguments) -> Value:
    """What a call of the class of a layer makes."""
    what = f"nn.{facts.name.rpartition('.')[2]}"
    linen_making.of_layer(run, arguments)
    if "parent" not in arguments.keywords:
        linen_classes.note_made(run, node, what)
        linen_making.named(run, node, arguments.keywords.get("name"), what)
    telling = (facts.off, facts.named_by, facts.rate)
    named = {**dict(zip(facts.fields, arguments.positional)), **arguments.keywords}
    given = [
        (name, _constant(named[name])) for name in telling if name is not None and name in named
    ]
    return Value(Kind.CALLABLE, data=_layer(facts, tuple(given), arguments.open))


def _constant(value: Value) -> object:
    known = constant_of(value)
    return known if isinstance(known, (bool, int, float, str, type(None))) else MISSING


def layer_of(value: Value) -> Layer | None:
    """The layer that a value is."""
    return value.data if isinstance(value.data, Layer) else None


def call(run: Run, node: ast.Call, layer: Layer, arguments: Arguments) -> Value:
    """A call of a layer: what it needs is noted for who applies the module that it is in."""
    linen_classes.note_called(run, node)
    linen_classes.note_unbound(run, node, f"nn.{layer.facts.name.rpartition('.')[2]}")
    linen_needs.of_layer(run, node, layer, arguments)
    facts = run.facts(layer.facts.name)
    described = None if facts is None or facts.calls_as is None else run.facts(facts.calls_as)
    if described is None:
        return results.unknown(run, node)
    return results.of_library(run, node, described.name, described, arguments)


def merged(arguments: Arguments) -> Value:
    """`nn.merge_param("train", self.train, train)`: the one of the two that is not None."""
    rest = [value for value in arguments.positional[1:] if value is not NONE]
    return rest[0] if len(rest) == 1 and not arguments.open else UNKNOWN


# Modules of the file


class _Field(NamedTuple):
    name: str
    default: ast.expr | None
    owner: ClassScope


def is_module(run: Run, owner: ClassScope) -> bool:
    """Whether a class derives from `nn.Module`."""
    return run.once(("linen module", owner), lambda: _is_module(run, owner), False)


def _is_module(run: Run, owner: ClassScope) -> bool:
    run.depend(owner)
    base = members.library_base(run, Value(Kind.INSTANCE, data=owner))
    return base is not None and (
        run.knowledge.base(base) == "linen-module" or run.knowledge.layer(base) is not None
    )


def instance(run: Run, node: ast.expr, owner: ClassScope, arguments: Arguments) -> Value | None:
    """What a call of a module's class makes, with those of its fields that decide what it does; None of another class."""
    if not is_module(run, owner):
        return None
    if "parent" not in arguments.keywords:
        linen_classes.note_made(run, node, owner.name)
        linen_making.named(run, node, arguments.keywords.get("name"), owner.name)
    fields = run.once(("linen fields", owner), lambda: _fields(run, owner), None)
    if fields is not None:
        names = {*(field.name for field in fields), "name", "parent"}
        linen_making.fields_given(run, list(members.lineage(run, owner)), names, arguments)
    if not fields:
        return None
    values = list(_values(run, fields, arguments))
    if all(value is UNKNOWN for value in values):
        return None
    names = tuple([field.name for field in fields])
    return record(Record(owner, names, is_pytree=False, is_module=True), values)


def note_called(run: Run, node: ast.Call, value: Value) -> None:
    """A module of the file is called."""
    owner = class_of(value)
    if owner is None or not is_module(run, owner):
        return
    if run.frame.abstract:
        linen_classes.note_called(run, node)
    if linen_classes.needs_binding(run, owner):
        linen_classes.note_unbound(run, node, owner.name)


def copied(base: Value, arguments: Arguments) -> Value | None:
    """`model.clone(train=False)`."""
    known = record_of(base)
    if known is None or not known.is_module:
        return base if class_of(base) is not None else None
    fields = zip(known.names, known.values)
    given = {name: _kept(value) for name, value in arguments.keywords.items()}
    return record(
        known, [given.get(n, UNKNOWN if arguments.open else value) for n, value in fields]
    )


def _values(run: Run, fields: tuple[_Field, ...], arguments: Arguments) -> Iterator[Value]:
    given = dict(zip([field.name for field in fields], arguments.positional))
    given.update(arguments.keywords)
    for field in fields:
        if field.name in given:
            yield _kept(given[field.name])
        else:
            yield UNKNOWN if arguments.open else _kept(_default(run, field))


def _default(run: Run, field: _Field) -> Value:
    if isinstance(field.default, ast.Constant):
        return constant(field.default.value)
    if not isinstance(field.default, (ast.Name, ast.Attribute)):
        return UNKNOWN
    return imports.global_of(run, field.owner.home, field.default) or UNKNOWN


def _kept(value: Value) -> Value:
    """What is kept of a field: flags, rates, and what is called. Sizes would be a run each, and decide nothing."""
    if value.kind is Kind.STATIC:
        return value if value.data is not MISSING and isinstance(value.data, _FLAGS) else UNKNOWN
    return value if value.kind in _HELD and is_portable(value) else UNKNOWN


def _fields(run: Run, owner: ClassScope) -> tuple[_Field, ...] | None:
    """The fields of a module's class, those of its bases first; None where it may set them in another way."""
    chain: list[ClassScope] = []
    for one in members.lineage(run, owner):
        if any(name in one.methods for name in _MAKERS) or len(one.node.bases) != 1:
            return None
        chain.append(one)
    found: dict[str, _Field] = {}
    for one in reversed(chain):
        for name, field in one.fields.items():
            found[name] = _Field(name, field.value, one)
    return tuple(found.values()) if len(found) <= _MOST_FIELDS else None


def plays(facts: FunctionFacts | None) -> str | None:
    """What a method of `nn.Module` does: see `FunctionFacts.role`."""
    return facts.role if facts is not None and facts.name.startswith(MODULE) else None

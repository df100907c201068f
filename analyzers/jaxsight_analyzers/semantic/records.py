"""Objects that are their fields: NamedTuples, dataclasses, pytree classes, what `namedtuple()` makes.

A call of such a class gives its fields what it is given; a copy with changes gives some of them
something else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

from jaxsight_analyzers.semantic import leaves, members, qualified_names
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope
from jaxsight_analyzers.semantic.structures import items_of, mapping, record
from jaxsight_analyzers.semantic.values import (
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
    from jaxsight_analyzers.knowledge.facts import RecordKind
    from jaxsight_analyzers.semantic.arguments import Arguments

_MAKERS = ("__init__", "__new__")
_COPIES = ("_replace", "replace")
_MOST_FIELDS = 64


class NamedTupleType(NamedTuple):
    """What `namedtuple("Name", "a b")` returns."""

    name: str
    names: tuple[str, ...]


class _Layout(NamedTuple):
    """What the text of a class says of its instances."""

    record: Record
    defaults: tuple[ast.expr | None, ...]


def named_tuple(arguments: Arguments) -> Value:
    """`collections.namedtuple("Name", ["a", "b"])`: a class of this file."""
    if len(arguments.positional) != 2:
        return UNKNOWN
    name, given = (constant_of(one) for one in arguments.positional)
    items = items_of(arguments.positional[1])
    found = given.replace(",", " ").split() if isinstance(given, str) else None
    if items is not None:
        found = [constant_of(item) for item in items]
    if not isinstance(name, str) or not found or not all(isinstance(one, str) for one in found):
        return UNKNOWN
    names = cast("tuple[str, ...]", tuple(found))
    return Value(Kind.CALLABLE, data=NamedTupleType(name, names))


def of_named_tuple(made: NamedTupleType, arguments: Arguments) -> Value:
    """A call of what `namedtuple()` returned."""
    like = Record(None, made.names, is_tuple=True)
    return record(like, _given(like.names, arguments, (UNKNOWN,) * len(like.names)))


def instance(run: Run, owner: ClassScope, arguments: Arguments) -> Value | None:
    """What a call of a class makes; None where the class is not all fields."""
    layout = _layout(run, owner)
    if layout is None:
        return None
    missing = tuple([_default(default) for default in layout.defaults])
    return record(layout.record, _given(layout.record.names, arguments, missing))


def _given(
    names: tuple[str, ...], arguments: Arguments, missing: tuple[Value, ...]
) -> Iterator[Value]:
    for position, name in enumerate(names):
        if position < len(arguments.positional):
            yield arguments.positional[position]
        elif name in arguments.keywords:
            yield arguments.keywords[name]
        else:
            yield UNKNOWN if arguments.open else missing[position]


def _default(node: ast.expr | None) -> Value:
    return constant(node.value) if isinstance(node, ast.Constant) else UNKNOWN


def copies(run: Run, base: Value, name: str) -> bool:
    """Whether a method, so named, gives a copy of a record with other fields."""
    known, owner = record_of(base), class_of(base)
    if known is None and owner is not None and (layout := _layout(run, owner)) is not None:
        known = layout.record
    return known is not None and name == ("_replace" if known.is_tuple else "replace")


def copied(run: Run, base: Value, name: str | None, arguments: Arguments) -> Value | None:
    """`state._replace(step=1)`, `state.replace(step=1)`; None for what is no copy of a record.

    `name` is that of the method; None for `dataclasses.replace(state, step=1)`.
    """
    known, owner = record_of(base), class_of(base)
    if known is None:
        layout = None if owner is None else _layout(run, owner)
        if layout is None or name not in (None, *_COPIES):
            return None
        return Value(base.kind, base.traced, base.origin, concrete=base.concrete, data=base.data)
    if name == "_asdict" and known.is_tuple:
        return mapping(dict(zip(known.names, known.values)))
    if name is not None and (name not in _COPIES or (name == "_replace") != known.is_tuple):
        return None
    held = dict(zip(known.names, known.values))
    return record(
        known,
        [
            arguments.keywords.get(field, UNKNOWN if arguments.open else value)
            for field, value in held.items()
        ],
    )


def with_field(base: Value, name: str, value: Value) -> Value | None:
    """An instance after `base.name = value`; None where its fields are not known."""
    known = record_of(base)
    if known is None or name not in known.names:
        return None
    place = known.names.index(name)
    return record(known, (*known.values[:place], value, *known.values[place + 1 :]))


def field_of(base: Value, name: str) -> Value | None:
    """What an instance holds in a field; None where that is not known."""
    known = record_of(base)
    value = None if known is None else known.get(name)
    if value is None or (value.kind is Kind.UNKNOWN and value.data is None):
        return None
    return value


# What the text of a class says


def _layout(run: Run, owner: ClassScope) -> _Layout | None:
    key = ("record", owner)
    run.depend(owner)
    return run.once(key, lambda: _read(run, owner), None)


def _read(run: Run, owner: ClassScope) -> _Layout | None:
    if any(name in owner.methods for name in _MAKERS):
        return None
    base = members.base_of(run, owner)
    above = None if base is None else _layout(run, base)
    if base is not None and above is None:
        return None
    kinds = {kind for kind, _ in _kinds(run, owner)}
    own = kinds - {"registers", "static"}
    if not own and above is None:
        return None
    names = dict.fromkeys(above.record.names if above else ())
    names.update(dict.fromkeys(n for n in owner.fields if not _is_of_class(owner.fields[n])))
    later = _set_later(owner)
    if not names or len(names) > _MOST_FIELDS or later & names.keys():
        return None
    before = dict(zip(above.record.names, above.defaults)) if above else {}
    defaults = [
        owner.fields[name].value if name in owner.fields else before[name] for name in names
    ]
    static = leaves.left_alone(run, owner)
    if static is None:
        return None
    if "static" in kinds:  # the whole is one leaf that tracing leaves alone
        static = frozenset(names)
    known = Record(
        owner,
        tuple(names),
        is_tuple="tuple" in kinds or (above is not None and above.record.is_tuple),
        is_pytree=kinds != {"plain"} and (bool(kinds) or above is None or above.record.is_pytree),
        static=static | (above.record.static if above else frozenset[str]()),
    )
    return _Layout(known, tuple(defaults))


def _kinds(run: Run, owner: ClassScope) -> Iterator[tuple[RecordKind, ast.expr]]:
    """What the bases and decorators of a class make of it."""
    node = owner.node
    for expression in (*node.bases, *node.decorator_list):
        called = expression
        if isinstance(expression, ast.Call):
            partial = qualified_names.at(run, owner.home, expression.func)
            is_partial = partial == "functools.partial" and expression.args
            called = expression.args[0] if is_partial else expression.func
        qualified = qualified_names.at(run, owner.home, called)
        kind = None if qualified is None else run.knowledge.record(qualified)
        if kind in ("tuple", "pytree", "plain", "registers", "static"):
            yield kind, expression


def _is_of_class(field: ast.AnnAssign) -> bool:
    """Whether it is annotated as an attribute of the class, which is no field."""
    annotation = field.annotation
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    name = annotation.attr if isinstance(annotation, ast.Attribute) else None
    return "ClassVar" in (name, getattr(annotation, "id", None))


def _set_later(owner: ClassScope) -> set[str]:
    """Attributes that methods set, so that what was given is not what they hold."""
    return {attribute for method in owner.methods.values() for attribute in method.stores}


def holds_texts(annotation: ast.expr) -> bool:
    """Whether a field is a `list[str]` or its kin: no leaf of a pytree, so its class hands it on untraced."""
    if not isinstance(annotation, ast.Subscript):
        return False
    inside = [part.id for part in ast.walk(annotation.slice) if isinstance(part, ast.Name)]
    return bool(inside) and set(inside) <= {"str", "bytes"}

"""Objects of plain classes: they keep what `__init__` put into them where nothing else assigns it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.semantic import members
from jaxsight_analyzers.semantic.described import Described
from jaxsight_analyzers.semantic.parameters import all_arguments
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope
from jaxsight_analyzers.semantic.signatures import is_portable
from jaxsight_analyzers.semantic.structures import record
from jaxsight_analyzers.semantic.values import (
    NEVER,
    NONE,
    STATIC,
    FunctionData,
    Kind,
    Record,
    Value,
    class_of,
    function_of,
    record_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.contexts import Frame

_MOST_FIELDS = 24


def instance(run: Run, data: FunctionData, frame: Frame) -> Value:
    """The object as `__init__` leaves it, which its caller gets; None of any other function."""
    if data.scope.name != "__init__" or data.scope.owner is None:
        return NONE
    first = next(all_arguments(data.node.args), None)
    names = frame.state.names
    base = None if first is None else names.get(first.arg)
    owner = None if base is None or base.kind is not Kind.INSTANCE else class_of(base)
    chain = None if owner is None else _plain_chain(run, owner)
    if first is None or owner is None or chain is None:
        return NONE
    changed = {
        attribute
        for one in chain
        for name, method in one.methods.items()
        if name != "__init__"
        for attribute in method.stores
    }
    fields: dict[str, Value] = {}
    for attribute in sorted(data.scope.stores - changed):
        value = names.get(f"{first.arg}.{attribute}")
        kept = None if value is None else _kept(value)
        if kept is not None:
            fields[attribute] = kept
    if not fields or len(fields) > _MOST_FIELDS:
        return NONE
    like = Record(owner, tuple(fields), is_pytree=False, is_partial=True)
    return record(like, fields.values())


def _kept(value: Value) -> Value | None:
    """What is kept of a field: no flag that others may set on the object, no list that they fill."""
    if value.kind is Kind.STATIC:
        return None if value.data is None else STATIC
    if value.kind is Kind.UNKNOWN and not (value.tokens or isinstance(value.data, Described)):
        return None
    is_container = value.kind in (Kind.SEQUENCE, Kind.SERIES, Kind.MAPPING)
    if is_container and (not value.data or value.data is NEVER):
        return None
    return value if is_portable(value) else None


def _plain_chain(run: Run, owner: ClassScope) -> list[ClassScope] | None:
    """A class and those it derives from; None where a library or a decorator has a say in it."""
    found: list[ClassScope] = []
    one: ClassScope | None = owner
    while one is not None and one not in found:
        run.depend(one)
        found.append(one)
        node, above = one.node, members.base_of(run, one)
        named = [b for b in node.bases if getattr(b, "id", "") != "object"]
        if node.decorator_list or node.keywords or len(named) != (above is not None) or one.nested:
            return None
        one = above
    return found


def of(base: Value, held: Value) -> Value:
    """What a field holds, where it is a method of the same object: of the object as it is now."""
    data, known = function_of(held), record_of(base)
    if data is None or data.self_value is None or known is None or not known.is_partial:
        return held
    if class_of(data.self_value) is not known.owner or record_of(data.self_value) is not None:
        return held
    return Value(Kind.FUNCTION, data=replace(data, self_value=base))


def anywhere(value: Value) -> Value:
    """An object as functions find it that may run at any time: others may have changed it."""
    known = record_of(value)
    if known is None or not known.is_partial:
        return value
    return Value(value.kind, data=known.owner)

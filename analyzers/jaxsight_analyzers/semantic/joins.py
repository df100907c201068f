"""What is left to say of a value where two paths meet."""

from __future__ import annotations

from collections.abc import Iterable

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import avals, donated
from jaxsight_analyzers.semantic.keys import KeyToken, any_of
from jaxsight_analyzers.semantic.structures import entries_of, items_of, parts_of, record, series
from jaxsight_analyzers.semantic.values import (
    MISSING,
    NEVER,
    NONE,
    STATIC,
    Kind,
    Value,
    class_of,
    function_of,
    most_traced,
    or_none,
    own,
    record_of,
    some_of,
)


def join(one: Value, other: Value) -> Value:
    """What is left to say where two paths meet."""
    if one is other or other is NEVER:
        return one
    if one is NEVER:
        return other
    if one.donated is not None or other.donated is not None:
        return donated.joined(one, other, join)
    if one.kind is Kind.STATIC or other.kind is Kind.STATIC or one.optional or other.optional:
        return _joined_with_constants(one, other)
    return _joined(one, other)


def _joined_with_constants(one: Value, other: Value) -> Value:
    if one.kind is Kind.STATIC and other.kind is Kind.STATIC:
        same = one.data is not MISSING and other.data is not MISSING and _same(one.data, other.data)
        return one if same else own(STATIC)
    first, second = some_of(one), some_of(other)
    if one is NONE or other is NONE:
        return or_none(second if one is NONE else first)
    made = _joined(first, second)
    unknown = one.data is MISSING or other.data is MISSING  # a static value may be None
    return or_none(made) if unknown or one.optional or other.optional else made


def _joined(one: Value, other: Value) -> Value:
    kind = one.kind if one.kind is other.kind else _common_kind(one.kind, other.kind)
    most = most_traced((one, other))
    traced = most.traced if one.traced is other.traced else Certainty.MAYBE
    tokens = _union(one.tokens, other.tokens)
    data: object = None
    if kind is Kind.SERIES or (kind is Kind.SEQUENCE and _lengths_differ(one, other)):
        return _joined_series(one, other)
    if kind in (
        Kind.SEQUENCE,
        Kind.MAPPING,
        Kind.FUNCTION,
        Kind.CLASS,
        Kind.INSTANCE,
        Kind.IMPORTED,
        Kind.MODULE,
    ):
        joined = _join_data(kind, one, other)
        if joined is None:
            kind = Kind.TREE if kind in (Kind.SEQUENCE, Kind.MAPPING) else Kind.UNKNOWN
        data = joined
    elif kind is Kind.TREE:
        data = one.data if one.kind is other.kind and one.data == other.data else None
    elif kind in (Kind.ARRAY, Kind.HOST):
        data = avals.joined(*_as_arrays(one, other))
    elif one.data is other.data and isinstance(one.data, FunctionFacts):
        data = one.data  # two objects of a class of a library
    elif kind is Kind.UNKNOWN and one.data is not None and other.data is not None:
        data = _joined_objects(one.data, other.data)
    return Value(kind, traced, most.origin, concrete=most.concrete, data=data, tokens=tokens)


def _joined_objects(one: object, other: object) -> object:
    """What is left to say of two objects of a library's class that is a model of its own."""
    join_with = getattr(one, "joined", None)
    return None if join_with is None or type(one) is not type(other) else join_with(other)


def _as_arrays(one: Value, other: Value) -> tuple[object, object]:
    """What is known of two values as arrays; a number that becomes one counts as what it is."""
    if one.data is None or other.data is None:
        return None, None
    return avals.aval_of(one), avals.aval_of(other)


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


_WRITTEN_OUT = {Kind.TREE, Kind.SEQUENCE, Kind.SERIES, Kind.MAPPING}


def _common_kind(one: Kind, other: Kind) -> Kind:
    numbers = {Kind.STATIC, Kind.ARRAY}
    if {one, other} == numbers:
        return Kind.ARRAY  # `total = 0`, then `total = total + x`
    if {one, other} == {Kind.SEQUENCE, Kind.SERIES}:
        return Kind.SERIES
    if Kind.TREE in (one, other) and {one, other} <= _WRITTEN_OUT:
        return Kind.TREE
    if {one, other} == {Kind.KEY, Kind.ARRAY}:
        return Kind.KEY
    return Kind.UNKNOWN


def join_all(values: Iterable[Value]) -> Value:
    """What is left to say of one of several values; `NEVER` for none."""
    found = NEVER
    for value in values:
        found = join(found, value)
    return found


def _lengths_differ(one: Value, other: Value) -> bool:
    return len(items_of(one) or ()) != len(items_of(other) or ())


def _joined_series(one: Value, other: Value) -> Value:
    made = series(join_all([*(parts_of(one) or ()), *(parts_of(other) or ())]))
    if one.traced is other.traced:
        return made
    return Value(  # on one path there is nothing in it
        made.kind, Certainty.MAYBE, made.origin, concrete=made.concrete, data=made.data
    )


def _join_data(kind: Kind, one: Value, other: Value) -> object:
    if kind is Kind.SEQUENCE:
        first, second = items_of(one) or (), items_of(other) or ()
        return tuple(join(a, b) for a, b in zip(first, second))
    if kind is Kind.INSTANCE:
        return _join_records(one, other)
    if kind is Kind.MAPPING:
        left, right = entries_of(one) or {}, entries_of(other) or {}
        if left.keys() == right.keys():
            return {key: join(value, right[key]) for key, value in left.items()}
        return None
    if kind is Kind.FUNCTION:
        first, second = function_of(one), function_of(other)
        same = first is second or (first is not None and second and first.is_same(second))
        return first if same else None
    return one.data if one.data == other.data else None


def _join_records(one: Value, other: Value) -> object:
    first, second = record_of(one), record_of(other)
    owner = class_of(one)
    if first is not None and second is not None and first.names == second.names:
        if owner is class_of(other):
            joined = [join(a, b) for a, b in zip(first.values, second.values)]
            return record(first, joined).data
        return None
    return owner if owner is class_of(other) else None


def _union(
    one: frozenset[KeyToken] | None, other: frozenset[KeyToken] | None
) -> frozenset[KeyToken] | None:
    if one is None or other is None:
        return one or other
    return any_of(one | other)

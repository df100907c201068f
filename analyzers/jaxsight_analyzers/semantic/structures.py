"""Values that are made of values: sequences, series, mappings, and the instances that records describe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.semantic.values import (
    NEVER,
    STATIC,
    Kind,
    OptionalValue,
    Record,
    Value,
    most_traced,
    or_none,
    record_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.keys import KeyToken


_MOST_ITEMS = 512
_MOST_LEVELS = 16
_CONTAINERS = (Kind.SEQUENCE, Kind.MAPPING, Kind.SERIES, Kind.INSTANCE)


def sequence(items: Iterable[Value]) -> Value:
    """A tuple or list with known items; traced as the most traced of them."""
    known = tuple(items)
    most = most_traced(known)
    if _too_big(known):
        return Value(Kind.TREE, most.traced, most.origin, concrete=most.concrete)
    return Value(Kind.SEQUENCE, most.traced, most.origin, concrete=most.concrete, data=known)


class ListItems(tuple[Value, ...]):
    """The items of a list, which has no hash, unlike a tuple."""

    __slots__ = ()


def listed(items: Iterable[Value]) -> Value:
    """A list with known items."""
    made = sequence(items)
    if made.kind is not Kind.SEQUENCE:
        return made
    items = ListItems(made.data)  # type: ignore[arg-type]
    return Value(made.kind, made.traced, made.origin, concrete=made.concrete, data=items)


def is_list(value: Value) -> bool:
    """Whether a value certainly is a list; one that was copied or changed may be one too."""
    return isinstance(value.data, ListItems)


def mapping(items: Mapping[object, Value]) -> Value:
    """A dict with known constant keys."""
    most = most_traced(items.values())
    if _too_big(items.values()):
        return Value(Kind.TREE, most.traced, most.origin, concrete=most.concrete)
    return Value(Kind.MAPPING, most.traced, most.origin, concrete=most.concrete, data=dict(items))


def series(item: Value) -> Value:
    """A list, tuple or set of any length; `NEVER` is the item of an empty one. Its keys are not followed."""
    item = unfollowed(item)
    if _too_big((item,)):
        return Value(Kind.TREE, item.traced, item.origin, concrete=item.concrete)
    return Value(Kind.SERIES, item.traced, item.origin, concrete=item.concrete, data=item)


def record(like: Record, values: Iterable[Value]) -> Value:
    """An instance with these values in the fields of a record."""
    known = tuple(values)
    most = most_traced(known) if like.is_pytree else STATIC
    data: object = like.owner
    if like.owner is None or not _too_big(known):
        data = replace(like, values=known)
    return Value(Kind.INSTANCE, most.traced, most.origin, concrete=most.concrete, data=data)


# What `data` holds follows from the kind, which a type checker cannot see: hence the ignores below.


def items_of(value: Value) -> tuple[Value, ...] | None:
    """The items of a sequence, or of a named tuple, whose items are known."""
    if value.kind is Kind.SEQUENCE:
        return value.data  # type: ignore[return-value]
    if value.kind is Kind.INSTANCE:
        found = record_of(value)
        return found.values if found is not None and found.is_tuple else None
    return None


def entries_of(value: Value) -> dict[object, Value] | None:
    """The entries of a mapping whose keys are known."""
    return value.data if value.kind is Kind.MAPPING else None  # type: ignore[return-value]


def item_of_series(value: Value) -> Value | None:
    """What each item of a series is."""
    return value.data if value.kind is Kind.SERIES else None  # type: ignore[return-value]


def parts_of(value: Value) -> tuple[Value, ...] | None:
    """What a container is made of; None for what is no container of known parts."""
    kind, data = value.kind, value.data
    if kind is Kind.SEQUENCE:
        return data  # type: ignore[return-value]
    if kind is Kind.MAPPING:
        return tuple(data.values())  # type: ignore[attr-defined]
    if kind is Kind.SERIES:
        return (data,)  # type: ignore[return-value]
    if kind is Kind.INSTANCE and isinstance(data, Record):
        return data.values
    return None


def rebuilt(value: Value, change: Callable[[Value], Value]) -> Value | None:
    """A container with each part changed; None for what is no container of known parts.

    What may be None is a container of what it is otherwise.
    """
    if isinstance(value, OptionalValue):
        return or_none(change(value.some))
    kind, data = value.kind, value.data
    if kind is Kind.SEQUENCE:
        return sequence([change(item) for item in data])  # type: ignore[attr-defined]
    if kind is Kind.MAPPING:
        return mapping({key: change(item) for key, item in data.items()})  # type: ignore[attr-defined]
    if kind is Kind.SERIES:
        return value if data is NEVER else series(change(data))  # type: ignore[arg-type]
    if kind is Kind.INSTANCE and isinstance(data, Record):
        return record(data, [change(item) for item in data.values])
    return None


def unfollowed(value: Value) -> Value:
    """The same without its keys, where nobody can tell any more which they are."""
    if value.kind is Kind.SERIES:
        return value  # its items are not followed
    made = rebuilt(value, unfollowed)
    if made is not None:
        return made
    if not value.tokens:
        return value
    return Value(value.kind, value.traced, value.origin, concrete=value.concrete, data=value.data)


def tokens_in(value: Value) -> list[KeyToken]:
    """The keys that a value may be or hold."""
    found = list(value.tokens or ())
    for item in parts_of(value) or ():
        found.extend(tokens_in(item))
    return found


def _too_big(items: Iterable[Value]) -> bool:
    """Whether containers hold more than can be walked at each call, or lie too deep in each other.

    What is shared counts as often as it is reached: that is how often a walk sees it.
    """
    level = [item for item in items if item.kind in _CONTAINERS]
    count = depth = 0
    while level:
        inner: list[Value] = []
        for value in level:
            for item in parts_of(value) or ():
                count += 1
                if item.kind in _CONTAINERS:
                    inner.append(item)
            if count > _MOST_ITEMS:
                return True
        depth += 1
        if depth > _MOST_LEVELS:
            return True
        level = inner
    return False

"""Containers change: an item is appended, an entry or a field is set.

A value says what a container holds now, and every name that stands for the same object holds the same
value. So a change gives all of them the new one.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import expressions, iteration
from jaxsight_analyzers.semantic.joins import join_all
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.states import Environment
from jaxsight_analyzers.semantic.structures import (
    entries_of,
    items_of,
    mapping,
    parts_of,
    rebuilt,
    sequence,
    series,
    unfollowed,
)
from jaxsight_analyzers.semantic.values import (
    MISSING,
    NEVER,
    NONE,
    UNKNOWN,
    Kind,
    Value,
    class_of,
    constant,
    constant_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments

_MOST_LEVELS = 3
_MOST_ITEMS = 64
"""A container that is filled item by item is known item by item up to so many."""


def replaced(run: Run, old: Value, new: Value) -> None:
    """Every name that stands for an object, or for what holds it, stands for what it is now."""
    environment: Environment | None = run.frame.environment
    while environment is not None and environment is not run.module:
        _replaced_in(environment, old, new)
        environment = environment.parent
    if run.frame.environment is run.module:
        _replaced_in(run.module, old, new)


def _replaced_in(environment: Environment, old: Value, new: Value) -> None:
    names = environment.state.names
    for name, value in list(names.items()):
        if value is old:
            names[name] = new
        elif _holds(value, old, _MOST_LEVELS):
            names[name] = _with(value, old, new)


def _holds(value: Value, part: Value, levels: int) -> bool:
    inside = parts_of(value) if levels else None
    return inside is not None and any(
        one is part or _holds(one, part, levels - 1) for one in inside
    )


def _with(value: Value, old: Value, new: Value) -> Value:
    if value is old:
        return new
    made = rebuilt(value, lambda part: _with(part, old, new))
    return value if made is None else made


def another(value: Value) -> Value:
    """A container of its own with the same in it."""
    made = rebuilt(value, lambda part: part)
    return value if made is None else made


# What changes them


def method(run: Run, node: ast.Call, base: Value, name: str, arguments: Arguments) -> Value | None:
    """`xs.append(x)`, `d.update(more)`: the container is another afterwards. None for what is no change."""
    if base.kind is Kind.MAPPING:
        return _method_of_dict(run, base, name, arguments)
    if base.kind not in (Kind.SEQUENCE, Kind.SERIES) or name not in _OF_LISTS:
        return None
    items, result = list(items_of(base) or ()), NONE
    exact = (
        len(items) < _MOST_ITEMS
        and not _repeats(run)
        and (base.kind is Kind.SEQUENCE or base.data is NEVER)
    )
    given = arguments.positional
    only = given[0] if len(given) == 1 else None
    if exact and name == "append" and only is not None:
        new = sequence([*items, only])
    elif exact and name == "extend" and only is not None and items_of(only) is not None:
        new = sequence([*items, *(items_of(only) or ())])
    elif exact and name == "pop" and items and constant_of(only or constant(-1)) in (0, -1):
        result = items.pop(0 if only is not None and constant_of(only) == 0 else -1)
        new = sequence(items) if items else series(NEVER)
    else:
        new, result = _loosened(run, node, base, name, arguments)
    replaced(run, base, new)
    return result


def _loosened(
    run: Run, node: ast.Call, base: Value, name: str, arguments: Arguments
) -> tuple[Value, Value]:
    """A list of any length after a change, and what the change gives."""
    inside = parts_of(base) or ()
    if name == "clear":
        return series(NEVER), NONE
    if name == "pop":
        return series(join_all(inside)), iteration.item_of(run, base, node, 0)
    added: list[Value] = []
    if name in ("append", "add", "insert", "appendleft"):
        added = list(arguments.positional[-1:])
    elif name in ("extend", "update"):
        added = [iteration.any_item(run, one, node) for one in arguments.positional]
    return series(join_all([*inside, *added])), NONE


_OF_LISTS = (
    *("append", "appendleft", "add", "extend", "insert", "update"),
    *("pop", "clear", "remove", "discard", "sort", "reverse"),
)


def _method_of_dict(run: Run, base: Value, name: str, arguments: Arguments) -> Value | None:
    entries, given = dict(entries_of(base) or {}), arguments.positional
    key = constant_of(given[0]) if given else MISSING
    is_name = key is not MISSING and is_hashable(key)
    if name == "get" and is_name:
        return entries.get(key, given[1] if len(given) > 1 else NONE)
    if name == "setdefault" and is_name:
        result = entries.setdefault(key, given[1] if len(given) > 1 else NONE)
    elif name == "pop" and is_name:
        result = entries.get(key, given[1] if len(given) > 1 else UNKNOWN)
        if not _repeats(run):
            entries.pop(key, None)
    elif name in ("get", "setdefault", "pop"):
        return unfollowed(join_all([*entries.values(), *given[1:]]))
    elif name == "update":
        more = [entries_of(one) or entries_in(one) for one in given]
        known = [one for one in more if one is not None]
        result = NONE
        if len(known) < len(more) or arguments.open:
            replaced(run, base, _with_any_entries([*entries.values(), UNKNOWN]))
            return result
        for one in known:
            entries.update(one)
        entries.update(arguments.keywords)
    elif name in ("clear", "popitem"):
        replaced(run, base, mapping({}))
        return None
    else:
        return None
    replaced(run, base, mapping(entries))
    return result


def item_set(run: Run, base: Value, index: Value, value: Value) -> None:
    """`xs[0] = x`, `d["a"] = x`."""
    key = constant_of(index)
    entries, items = entries_of(base), items_of(base)
    if entries is not None:
        if key is MISSING or not is_hashable(key) or len(entries) >= _MOST_ITEMS:
            new = _with_any_entries([*entries.values(), value])
        else:
            new = mapping({**entries, key: value})
    elif items is not None and base.kind is Kind.SEQUENCE:
        if isinstance(key, int) and -len(items) <= key < len(items):
            changed = list(items)
            changed[key] = value
            new = sequence(changed)
        else:
            new = series(join_all([*items, value]))
    elif base.kind is Kind.SERIES:
        new = series(join_all([*(parts_of(base) or ()), value]))
    else:
        return
    replaced(run, base, new)


def _with_any_entries(values: list[Value]) -> Value:
    """A dict with more names than are known."""
    value = join_all(values)
    if value.traced is Certainty.NO:
        return Value(Kind.UNKNOWN)
    return Value(Kind.TREE, value.traced, value.origin, concrete=value.concrete)


def item_deleted(run: Run, base: Value, index: Value) -> None:
    """`del xs[0]`, `del d["a"]`."""
    entries, key = entries_of(base), constant_of(index)
    if entries is not None and is_hashable(key):
        if not _repeats(run):
            replaced(run, base, mapping({k: v for k, v in entries.items() if k != key}))
    elif base.kind is Kind.SEQUENCE:
        replaced(run, base, series(join_all(items_of(base) or ())))


def changed_by_call(run: Run, node: ast.expr) -> None:
    """A function that was called changed what an expression stands for."""
    place = expressions.place_of(node)
    value = None if place is None else run.frame.state.names.get(place)
    if value is None or parts_of(value) is None:
        return
    if value.kind is Kind.INSTANCE:
        new = Value(Kind.INSTANCE, data=class_of(value))
    else:
        new = Value(Kind.UNKNOWN)
    replaced(run, value, new)


def _repeats(run: Run) -> bool:
    """Whether the code may run more often than it is looked at."""
    return bool(run.frame.loops) or run.frame.hot


def is_hashable(key: object) -> bool:
    """Whether a constant may be the name of an entry."""
    return not isinstance(key, (list, dict, set))


def entries_in(value: Value) -> dict[object, Value] | None:
    """The entries that pairs make: `dict(zip(names, values))`."""
    pairs = [items_of(item) for item in items_of(value) or ()]
    if not pairs or any(pair is None or len(pair) != 2 for pair in pairs):
        return None
    found = {constant_of(pair[0]): pair[1] for pair in pairs if pair is not None}
    return None if MISSING in found or len(found) < len(pairs) else found

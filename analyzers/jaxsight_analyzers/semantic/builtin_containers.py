"""Builtins that make containers: `list`, `dict`, `zip`, `sorted`, `jax.tree.leaves` and their kin."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import bodies, containers, iteration
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import entries_of, items_of, mapping, sequence, series
from jaxsight_analyzers.semantic.values import NEVER, STATIC, UNKNOWN, Kind, Value, constant

if TYPE_CHECKING:
    from jaxsight_analyzers.knowledge.facts import FunctionFacts
    from jaxsight_analyzers.semantic.arguments import Arguments

_SEQUENCES = ("builtins.list", "builtins.tuple", "builtins.reversed", "builtins.iter")
_DICTS = ("builtins.dict", "collections.OrderedDict")
_SETS = ("builtins.set", "builtins.frozenset")


def call(run: Run, node: ast.Call, qualified: str, arguments: Arguments) -> Value | None:
    """What a builtin makes of its arguments; None where it is no container whose parts are known."""
    if not qualified.startswith(("builtins.", "collections.")) or arguments.open:
        return None
    values = arguments.positional
    if qualified == "builtins.zip":
        return iteration.zipped(values)
    if qualified == "builtins.enumerate":
        return iteration.enumerated(values) if not arguments.keywords else _numbered(values)
    if qualified in _DICTS:
        return _dict(values, arguments)
    if qualified in _SEQUENCES:
        return _sequence(run, node, qualified, values)
    return None


def _numbered(values: tuple[Value, ...]) -> Value:
    return Value(Kind.UNKNOWN, data=("builtins.enumerate", *values[:1]))


def _dict(values: tuple[Value, ...], arguments: Arguments) -> Value | None:
    entries: dict[object, Value] = {}
    if values:
        known = entries_of(values[0])
        if known is None:
            known = containers.entries_in(values[0])
        if known is None:
            return None
        entries.update(known)
    entries.update(arguments.keywords)
    return mapping(entries)


def _sequence(run: Run, node: ast.Call, qualified: str, values: tuple[Value, ...]) -> Value | None:
    if not values:
        return sequence(()) if qualified == "builtins.tuple" else series(NEVER)
    only = values[0]
    items = items_of(only)
    if items is not None:
        return sequence(reversed(items) if qualified == "builtins.reversed" else items)
    if only.kind is Kind.KEYS:
        return only
    entries = entries_of(only)
    if entries is not None:
        return sequence([constant(key) for key in entries])
    if only.kind is Kind.SERIES:
        return Value(Kind.SERIES, only.traced, only.origin, concrete=only.concrete, data=only.data)
    if only.kind is Kind.ARRAY or isinstance(only.data, tuple):
        return series(iteration.item_of(run, only, node, 0))
    return None


def in_order(run: Run, node: ast.expr, value: Value) -> Value | None:
    """`sorted(xs)`: where nothing is known of the items, nothing is known of their order either."""
    if value.kind in (Kind.SEQUENCE, Kind.SERIES) or isinstance(value.data, tuple):
        return series(iteration.any_item(run, value, node))
    return None


def of_tree(run: Run, name: str, facts: FunctionFacts, arguments: Arguments) -> Value | None:
    """`jax.tree.leaves(tree)`, `jax.tree.flatten(tree)`: the leaves of a container are alike."""
    found = arguments.get(facts, "tree") if name in _OF_TREES else None
    if found is None:
        return None
    leaf = bodies.leaf_of(found[1])
    if arguments.get(facts, "is_leaf") is not None:  # it may be a container then, or None
        leaf = UNKNOWN
    return series(leaf) if name == "jax.tree.leaves" else sequence((series(leaf), STATIC))


_OF_TREES = ("jax.tree.leaves", "jax.tree.flatten")

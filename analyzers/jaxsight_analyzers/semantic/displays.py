"""Containers that are written out, and comprehensions."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import asking, iteration, limits, loops
from jaxsight_analyzers.semantic.joins import join_all
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import (
    entries_of,
    items_of,
    listed,
    mapping,
    sequence,
    series,
)
from jaxsight_analyzers.semantic.values import MISSING, NEVER, UNKNOWN, Kind, Value, constant_of

_MOST_ITEMS = 64


def tuple_or_list(run: Run, node: ast.Tuple | ast.List) -> Value:
    """`(a, *b)`, `[a, b]`."""
    items: list[Value] = []
    known = True
    for element in node.elts:
        if isinstance(element, ast.Starred):
            value = run.evaluate(element.value)
            inside = items_of(value)
            known = known and inside is not None
            items.extend(
                (iteration.any_item(run, value, element.value),) if inside is None else inside
            )
        else:
            items.append(run.evaluate(element))
    if not known or len(items) > _MOST_ITEMS:
        return limits.of_items(run, node, series(join_all(items)), items if known else ())
    if not items and isinstance(node, ast.List):
        return series(NEVER)  # it is there to be filled
    made = listed(items) if isinstance(node, ast.List) else sequence(items)
    return limits.of_items(run, node, made, items)


def set_display(run: Run, node: ast.Set) -> Value:
    """`{a, b}`."""
    items = [run.evaluate(element) for element in node.elts]
    for element, value in zip(node.elts, items):
        asking.key(run, node, element, "set", value)
    return series(join_all(items))


def dict_display(run: Run, node: ast.Dict) -> Value:
    """`{"a": a, **b}`."""
    entries: dict[object, Value] = {}
    known = len(node.keys) <= _MOST_ITEMS
    for key, expression in zip(node.keys, node.values):
        value = run.evaluate(expression)
        if key is None:
            inside = entries_of(value)
            known = known and inside is not None
            entries.update({object(): value} if inside is None else inside)
            continue
        known_key = run.evaluate(key)
        asking.key(run, node, key, "dict", known_key)
        name = constant_of(known_key)
        if name is MISSING:
            known = False
            name = object()
        entries[name] = value
    if known:
        return limits.of_items(run, node, mapping(entries), entries.values())
    if len(node.keys) > _MOST_ITEMS:
        limits.of_items(run, node, UNKNOWN, entries.values())
    return _with_any_names(entries.values())


def comprehension(run: Run, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
    """`[f(x) for x in xs]`: item by item where there are few, else items that are alike."""
    passes = loops.comprehension(run, node, node.generators, (node.elt,))
    values = [value for (value,) in passes.values]
    return sequence(values) if passes.exact else series(join_all(values))


def dict_comprehension(run: Run, node: ast.DictComp) -> Value:
    """`{k: f(v) for k, v in d.items()}`."""
    passes = loops.comprehension(run, node, node.generators, (node.key, node.value))
    names = [constant_of(key) for key, _ in passes.values]
    if passes.exact and MISSING not in names:
        return mapping(dict(zip(names, [value for _, value in passes.values])))
    return _with_any_names([value for _, value in passes.values])


def _with_any_names(values: Iterable[Value]) -> Value:
    """A dict of which only the values are known."""
    value = join_all(values)
    if value.traced is Certainty.NO:
        return UNKNOWN
    return Value(Kind.TREE, value.traced, value.origin, concrete=value.concrete)

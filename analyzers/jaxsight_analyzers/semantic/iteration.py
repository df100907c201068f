"""What iterating over a value gives: items of arrays, of containers, of `zip` and its kin.

The items of a tuple are bound one by one in the first passes over it; the last pass stands for all that
are left. What a pytree gives depends on what it is: of a dict it is a name, so the text has to tell.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

from jaxsight_analyzers.semantic import key_arrays
from jaxsight_analyzers.semantic.joins import join_all
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import children
from jaxsight_analyzers.semantic.structures import (
    entries_of,
    item_of_series,
    items_of,
    sequence,
    series,
    unfollowed,
)
from jaxsight_analyzers.semantic.values import (
    HOST,
    NEVER,
    STATIC,
    UNKNOWN,
    Kind,
    Value,
    constant,
    or_none,
    some_of,
    tracer,
)


class Binding(NamedTuple):
    """What a loop binds its items to, and where they are used."""

    target: ast.expr
    uses: Sequence[ast.AST]
    exact: bool = False  # whether there is a pass for each item

    def part(self, position: int) -> Binding | None:
        """The same for one of several targets."""
        if isinstance(self.target, (ast.Tuple, ast.List)) and position < len(self.target.elts):
            return Binding(self.target.elts[position], self.uses, self.exact)
        return None


def item_of(
    run: Run, iterable: Value, node: ast.expr, number: int, binding: Binding | None = None
) -> Value:
    """What a loop over a value binds in its pass `number`."""
    data = iterable.data
    if isinstance(data, tuple) and iterable.kind is Kind.UNKNOWN and data:
        return _item_of_iterator(run, data, node, number, binding)  # type: ignore[arg-type]
    items = items_of(iterable)
    if items is not None:
        if binding is not None and binding.exact and number < len(items):
            return items[number]
        return _item_of_sequence(items, number)
    inside = item_of_series(iterable)
    if inside is not None:
        return _fresh(run, inside, node)
    if iterable.kind is Kind.KEYS:
        return key_arrays.iterated(run, iterable, node)
    if iterable.kind is Kind.ARRAY:
        return tracer(Kind.ARRAY, iterable)
    if iterable.kind in (Kind.STATIC, Kind.MAPPING):
        return STATIC
    if iterable.kind is Kind.HOST:
        return HOST
    if iterable.kind is Kind.TREE and binding is not None and _gives_parts(binding, node):
        return _fresh(
            run, Value(Kind.TREE, iterable.traced, iterable.origin), node, iterable.concrete
        )
    return Value(Kind.UNKNOWN, tokens=run.new_key(ast.unparse(node), node))


def any_item(run: Run, iterable: Value, node: ast.expr) -> Value:
    """What stands for each item of a value, whichever it is; its keys are not followed."""
    items = items_of(iterable)
    return unfollowed(join_all(items) if items else item_of(run, iterable, node, 0))


def _item_of_sequence(items: tuple[Value, ...], number: int) -> Value:
    if not items:
        return UNKNOWN
    if number == 0:
        return items[0]
    rest = items[number:]
    if not rest:
        return unfollowed(items[0])
    first = rest[0]
    if all(_alike(first, other) for other in rest[1:]):
        return first
    return join_all(rest)


def passes_over(iterable: Value) -> int | None:
    """One pass for one item, and one for each of a few functions, which have nothing in common; else None."""
    inside: object = iterable.data if iterable.kind is Kind.UNKNOWN else None
    parts = cast("tuple[object, ...]", inside) if isinstance(inside, tuple) else (iterable,)
    for value in parts:
        items = items_of(value) if isinstance(value, Value) else None
        if items and (value is iterable) and len(items) == 1:
            return 1
        if items and len(items) <= _MOST_FUNCTIONS and any(map(_holds_function, items)):
            return max(len(items), 2)
    return None


_MOST_FUNCTIONS = 6


def _holds_function(value: Value) -> bool:
    return value.kind is Kind.FUNCTION or any(
        part.kind is Kind.FUNCTION for part in items_of(value) or ()
    )


def _alike(one: Value, other: Value) -> bool:
    """Whether a body that runs with the one shows what it does with the other."""
    return one.kind is other.kind and one.traced is other.traced and one.kind in _PLAIN


_PLAIN = (Kind.ARRAY, Kind.HOST, Kind.KEY, Kind.KEYS, Kind.TREE)


def _fresh(run: Run, item: Value, node: ast.expr, concrete: bool | None = None) -> Value:
    """An item of many: if it is a key, then one that nobody has seen before."""
    if item is NEVER:
        return Value(Kind.UNKNOWN, tokens=run.new_key(ast.unparse(node), node))
    if item.kind not in (Kind.UNKNOWN, Kind.TREE, Kind.KEY, Kind.KEYS):
        return item
    if item.optional:
        return or_none(_fresh(run, some_of(item), node, concrete))
    return Value(
        item.kind,
        item.traced,
        item.origin,
        concrete=item.concrete if concrete is None else concrete,
        data=item.data,
        tokens=run.new_key(ast.unparse(node), node),
    )


def _item_of_iterator(
    run: Run, data: Sequence[object], node: ast.expr, number: int, binding: Binding | None
) -> Value:
    name, *parts = data
    values = [part for part in parts if isinstance(part, Value)]
    if name == "items":
        return sequence((STATIC, *values))
    first = int(name == "builtins.enumerate")
    inside = [
        item_of(run, value, node, number, None if binding is None else binding.part(i + first))
        for i, value in enumerate(values)
    ]
    if name == "builtins.enumerate":
        return sequence((STATIC, inside[0] if inside else UNKNOWN))
    return sequence(inside)


def part_of(
    run: Run, value: Value, target: ast.expr, position: int, count: int, star: int | None
) -> Value:
    """What unpacking a value of unknown length gives to one of `count` targets."""
    if value.kind is Kind.KEYS:
        return key_arrays.unpacked(
            run, value, target, position, count, -1 if star is None else star
        )
    if value.kind is Kind.SERIES:
        item = item_of_series(value)
        return value if position == star or item is None else _fresh(run, item, target)
    if value.kind is Kind.ARRAY:
        return tracer(Kind.ARRAY, value)
    tokens = run.new_key(ast.unparse(target), target)
    if value.kind is Kind.TREE:
        return Value(Kind.TREE, value.traced, value.origin, concrete=value.concrete, tokens=tokens)
    if value.kind in (Kind.STATIC, Kind.HOST):
        return STATIC if value.kind is Kind.STATIC else HOST
    return Value(Kind.UNKNOWN, tokens=tokens)


# Whether a pytree is iterated over as a list, or as a dict


def _gives_parts(binding: Binding, node: ast.expr) -> bool:
    """Whether a loop over a pytree binds parts of it rather than the names in a dict.

    A name serves to look something up, or as text, and then the dict itself is used in the loop.
    """
    if isinstance(binding.target, (ast.Tuple, ast.List)):
        return True
    if not isinstance(binding.target, ast.Name):
        return False
    name = binding.target.id
    containers = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    waiting: list[ast.AST] = list(binding.uses)
    is_used = False
    while waiting:
        child = waiting.pop()
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load):
            if child.id in containers:
                return False
            is_used = is_used or child.id == name
        elif _is_of_a_name(child, name):
            return False
        waiting.extend(children(child))
    return is_used


def _is_of_a_name(node: ast.AST, name: str) -> bool:
    """Whether a node uses a name as one uses text."""
    parts: Iterable[ast.AST | None]
    if isinstance(node, ast.Subscript):
        parts = ast.walk(node.slice)
    elif isinstance(node, ast.Compare):
        parts = (node.left, *node.comparators)
        equal = (ast.In, ast.NotIn, ast.Eq, ast.NotEq)
        with_text = any(_is_text(part) for part in parts)
        parts = parts if isinstance(node.ops[0], equal) or with_text else ()
    elif isinstance(node, ast.JoinedStr):
        parts = ast.walk(node)
    elif isinstance(node, ast.Attribute):
        parts = (node.value,) if node.attr in _OF_TEXT else ()
    elif isinstance(node, ast.Dict):
        parts = node.keys
    elif isinstance(node, (ast.DictComp)):
        parts = ast.walk(node.key)
    elif isinstance(node, ast.Call):
        printed = isinstance(node.func, ast.Name) and node.func.id in _ON_TEXT
        parts = node.args if printed else ()
    elif isinstance(node, ast.BinOp):
        text = any(isinstance(side, ast.Constant) for side in (node.left, node.right))
        parts = (node.left, node.right) if text and isinstance(node.op, ast.Add) else ()
    else:
        return False
    return any(isinstance(part, ast.Name) and part.id == name for part in parts)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


_OF_TEXT = frozenset(
    ["startswith", "endswith", "split", "join", "replace", "lower", "upper", "strip", "format"]
)
_ON_TEXT = frozenset(["print", "getattr", "setattr", "hasattr", "str", "isinstance", "len"])


# Builtins


def of_entries(name: str, base: Value) -> Value:
    """`d.items()`, `d.keys()`, `d.values()`."""
    entries = entries_of(base)
    if entries is not None and len(entries) <= _MOST_EXACT:
        keys = [constant(key) for key in entries]
        values = list(entries.values())
        if name == "items":
            return sequence([sequence(pair) for pair in zip(keys, values)])
        return sequence(values if name == "values" else keys)
    leaf = Value(Kind.TREE, base.traced, base.origin, concrete=base.concrete)
    if name == "items":
        return Value(Kind.UNKNOWN, data=("items", leaf))
    return STATIC if name == "keys" else series(leaf)


_MOST_EXACT = 64


def zipped(values: tuple[Value, ...]) -> Value:
    """`zip(a, b)`: a tuple for each item where these are known."""
    inside = [items_of(value) for value in values]
    known = [items for items in inside if items is not None]
    if values and len(known) == len(values) and max(map(len, known)) <= _MOST_EXACT:
        return sequence([sequence(items) for items in zip(*known)])
    return Value(Kind.UNKNOWN, data=("builtins.zip", *values))


def enumerated(values: tuple[Value, ...]) -> Value:
    """`enumerate(a)`."""
    items = items_of(values[0]) if len(values) == 1 else None
    if items is not None and len(items) <= _MOST_EXACT:
        return sequence([sequence((constant(i), item)) for i, item in enumerate(items)])
    return Value(Kind.UNKNOWN, data=("builtins.enumerate", *values[:1]))

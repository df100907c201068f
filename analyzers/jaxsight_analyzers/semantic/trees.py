"""Syntax trees: a quick way through them, whether two are the same, and what is written in them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import cast

_NO_NODES = {
    "*": {"ctx", "op", "ops", "type_comment", "id", "attr", "arg", "kind", "level", "module"},
    "Constant": {"value"},
    "MatchSingleton": {"value"},
    "Global": {"names"},
    "Nonlocal": {"names"},
    "MatchClass": {"kwd_attrs"},
}


def _child_fields(kind: type[ast.AST]) -> tuple[str, ...]:
    without = _NO_NODES["*"] | _NO_NODES.get(kind.__name__, set())
    return tuple(name for name in kind._fields if name not in without)


TRIES: tuple[type[ast.Try], ...] = (ast.Try, getattr(ast, "TryStar", ast.Try))
"""`try` with `except`, and from Python 3.11 on with `except*`, whose nodes have the same fields."""

CHILD_FIELDS = {
    kind: _child_fields(kind)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}
"""The fields of each kind of node in which nodes lie."""


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes right below one, but for operators and the like: what `ast.iter_child_nodes` gives, quickly."""
    found: list[ast.AST] = []
    inside = node.__dict__
    for name in CHILD_FIELDS[node.__class__]:
        value = inside.get(name)
        if not value:
            continue
        if value.__class__ is list:
            found.extend(filter(None, value))
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all that lie below it, as `children` gives them, in no particular order."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(children(node))


_PLACES = ("lineno", "col_offset", "end_lineno", "end_col_offset")


def are_same(some: Sequence[object], others: Sequence[object], *, placed: bool) -> bool:
    """Whether two lists of trees are the same, with where they stand or wherever that is."""
    waiting: list[tuple[object, object]] = list(zip(some, others))
    if len(some) != len(others):
        return False
    while waiting:
        one, other = waiting.pop()
        if one is other:
            continue
        if one.__class__ is not other.__class__:
            return False
        if isinstance(one, ast.AST):
            fields = (*one._fields, *_PLACES) if placed else one._fields
            waiting.extend([(getattr(one, n, None), getattr(other, n, None)) for n in fields])
        elif isinstance(one, list):
            first, second = cast("list[object]", one), cast("list[object]", other)
            if len(first) != len(second):
                return False
            waiting.extend(zip(first, second))
        elif one != other or (isinstance(one, (float, complex)) and repr(one) != repr(other)):
            return False  # -0.0 is not 0.0
    return True


def is_for_typing(node: ast.If) -> bool:
    """`if TYPE_CHECKING: ... else: ...`: what runs is the `else`; names of the first part are for annotations."""
    test = node.test
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING" and bool(node.orelse)


def is_generator(node: ast.AST) -> bool:
    """Whether a function is a generator function."""
    waiting = children(node)
    while waiting:
        one = waiting.pop()
        if isinstance(one, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting.extend(children(one))
    return False


def is_indexed_update(node: ast.expr) -> bool:
    """Whether a method is called of `x.at[i]`."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "at"
    )

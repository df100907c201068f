"""Trees that are deeper than Python's stack is: what lies too deep is cut out before anybody reads them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import cast

MAX_LEVELS = 250
"""Nodes deeper in their top-level statement are cut where a tree has to be cut at all.

Blocks and brackets never lie that deep, for Python's parser counts them: what does is a long chain of
calls, of operators or of `elif`.
"""

UNKNOWN_NAME = "<nested too deeply>"


def cut(body: list[ast.stmt]) -> None:
    """Put something unknown in the place of what lies too deep.

    An unknown statement gives an unknown value to each name that the one it stands for binds.
    """
    level: list[ast.AST] = list(body)
    for _ in range(MAX_LEVELS):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    for node in level:
        for name, value in list(ast.iter_fields(node)):
            if isinstance(value, ast.expr):
                setattr(node, name, _cut(value))
            elif isinstance(value, list):
                setattr(node, name, [_cut(item) for item in cast("list[object]", value)])


def _cut(node: object) -> object:
    if isinstance(node, ast.stmt):
        value = ast.copy_location(ast.Name(UNKNOWN_NAME, ast.Load()), node)
        names = sorted(set(bound_in(node)))
        if not names:
            return ast.copy_location(ast.Expr(value), node)
        targets = [ast.copy_location(ast.Name(name, ast.Store()), node) for name in names]
        return ast.copy_location(ast.Assign(cast("list[ast.expr]", targets), value), node)
    if isinstance(node, ast.expr) and next(ast.iter_child_nodes(node), None) is not None:
        return ast.copy_location(ast.Name(UNKNOWN_NAME, getattr(node, "ctx", ast.Load())), node)
    return node


def unknown(body: list[ast.stmt]) -> list[ast.expr]:
    """What stands for something that was cut out."""
    nodes = (node for statement in body for node in ast.walk(statement))
    return [node for node in nodes if isinstance(node, ast.Name) and node.id == UNKNOWN_NAME]


def bound_in(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement may give a value to, at any depth."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]

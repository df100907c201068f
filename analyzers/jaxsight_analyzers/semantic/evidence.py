"""What a function's own text says of its parameters: used as arrays, or as objects."""

from __future__ import annotations

import ast
from functools import lru_cache

from jaxsight_analyzers.semantic.scopes import FunctionNode

_ARITHMETIC = (ast.Sub, ast.Div, ast.Pow, ast.MatMult, ast.FloorDiv)
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_ARRAY_METHODS = frozenset(
    {"sum", "mean", "max", "min", "any", "all", "std", "var", "prod", "argmax", "argmin", "reshape"}
    | {
        "astype",
        "dot",
        "ravel",
        "flatten",
        "squeeze",
        "transpose",
        "at",
        "T",
        "ndim",
        "dtype",
        "shape",
    }
)


@lru_cache(maxsize=256)
def _names(node: FunctionNode) -> tuple[frozenset[str], frozenset[str]]:
    """The names used as arrays, and those that are called."""
    arrays: set[str] = set()
    objects: set[str] = set()
    for child in ast.walk(node):
        if isinstance(child, ast.BinOp) and isinstance(child.op, _ARITHMETIC):
            arrays.update(_name(side) for side in (child.left, child.right))
        elif isinstance(child, ast.Compare) and isinstance(child.ops[0], _ORDER):
            arrays.update(_name(side) for side in (child.left, *child.comparators))
        elif isinstance(child, ast.UnaryOp) and isinstance(child.op, ast.USub):
            arrays.add(_name(child.operand))
        elif isinstance(child, ast.Attribute) and child.attr in _ARRAY_METHODS:
            arrays.add(_name(child.value))
        elif isinstance(child, ast.Call):
            objects.add(_name(child.func))
    return frozenset(arrays) - {""}, frozenset(objects) - {""}


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def used_as_array(node: FunctionNode, name: str) -> bool:
    """Whether the body computes with the name as with an array."""
    return name in _names(node)[0]


def used_as_object(node: FunctionNode, name: str) -> bool:
    """Whether the body calls the name: a function or a module, which tracing leaves as it is."""
    return name in _names(node)[1]

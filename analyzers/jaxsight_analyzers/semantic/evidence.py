"""What a function's own text says of its parameters: used as arrays, as containers, or as objects."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.semantic.trees import walk

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.parameters import FunctionNode
    from jaxsight_analyzers.semantic.scopes import FunctionScope

_ARITHMETIC = (ast.Sub, ast.Div, ast.Pow, ast.MatMult, ast.FloorDiv)
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_ARRAY_METHODS = frozenset(
    [
        "sum",
        "mean",
        "max",
        "min",
        "any",
        "all",
        "std",
        "var",
        "prod",
        "argmax",
        "argmin",
        "reshape",
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
    ]
)


class Evidence(NamedTuple):
    """The names in a function that are used in a telling way."""

    arrays: frozenset[str]  # computed with, or asked for their shape
    containers: frozenset[str]  # indexed with a string
    objects: frozenset[str]  # called: functions and modules, which tracing leaves as they are
    references: frozenset[
        str
    ]  # written as references are: as a whole, `x[...] = y`, or where others are read so


def evidence_in(node: FunctionNode) -> Evidence:
    """What a function's text says of the names in it."""
    arrays: set[str] = set()
    containers: set[str] = set()
    objects: set[str] = set()
    references: set[str] = set()
    written: set[str] = set()
    reads_whole = False
    for child in walk(node):
        if child.__class__ is ast.Name or child.__class__ is ast.Constant:
            continue
        if isinstance(child, ast.BinOp) and isinstance(child.op, _ARITHMETIC):
            arrays.update((_name(child.left), _name(child.right)))
        elif isinstance(child, ast.Compare) and isinstance(child.ops[0], _ORDER):
            arrays.update(_name(side) for side in (child.left, *child.comparators))
        elif isinstance(child, ast.UnaryOp) and isinstance(child.op, ast.USub):
            arrays.add(_name(child.operand))
        elif isinstance(child, ast.Attribute) and child.attr in _ARRAY_METHODS:
            arrays.add(_name(child.value))
        elif isinstance(child, ast.Subscript):
            if _is_text(child.slice):
                containers.add(_name(child.value))
            elif isinstance(child.ctx, ast.Store):
                (references if _is_whole(child.slice) else written).add(_name(child.value))
            elif _is_whole(child.slice) and _name(child.value):
                reads_whole = True
        elif isinstance(child, ast.Call):
            objects.add(_name(child.func))
    if reads_whole:
        references |= written
    found = (frozenset(names) - {""} for names in (arrays, containers, objects, references))
    return Evidence(*found)


def sets_by_name_in(scope: FunctionScope) -> bool:
    """Whether a function sets attributes whose names it works out: `setattr(self, name, None)`."""
    return "setattr" in scope.mentions and any(map(_works_out_name, walk(scope.node)))


def _works_out_name(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    known = len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
    return node.func.id == "setattr" and not known


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_whole(node: ast.expr) -> bool:
    """Whether an index means all there is: `...` or `()`."""
    if isinstance(node, ast.Tuple):
        return not node.elts
    return isinstance(node, ast.Constant) and node.value is ...

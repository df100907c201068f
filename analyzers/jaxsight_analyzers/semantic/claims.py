"""What a test says of the constants that a name may be: `kind == "mlp"`, `kind in ("mlp", "cnn")`, `x is None`."""

from __future__ import annotations

import ast

Claims = dict[str, frozenset[object]]
"""For what is compared, as it is written: the constants that it may be."""

_EQUAL, _UNEQUAL = (ast.Eq, ast.Is), (ast.NotEq, ast.IsNot)


def claims(node: ast.expr, truth: bool) -> Claims:
    """What is claimed where a test is true, or false; what is left out may be anything."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return claims(node.operand, not truth)
    if isinstance(node, ast.BoolOp):
        parts = [claims(part, truth) for part in node.values]
        return _of_all(parts) if isinstance(node.op, ast.And) is truth else _of_any(parts)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _compared(node.left, node.ops[0], node.comparators[0], truth)
    return {}


def excluded(one: Claims, other: Claims) -> list[str]:
    """That of which both cannot be so."""
    return [name for name, values in one.items() if values.isdisjoint(other.get(name, values))]


def _of_all(parts: list[Claims]) -> Claims:
    found: Claims = {}
    for part in parts:
        for name, values in part.items():
            found[name] = values & found[name] if name in found else values
    return found


def _of_any(parts: list[Claims]) -> Claims:
    names = set(parts[0]).intersection(*parts[1:])
    return {name: frozenset().union(*[part[name] for part in parts]) for name in names}


def _compared(left: ast.expr, operator: ast.cmpop, right: ast.expr, truth: bool) -> Claims:
    if isinstance(operator, _EQUAL if truth else _UNEQUAL):
        if isinstance(left, ast.Constant):
            left, right = right, left
        values = [right]
    elif isinstance(operator, ast.In if truth else ast.NotIn) and isinstance(
        right, (ast.Tuple, ast.List, ast.Set)
    ):
        values = right.elts
    else:
        return {}
    if not _is_place(left) or not all(isinstance(value, ast.Constant) for value in values):
        return {}
    constants = [value.value for value in values if isinstance(value, ast.Constant)]
    return {ast.unparse(left): frozenset(constants)}


def _is_place(node: ast.expr) -> bool:
    """Whether it is a name, or an attribute of one."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)

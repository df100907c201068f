"""Tests that ask arrays for their truth, written as operations on arrays: `a < x < b`, `not m`, `p and q`."""

from __future__ import annotations

import ast
from itertools import pairwise
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Edit
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.semantic import Unit

_TESTS = frozenset(
    {"all", "any", "isnan", "isfinite", "isinf", "isposinf", "isneginf", "isclose", "allclose"}
    | {"array_equal", "array_equiv", "equal", "not_equal", "greater", "greater_equal", "less"}
    | {"less_equal", "logical_and", "logical_or", "logical_not", "logical_xor", "isin", "signbit"}
)
"""Functions of `jax.numpy`, and methods, whose results are booleans."""

_BITWISE = (ast.BitAnd, ast.BitOr, ast.BitXor)


class Written(NamedTuple):
    """A test as an expression that gives an array of booleans, and the imports it needs."""

    text: str
    edits: tuple[Edit, ...] = ()


def written(unit: Unit, test: ast.expr) -> Written | None:
    """A test without `not`, `and`, `or` and chains; None where that would not be the same."""
    if "#" in edits.source(unit, test):
        return None
    found = _of_any(unit, test)
    return Written(edits.as_argument(unit, test)) if found is None and is_plain(test) else found


def negated(unit: Unit, test: ast.expr) -> Written | None:
    """A test as an array that is true where the test is not."""
    if "#" in edits.source(unit, test):
        return None
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return written(unit, test.operand)
    return _not_of(unit, test)


def is_plain(test: ast.expr) -> bool:
    """Whether a test asks for no truth of its parts."""
    return not any(
        isinstance(part, (ast.BoolOp, ast.NamedExpr, ast.IfExp, ast.Await, ast.Yield))
        or (isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not))
        or (isinstance(part, ast.Compare) and len(part.ops) > 1)
        for part in ast.walk(test)
    )


def is_boolean(node: ast.expr) -> bool:
    """Whether an expression surely is a boolean, or an array of them."""
    if isinstance(node, ast.Compare):
        return not any(isinstance(operator, (ast.In, ast.NotIn)) for operator in node.ops)
    if isinstance(node, ast.BoolOp):
        return all(is_boolean(value) for value in node.values)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Not) or (
            isinstance(node.op, ast.Invert) and is_boolean(node.operand)
        )
    if isinstance(node, ast.BinOp):
        sides = (node.left, node.right)
        return isinstance(node.op, _BITWISE) and all(is_boolean(side) for side in sides)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in _TESTS
    return isinstance(node, ast.Constant) and isinstance(node.value, bool)


def _of_any(unit: Unit, test: ast.expr) -> Written | None:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _not(unit, test)
    if isinstance(test, ast.BoolOp):
        return _bool_op(unit, test)
    if isinstance(test, ast.Compare) and len(test.ops) > 1:
        return _chain(unit, test)
    return None


def _operand(unit: Unit, node: ast.expr) -> Written | None:
    """An operand of `&`, `|` or `~`."""
    found = _of_any(unit, node)
    if found is not None:
        bare = found.text.startswith("~") or _is_call(found.text)
        return found if bare else Written(f"({found.text})", found.edits)
    return Written(edits.as_operand(unit, node)) if is_plain(node) else None


def _is_call(text: str) -> bool:
    node = ast.parse(text, mode="eval").body
    return isinstance(node, ast.Call)


def _not(unit: Unit, test: ast.UnaryOp) -> Written | None:
    return _not_of(unit, test.operand)


def _not_of(unit: Unit, node: ast.expr) -> Written | None:
    if is_boolean(node):
        operand = _operand(unit, node)
        return None if operand is None else Written(f"~{operand.text}", operand.edits)
    operand = written(unit, node)
    if operand is None:
        return None
    function = edits.spell(unit, "jax.numpy.logical_not")
    return Written(f"{function.text}({operand.text})", _merged(operand.edits, function.edits))


def _bool_op(unit: Unit, test: ast.BoolOp) -> Written | None:
    """`p and q` as `p & q`: not where the first part is static, and perhaps there to guard the second."""
    is_and = isinstance(test.op, ast.And)
    if any(_is_guard(part) for part in test.values):
        return None
    if all(is_boolean(value) for value in test.values):
        operator = " & " if is_and else " | "
        parts = [_operand(unit, value) for value in test.values]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return Written(
            operator.join(part.text for part in known), _merged(*(part.edits for part in known))
        )
    function = edits.spell(unit, f"jax.numpy.logical_{'and' if is_and else 'or'}")
    whole: Written | None = None
    for value in test.values:
        part = written(unit, value)
        if part is None:
            return None
        if whole is None:
            whole = part
        else:
            text = f"{function.text}({whole.text}, {part.text})"
            whole = Written(text, _merged(whole.edits, part.edits, function.edits))
    return whole


def _is_guard(test: ast.expr) -> bool:
    """A part that is static and decides whether the others can be computed."""
    return any(
        (isinstance(part, ast.Compare) and isinstance(part.ops[0], (ast.Is, ast.IsNot)))
        or (
            isinstance(part, ast.Call)
            and isinstance(part.func, ast.Name)
            and part.func.id in ("isinstance", "hasattr", "callable", "len", "getattr")
        )
        or (isinstance(part, ast.Attribute) and part.attr in ("shape", "ndim", "size", "dtype"))
        for part in ast.walk(test)
    )


def _chain(unit: Unit, test: ast.Compare) -> Written | None:
    """`a < x < b` as `(a < x) & (x < b)`: what stands in the middle is written twice, so it is something simple."""
    if any(isinstance(operator, (ast.In, ast.NotIn, ast.Is, ast.IsNot)) for operator in test.ops):
        return None
    operands = [test.left, *test.comparators]
    if not all(is_plain(operand) for operand in operands):
        return None
    if any(isinstance(part, ast.Call) for middle in operands[1:-1] for part in ast.walk(middle)):
        return None
    module = unit.model.module
    parts: list[str] = []
    for left, right in pairwise(operands):
        start, end = module.span(left), module.span(right)
        if start.end > end.start:
            return None
        pair = [edits.source(unit, side) for side in (left, right)]
        between = module.analysed.text[start.end : end.start]
        if set(between) - set("<>=! "):
            return None  # a parenthesis around an operand, or a line that goes on
        parts.append(f"({pair[0]}{between}{pair[1]})")
    return Written(" & ".join(parts))


def _merged(*several: tuple[Edit, ...]) -> tuple[Edit, ...]:
    return tuple(dict.fromkeys(edit for one in several for edit in one))

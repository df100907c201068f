"""Comparisons and `and`/`or`: which tests are known while tracing, and which ask a tracer."""

from __future__ import annotations

import ast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import (
    arithmetic,
    asking,
    avals,
    dtype_tests,
    expressions,
    flow,
    folding,
    meshes,
    narrowing,
    nnx_values,
    plain,
)
from jaxsight_analyzers.semantic.events import NanComparisonSeen
from jaxsight_analyzers.semantic.joins import join
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import parts_of
from jaxsight_analyzers.semantic.values import (
    MISSING,
    STATIC,
    UNKNOWN,
    Kind,
    Value,
    constant,
    constant_of,
    given,
    qualified_of,
    some_of,
    truth_of,
)


def compare(run: Run, node: ast.Compare) -> Value:
    """`a < b <= c`: a tracer where a part is, unless it is known without its value."""
    operands = [
        expressions.evaluate(run, node.left),
        *(expressions.evaluate(run, other) for other in node.comparators),
    ]
    if any(is_nan(value) for value in operands):
        run.events.nan_comparisons.append(NanComparisonSeen(node, is_nan(operands[0]), run.guards))
    if any(isinstance(value.data, FunctionFacts) for value in operands):
        nnx_values.note_comparison(run, node, operands)
    if len(node.ops) == 1 and isinstance(node.ops[0], (ast.Is, ast.IsNot)):
        dtype_tests.note(run, node, operands)
    if len(node.ops) == 1 and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
        meshes.note_comparison(run, node, operands)
    result = STATIC
    parts = [
        _one_comparison(run, node, left, operator, right, written)
        for left, operator, right, written in zip(
            operands, node.ops, operands[1:], node.comparators
        )
    ]
    if len(parts) == 1:
        return parts[0]
    for number, part in enumerate(parts[:-1]):
        asking.truth(run, node, node.comparators[number], "chain", part)
    for part in parts:
        result = join(result, part) if part.kind is Kind.STATIC else part
        if part.traced is Certainty.YES:
            return part
    return result


_NANS = ("jax.numpy.nan", "numpy.nan", "math.nan")  # as `from math import nan` brings them


def is_nan(value: Value) -> bool:
    """Whether a value is `nan` for certain."""
    number = constant_of(value)
    name = qualified_of(value)
    return name in _NANS if name is not None else isinstance(number, float) and number != number


def _one_comparison(
    run: Run,
    node: ast.Compare,
    left: Value,
    operator: ast.cmpop,
    right: Value,
    written: ast.expr,
) -> Value:
    if isinstance(operator, (ast.Is, ast.IsNot)):
        return _identity(left, right, isinstance(operator, ast.IsNot))
    first, second = constant_of(left), constant_of(right)
    if isinstance(operator, (ast.In, ast.NotIn)):
        found = folding.membership(first, written, operator)
        if found is not None:
            return constant(found)
        if len(node.ops) == 1:
            asking.membership(run, node, left, right, written)
        return STATIC if isinstance(first, str) or left.kind is Kind.STATIC else UNKNOWN
    if isinstance(operator, (ast.Eq, ast.NotEq)):
        if first is None or second is None or isinstance(first, str) or isinstance(second, str):
            return _known_equality(first, second, operator)
        if parts_of(left) is not None or parts_of(right) is not None:
            return UNKNOWN
    if left.kind is Kind.STATIC and right.kind is Kind.STATIC:
        ordered = folding.order(first, second, operator)
        return _known_equality(first, second, operator) if ordered is None else constant(ordered)
    value = arithmetic.result(run, left, right, ast.Sub())
    value = plain.plainly(run, value, "derivative", ())
    return given(avals.with_aval(value, avals.of_comparison(left, right)), value.given)


def _identity(left: Value, right: Value, negated: bool) -> Value:
    first, second = constant_of(left), constant_of(right)
    if second is None and first is not MISSING:
        return constant((first is None) != negated)
    known = (
        Kind.ARRAY,
        Kind.KEY,
        Kind.KEYS,
        Kind.SEQUENCE,
        Kind.SERIES,
        Kind.MAPPING,
        Kind.FUNCTION,
        Kind.INSTANCE,
    )
    if second is None and left.kind in known and not left.optional:
        return constant(negated)
    return STATIC


def _known_equality(first: object, second: object, operator: ast.cmpop) -> Value:
    if MISSING not in (first, second) and isinstance(operator, (ast.Eq, ast.NotEq)):
        return constant((first == second) == isinstance(operator, ast.Eq))
    return STATIC


def bool_op(run: Run, node: ast.BoolOp) -> Value:
    """`a and b`: what follows a test runs only where the test lets it."""
    result: Value | None = None
    narrowed: dict[str, Value | None] = {}
    before = run.frame.state.conditions
    are_bools = True
    for operand in node.values:
        value = expressions.evaluate(run, operand)
        are_bools = are_bools and _is_bool(operand, value)
        if result is not None and isinstance(node.op, ast.Or):
            result = some_of(result)  # None would not be the result
        result = value if result is None else _bool_result(result, value)
        known = truth_of(value)
        if known is None and operand is not node.values[-1]:
            word = "and" if isinstance(node.op, ast.And) else "or"
            asking.truth(run, node, operand, word, value)
        if known is not None and known != isinstance(node.op, ast.And):
            result = constant(known) if are_bools else result  # whatever the others are
            break
        names = dict(run.frame.state.names)
        narrowing.narrow(run, operand, isinstance(node.op, ast.And))
        for place, held in run.frame.state.names.items():
            if names.get(place) is not held:
                narrowed.setdefault(place, names.get(place))
        condition = flow.condition(run, operand, isinstance(node.op, ast.And))
        run.frame.state.conditions = (*run.frame.state.conditions, condition)
    run.frame.state.conditions = before
    for place, held in narrowed.items():
        if held is None:
            run.frame.state.names.pop(place, None)
        else:
            run.frame.state.names[place] = held
    assert result is not None
    return result


def _is_bool(operand: ast.expr, value: Value) -> bool:
    """Whether an operand surely is True or False, and no tracer."""
    if value.kind is not Kind.STATIC:
        return False
    if isinstance(operand, ast.Call):
        return isinstance(operand.func, ast.Name) and operand.func.id in _TESTS
    is_not = isinstance(operand, ast.UnaryOp) and isinstance(operand.op, ast.Not)
    return is_not or isinstance(operand, ast.Compare) or isinstance(constant_of(value), bool)


_TESTS = ("isinstance", "issubclass", "callable", "hasattr")


def _bool_result(one: Value, other: Value) -> Value:
    """`x is not None and x > 0` is traced if the last part is: Python asks for its truth."""
    if other.traced > one.traced or (
        other.traced and other.kind is Kind.ARRAY and one.kind is not Kind.ARRAY
    ):
        return other
    if one.kind is Kind.STATIC and other.kind is Kind.STATIC:
        return STATIC
    return one if one.traced is not Certainty.NO else join(one, other)

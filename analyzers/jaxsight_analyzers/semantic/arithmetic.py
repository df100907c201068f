"""Operators on values: what a sum, a product, a concatenation or a negation is."""

from __future__ import annotations

import ast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import (
    asking,
    avals,
    casts,
    expressions,
    formats,
    linen_pairs,
    plain,
    promotions,
)
from jaxsight_analyzers.semantic.events import OperationSeen
from jaxsight_analyzers.semantic.joins import join_all
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import items_of, parts_of, sequence, series
from jaxsight_analyzers.semantic.values import (
    HOST,
    STATIC,
    UNKNOWN,
    Kind,
    Value,
    constant,
    constant_of,
    given,
    most_traced,
    tracer,
    truth_of,
)

_NUMBERS = (Kind.ARRAY, Kind.TREE, Kind.KEY, Kind.KEYS)


def binary(run: Run, node: ast.BinOp) -> Value:
    """`a + b`. The terms of a long sum lie in each other: they are taken one by one."""
    waiting = [node]
    while isinstance(node.left, ast.BinOp):
        node = node.left
        waiting.append(node)
    value = run.evaluate(node.left)
    for node in reversed(waiting):
        right = run.evaluate(node.right)
        if value.kind is Kind.SEQUENCE and not isinstance(node.op, (ast.Add, ast.Mult)):
            linen_pairs.used(run, node.left, value, "arithmetic")
        if right.kind is Kind.SEQUENCE and not isinstance(node.op, (ast.Add, ast.Mult, ast.Mod)):
            linen_pairs.used(run, node.right, right, "arithmetic")
        if isinstance(node.op, ast.Mod) and value.kind is Kind.STATIC:
            formats.of_percent(run, node, value, right)
        left, value = value, result(run, value, right, node.op)
        if Kind.HOST in (left.kind, right.kind) and value.kind is Kind.ARRAY:
            promotions.note(run, node, left, right, [node.left, node.right])
        elif left.kind is Kind.ARRAY and right.kind is Kind.STATIC and left.data is not None:
            casts.note_wrap(run, node, left, right)
        of_call = node.left.__class__ is ast.Call and isinstance(node.op, (ast.Sub, ast.Div))
        if of_call and value.kind is Kind.ARRAY:
            run.events.operations.append(OperationSeen(node, run.guards))
        if isinstance(node.op, ast.FloorDiv):
            value = plain.plainly(run, value, "derivative", ())
    return value


def result(run: Run, left: Value, right: Value, operator: ast.operator) -> Value:
    """What a binary operator makes of two values."""
    kinds = (left.kind, right.kind)
    if isinstance(operator, (ast.Add, ast.Mult)) and (
        Kind.SEQUENCE in kinds or Kind.SERIES in kinds or Kind.MAPPING in kinds
    ):
        return _concatenation(left, right, operator)
    if isinstance(operator, ast.Mod) and isinstance(constant_of(left), (str, bytes)):
        return formats.text_with((right,))
    if left.kind is Kind.STATIC and right.kind is Kind.STATIC:
        return STATIC
    made = _array(run, left, right)
    if left.data is None or right.data is None:
        return made
    return avals.with_aval(made, avals.of_operator(operator, left, right))


def _array(run: Run, left: Value, right: Value) -> Value:
    kinds = (left.kind, right.kind)
    most = most_traced((left, right))
    if most.traced is not Certainty.NO:
        return _as_given(tracer(Kind.ARRAY, most), left, right)
    if Kind.ARRAY in kinds or Kind.KEY in kinds:
        return expressions.jax_result(run, Kind.ARRAY, (left, right))
    if Kind.HOST in kinds and Kind.UNKNOWN not in kinds and Kind.TREE not in kinds:
        return HOST
    return UNKNOWN


def _as_given(value: Value, *operands: Value) -> Value:
    """A result that is a Python number to callers if all that it is made of is."""
    if value.kind is not Kind.ARRAY:
        return value
    types = [one.given for one in operands if one.kind is not Kind.STATIC]
    return given(value, types[0] if types and None not in types else None)


def _concatenation(left: Value, right: Value, operator: ast.operator) -> Value:
    first, second = items_of(left), items_of(right)
    if isinstance(operator, ast.Add) and first is not None and second is not None:
        return sequence((*first, *second))
    if isinstance(operator, ast.Add) and {left.kind, right.kind} <= {Kind.SEQUENCE, Kind.SERIES}:
        return series(join_all([*(parts_of(left) or ()), *(parts_of(right) or ())]))
    repeated, count = (first, constant_of(right)) if second is None else (second, constant_of(left))
    if isinstance(operator, ast.Mult) and repeated is not None and isinstance(count, int):
        return sequence(repeated * count) if count <= 64 else series(join_all(repeated))
    if isinstance(operator, ast.Mult) and Kind.MAPPING not in (left.kind, right.kind):
        listed = left if parts_of(left) is not None else right
        if Kind.STATIC in (left.kind, right.kind):
            return series(join_all(parts_of(listed) or ()))
    most = most_traced((left, right))
    if most.traced is Certainty.NO:
        return UNKNOWN
    return Value(Kind.TREE, most.traced, most.origin, concrete=most.concrete)


def unary(run: Run, node: ast.UnaryOp) -> Value:
    """`not a`, `-a`, `+a`, `~a`."""
    value = run.evaluate(node.operand)
    known = truth_of(value)
    if isinstance(node.op, ast.Not):
        if known is not None:
            return constant(not known)
        asking.truth(run, node, node.operand, "not", value)
        return value if value.traced is not Certainty.NO else STATIC
    if value.kind is Kind.STATIC:
        number = constant_of(value)
        if isinstance(node.op, ast.USub) and isinstance(number, (int, float)):
            return value if number != number else constant(-number)  # there is one `nan`
        return STATIC
    if value.kind is Kind.TREE and value.traced is Certainty.NO:
        return UNKNOWN
    if value.kind not in _NUMBERS:
        return value
    made = avals.with_aval(tracer(Kind.ARRAY, value), avals.aval_of(value))
    return _as_given(made, value)

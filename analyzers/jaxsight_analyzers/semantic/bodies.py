"""Bodies that a call runs at once: those of `scan`, `cond`, `tree.map` and their kin."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.knowledge.loader import FunctionFacts
from jaxsight_analyzers.semantic import calls, expressions, functions
from jaxsight_analyzers.semantic.contexts import Transformation
from jaxsight_analyzers.semantic.keys import Consumed, KeyToken, join_consumed
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.values import (
    UNKNOWN,
    FunctionData,
    Kind,
    Value,
    constant_of,
    entries_of,
    function_of,
    items_of,
    join,
    sequence,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.calls import Arguments


def run_bodies(
    run: Run, node: ast.Call, qualified: str, facts: FunctionFacts, arguments: Arguments
) -> Value:
    """`lax.scan(body, ...)` and its kin: run what they are given, return what they return."""
    before = run.frame.state.consumed
    merged: Consumed | None = None
    returned: list[Value] = []
    for parameter, mode in facts.traces.items():
        found = arguments.get(facts, parameter)
        if found is None:
            continue
        bodies = items_of(found[1]) or (found[1],)
        for body in bodies:
            run.frame.state.consumed = (
                dict(before) if not facts.repeats else run.frame.state.consumed
            )
            data = function_of(body)
            if data is not None:
                returned.append(_run_body(run, node, facts, parameter, mode, data, arguments))
            if not facts.repeats:
                now = run.frame.state.consumed
                merged = now if merged is None else join_consumed(merged, now)
    if merged is not None:
        run.frame.state.consumed = merged
    return _result_of_bodies(run, node, qualified, facts, arguments, returned)


def _run_body(
    run: Run,
    node: ast.Call,
    facts: FunctionFacts,
    parameter: str,
    mode: str,
    data: FunctionData,
    arguments: Arguments,
) -> Value:
    transformation = Transformation(
        facts.name,
        facts,
        mode,
        node,
        differentiated=None if facts.differentiated else frozenset(),
        passes=run.frame.loops,
        frame=run.frame,
    )
    data = replace(data, transformations=(*data.transformations, transformation))
    given = tuple(_body_arguments(run, node, facts, parameter, arguments, data))
    call_arguments = calls.Arguments(given, {}, (), {})
    parameters, passed = functions.bind(run, data, call_arguments)
    returned = functions.run_with(run, node, data, parameters, passed)
    if facts.repeats:
        _check_carry(run, node, facts, given, returned)
    return returned


def _body_arguments(
    run: Run,
    node: ast.Call,
    facts: FunctionFacts,
    parameter: str,
    arguments: Arguments,
    data: FunctionData,
) -> list[Value]:
    roles = facts.body.get(parameter)
    signature = data.node.args
    count = len(signature.posonlyargs) + len(signature.args) - len(data.bound)
    if roles is None:
        return [UNKNOWN] * count
    given: list[Value] = []
    for role in roles:
        if role == "carry":
            given.append(_argument(arguments, facts, "init", "init_val", "init_carry"))
        elif role == "index":
            given.append(Value(Kind.ARRAY))
        elif role == "operand":
            given.extend(_operands(arguments, facts))
        elif role == "x":
            xs = _argument(arguments, facts, "xs", "tree", "iterable")
            given.append(_element(run, xs, node))
        else:
            given.append(UNKNOWN)
    while len(given) < count and roles and roles[-1] in ("x", "traced", "operand") and given:
        given.append(UNKNOWN)
    return given


def _argument(arguments: Arguments, facts: FunctionFacts, *names: str) -> Value:
    for name in names:
        found = arguments.get(facts, name)
        if found is not None:
            return found[1]
    return UNKNOWN


def _operands(arguments: Arguments, facts: FunctionFacts) -> list[Value]:
    return [
        value
        for name, _, value in arguments.named(facts)
        if name in (facts.variadic, "operand", "operands")
    ]


def _element(run: Run, xs: Value, node: ast.AST) -> Value:
    """What a body gets of the array or container that it is run over."""
    items = items_of(xs)
    if items is not None:
        return sequence(_element(run, item, node) for item in items)
    if xs.kind is Kind.KEYS:
        index = ("body", node)
        tokens = frozenset(
            expressions.element_token(run, token, index, node, token.name)
            for token in run.ordered(xs.tokens)
        )
        return Value(Kind.KEY, xs.traced, xs.origin, concrete=xs.concrete, tokens=tokens or None)
    if xs.kind is Kind.STATIC and constant_of(xs) is None:
        return xs
    if xs.kind in (Kind.ARRAY, Kind.HOST, Kind.STATIC):
        return Value(Kind.ARRAY, xs.traced, xs.origin, concrete=xs.concrete)
    return Value(Kind.TREE, xs.traced, xs.origin, concrete=xs.concrete) if xs.traced else UNKNOWN


def _check_carry(
    run: Run, node: ast.Call, facts: FunctionFacts, given: tuple[Value, ...], returned: Value
) -> None:
    """A key in the carry that the body uses up and hands on unchanged is used in every iteration."""
    kept = set(_tokens(returned)) & {token for value in given for token in _tokens(value)}
    for token in run.ordered(frozenset(kept)):
        use = run.frame.state.consumed.get(token)
        if use is not None and use.node is node:
            run.note_repeated(token, use, facts.name)


def _tokens(value: Value) -> list[KeyToken]:
    items = items_of(value)
    if items is not None:
        return [token for item in items for token in _tokens(item)]
    entries = entries_of(value)
    if entries is not None:
        return [token for item in entries.values() for token in _tokens(item)]
    return list(value.tokens or ())


def _result_of_bodies(
    run: Run,
    node: ast.Call,
    qualified: str,
    facts: FunctionFacts,
    arguments: Arguments,
    returned: list[Value],
) -> Value:
    given = arguments.values()
    name = facts.name.rpartition(".")[2]
    if name == "scan":
        items = items_of(returned[0]) if returned else None
        carry = items[0] if items else expressions.jax_result(run, Kind.TREE, given)
        return sequence((carry, expressions.jax_result(run, Kind.TREE, given)))
    if name in ("while_loop", "fori_loop") and returned:
        return returned[-1]
    if name in ("cond", "switch") and returned:
        value = returned[0]
        for other in returned[1:]:
            value = join(value, other)
        return value
    return calls.result_of(run, node, qualified, facts, arguments)

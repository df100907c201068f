"""Calls of functions of this file: arguments become parameters, the body runs, effects come back.

A body is run once for each different way in which it is called. What a run does to its caller is
a `Summary`: the value it returns and the keys it uses up, in terms of stand-ins for the arguments.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import (
    compilations,
    flow,
    key_calls,
    members,
    transformations,
)
from jaxsight_analyzers.semantic.contexts import Environment, Frame, State, Summary
from jaxsight_analyzers.semantic.run import MAX_DEPTH, MAX_SUMMARIES, Run
from jaxsight_analyzers.semantic.scopes import (
    ClassScope,
    FunctionNode,
    all_arguments,
    defaults_of,
)
from jaxsight_analyzers.semantic.values import (
    NONE,
    STATIC,
    UNKNOWN,
    FunctionData,
    Kind,
    Origin,
    Value,
    constant,
    entries_of,
    function_of,
    items_of,
    mapping,
    sequence,
    tracer,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.calls import Arguments


def call(run: Run, node: ast.AST, data: FunctionData, arguments: Arguments) -> Value:
    """Call a function of this file with evaluated arguments."""
    parameters, passed = bind(run, data, arguments)
    return run_with(run, node, data, parameters, passed)


def run_with(
    run: Run,
    node: ast.AST,
    data: FunctionData,
    parameters: dict[str, Value],
    passed: frozenset[str],
    generic: bool = False,
) -> Value:
    """Run a function with values for its parameters and apply what that does to the caller."""
    for transformation in data.transformations:
        run.called.add((data.node, transformation.node))
    if not generic:  # what nobody is seen to call is made to be kept
        compilations.note_compilation(run, data)
    before = parameters
    for transformation in reversed(data.transformations):
        parameters = transformations.trace_parameters(
            run, data, transformation, parameters, passed, generic
        )
    summary = _summary(run, node, data, parameters, before)
    if summary is None:
        return UNKNOWN
    returned = key_calls.apply(run, node, data, summary, before)
    for transformation in data.transformations:
        returned = transformations.result(run, transformation, returned, before)
    return returned


def bind(
    run: Run, data: FunctionData, arguments: Arguments
) -> tuple[dict[str, Value], frozenset[str]]:
    """A value for each parameter, and the names of those that the caller passes."""
    signature = data.node.args
    positional = [a.arg for a in (*signature.posonlyargs, *signature.args)]
    given = [
        *(() if data.self_value is None else (data.self_value,)),
        *data.bound,
        *arguments.positional,
    ]
    values: dict[str, Value] = dict(zip(positional, given))
    keywords = {**dict(data.bound_names), **arguments.keywords}
    if signature.vararg:
        rest = given[len(positional) :]
        values[signature.vararg.arg] = UNKNOWN if arguments.open else sequence(rest)
    known = {a.arg for a in all_arguments(signature)}
    extra: dict[object, Value] = {}
    for name, value in keywords.items():
        if name in known:
            values[name] = value
        else:
            extra[name] = value
    if signature.kwarg:
        values[signature.kwarg.arg] = UNKNOWN if arguments.open else mapping(extra)
    bound_count = len(data.bound) + (data.self_value is not None)
    skipped = set(positional[:bound_count]) | {name for name, _ in data.bound_names}
    if arguments.open:
        _fill_required(data.node, values, arguments.hidden)
    passed = frozenset(values) - (skipped - set(arguments.keywords))
    fill_defaults(data.node, values, unknown=arguments.open)
    return values, passed


def _fill_required(node: FunctionNode, values: dict[str, Value], hidden: Value | None) -> None:
    """What `*args` and `**kwargs` hide goes to the parameters that have to be given."""
    known = hidden is not None and hidden.kind is Kind.TREE and hidden.traced is Certainty.YES
    value = tracer(Kind.TREE, hidden) if known and hidden is not None else UNKNOWN
    defaults = defaults_of(node.args)
    for argument in all_arguments(node.args):
        if argument not in (node.args.vararg, node.args.kwarg) and argument.arg not in defaults:
            values.setdefault(argument.arg, value)


def fill_defaults(node: FunctionNode, values: dict[str, Value], *, unknown: bool) -> None:
    """Defaults for the parameters that nobody passes; `unknown` where somebody may."""
    defaults = defaults_of(node.args)
    for argument in all_arguments(node.args):
        if argument.arg in values:
            continue
        default = defaults.get(argument.arg)
        if unknown or default is None:
            values[argument.arg] = UNKNOWN
        elif isinstance(default, ast.Constant):
            values[argument.arg] = constant(default.value)
        else:
            literal = isinstance(default, (ast.Tuple, ast.List, ast.Dict, ast.UnaryOp))
            values[argument.arg] = STATIC if literal else UNKNOWN


def generic_parameters(run: Run, data: FunctionData) -> tuple[dict[str, Value], frozenset[str]]:
    """Values for the parameters of a function that nobody is seen to call."""
    values: dict[str, Value] = {}
    defaults = defaults_of(data.node.args)
    signature = data.node.args
    names = [a.arg for a in (*signature.posonlyargs, *signature.args)]
    if data.self_value is not None and names:
        values[names[0]] = data.self_value
    elif names and (owner := _owner(run, data)) is not None:
        values[names[0]] = Value(Kind.INSTANCE, data=owner)
    offset = 0 if data.self_value is None else 1
    values.update(zip(names[offset:], data.bound))
    values.update(dict(data.bound_names))
    bound = set(values)
    for argument in all_arguments(signature):
        if argument.arg in values:
            continue
        annotated = (
            members.value_of_annotation(run, argument.annotation, argument.arg, argument)
            if argument.annotation is not None and argument.arg not in defaults
            else None
        )
        values[argument.arg] = annotated if annotated is not None else UNKNOWN
    passed = frozenset(n for n in values if n not in bound and n not in defaults)
    return values, passed


def _owner(run: Run, data: FunctionData) -> ClassScope | None:
    """The class of whose instances a function taken from its class is a method."""
    scope = run.scopes.functions[data.node]
    if scope.owner is None or members.is_static(data.node):
        return None
    return scope.owner


# Running


def _summary(
    run: Run,
    call_node: ast.AST,
    data: FunctionData,
    parameters: Mapping[str, Value],
    originals: Mapping[str, Value],
) -> Summary | None:
    caller = run.frame
    tracing = transformations.tracing_of(caller, data.transformations)
    hot = (bool(caller.loops) or caller.hot) and not members.is_cached(data.node)
    key = (
        data.node,
        tuple(signature(value) for value in parameters.values()),
        tracing,
        hot,
        bool(caller.guards),
        _captured(run, data),
    )
    if key in run.summaries:
        return run.summaries[key]
    count = run.summary_counts.get(data.node, 0)
    depth = sum(1 for _ in caller.chain())
    if depth > MAX_DEPTH or count >= MAX_SUMMARIES or run.budget <= 0:
        return None
    run.summary_counts[data.node] = count + 1
    run.budget -= 1
    run.summaries[key] = None  # a recursive call is unknown
    run.ran.add(data.node)
    summary = run.summaries[key] = _execute(run, call_node, data, parameters, tracing, hot)
    return summary


def _execute(
    run: Run,
    call_node: ast.AST,
    data: FunctionData,
    parameters: Mapping[str, Value],
    tracing: tuple[bool, bool, bool],
    hot: bool,
) -> Summary:
    caller = run.frame
    abstract, constants_traced, concrete = tracing
    frame = Frame(
        data.node,
        data.name,
        Environment(data.environment, State({}, {})),
        caller,
        call_node,
        data.transformations,
        abstract,
        constants_traced,
        concrete,
        hot,
        caller.depth + 1,
    )
    run.events.contexts.setdefault(data.node, []).append(frame)
    stand_ins: dict[str, Value] = {}
    run.frame = frame
    for name, value in parameters.items():
        stand_ins[name] = frame.state.names[name] = key_calls.stand_in(run, data.node, name, value)
    if isinstance(data.node, ast.Lambda):
        value = run.evaluate(data.node.body)
        if not frame.state.dead:
            frame.leave(value)
    else:
        flow.run_body(run, data.node.body)
        if not frame.state.dead:
            frame.leave(NONE)
    finish(run, frame)
    run.frame = caller
    returned = frame.returned or NONE
    return Summary(returned, stand_ins, tuple(key_calls.outliving(frame, returned)), frame)


def finish(run: Run, frame: Frame) -> None:
    """Run what was defined or transformed in a frame and never called, while its names are there."""
    frame.state.dead = False
    frame.loops = ()
    for data in reversed(run.transformed_in(frame)):  # `jit(vmap(f))` before `vmap(f)`
        if not any((data.node, t.node) in run.called for t in data.transformations[-1:]):
            run_generic(run, data)
    for node, (data, made_in) in list(run.pending.items()):
        if made_in is frame:
            del run.pending[node]
            if node not in run.ran:
                run_generic(run, data)


def run_generic(run: Run, data: FunctionData) -> None:
    """Run a function that nobody is seen to call, with what its signature says of its arguments."""
    before = run.frame.state.copy()
    parameters, passed = generic_parameters(run, data)
    run_with(run, data.node, data, parameters, passed, generic=True)
    run.frame.state = before


# Telling calls apart


def signature(value: Value) -> object:
    """What tells two arguments apart for the body: equal signatures, equal runs."""
    items = items_of(value)
    if items is not None:
        return (value.kind, tuple(signature(item) for item in items))
    entries = entries_of(value)
    if entries is not None:
        return (value.kind, tuple((key, signature(item)) for key, item in entries.items()))
    function = function_of(value)
    if function is not None:
        return (function.node, function.environment, function.transformations, function.bound)
    data = value.data
    if isinstance(data, tuple):
        parts = cast("tuple[object, ...]", data)  # what an iterator yields: see `calls.item_of`
        data = tuple(signature(part) if isinstance(part, Value) else part for part in parts)
    elif not isinstance(data, (str, int, float, bool, bytes, type(None))):
        data = id(data)  # of a class or of facts, which outlive the interpretation
    return (value.kind, value.traced, value.concrete, type(value.data).__name__, data)


def _captured(run: Run, data: FunctionData) -> tuple[object, ...]:
    """What a closure finds around it now."""
    if data.environment is None:
        return ()
    found: list[object] = [data.environment]
    for name in run.free_names(data.node):
        environment: Environment | None = data.environment
        while environment is not None:
            value = environment.state.names.get(name)
            if value is not None:
                found.append((name, signature(value), value.tokens))
                break
            environment = environment.parent
    return tuple(found)


def origin_of(data: FunctionData, name: str) -> Origin:
    """The parameter of a function as the origin of a tracer."""
    for argument in all_arguments(data.node.args):
        if argument.arg == name:
            return Origin(name, argument)
    return Origin(name, data.node)

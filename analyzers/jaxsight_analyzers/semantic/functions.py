"""Calls of functions of this file: the body runs with its parameters, and effects come back.

A body is run once for each different way in which it is called. What a run does to its caller is
a `Summary`: the value it returns and the keys it uses up, in terms of stand-ins for the arguments.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.semantic import (
    activations,
    applications,
    avals,
    binding,
    callees,
    compilations,
    donations,
    effects,
    flow,
    initialised,
    key_calls,
    limits,
    linen_needs,
    makers,
    members,
    memo,
    origins,
    passing,
    shape_annotations,
    transformed,
)
from jaxsight_analyzers.semantic.contexts import Frame, Summary
from jaxsight_analyzers.semantic.events import DerivativeSeen
from jaxsight_analyzers.semantic.run import MAX_DEPTH, MAX_SUMMARIES, Run
from jaxsight_analyzers.semantic.scopes import ClassScope
from jaxsight_analyzers.semantic.signatures import captured, is_portable, signature, site
from jaxsight_analyzers.semantic.states import Environment, State
from jaxsight_analyzers.semantic.tasks import Activation, Way
from jaxsight_analyzers.semantic.values import NEVER, NONE, UNKNOWN, FunctionData, Kind, Value

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments


def call(run: Run, node: ast.AST, data: FunctionData, arguments: Arguments) -> Value:
    """Call a function of this file with evaluated arguments."""
    if data.transformations and not run.frame.state.dead:
        passing.note(run, node, data, arguments)
        passing.note_differentiated(run, node, data, arguments)
        passing.note_unsplit(run, data, arguments)
    parameters, passed = binding.bind(run, data, arguments)
    shape_annotations.note_arguments(run, data, arguments)
    if not data.transformations or not data.transformations[-1].donated:
        return run_with(run, node, data, parameters, passed)
    kept = donations.known_arrays(parameters)
    returned = run_with(run, node, data, parameters, passed, kept=kept)
    donations.note(run, node, data, arguments, returned)
    return returned


def run_with(
    run: Run,
    node: ast.AST,
    data: FunctionData,
    parameters: dict[str, Value],
    passed: frozenset[str],
    generic: bool = False,
    kept: frozenset[str] = frozenset(),
) -> Value:
    """Run a function with values for its parameters and apply what that does to the caller.

    `kept` are the parameters that the body knows by their dtype and shape.
    """
    for transformation in data.transformations:
        run.task.note_called((data.scope, site(transformation)))
    if data.transformations and run.guarded("untraced"):
        applied = tuple([t for t in data.transformations if not t.traces_constants])
        data = replace(data, transformations=applied)
    if not generic:  # what nobody is seen to call is made to be kept
        compilations.note_compilation(run, data)
        compilations.note_call(run, node, data)
    before = parameters
    for transformation in reversed(data.transformations):
        parameters = transformed.trace_parameters(
            run, data, transformation, parameters, passed, generic
        )
    parameters = {
        name: avals.as_carried(value, before[name]) if name in kept else avals.without(value)
        for name, value in parameters.items()
    }
    summary = _summary(run, node, data, parameters)
    if summary is None:
        return UNKNOWN
    if summary.returned is NEVER:
        run.frame.state.dead = run.frame.stopped = True
        return UNKNOWN
    return _come_back(run, node, data, summary, before, generic)


def _come_back(
    run: Run,
    node: ast.AST,
    data: FunctionData,
    summary: Summary,
    given: dict[str, Value],
    generic: bool,
) -> Value:
    """Apply to the caller what a run of a function did; `given` is what it was called with."""
    returned = key_calls.apply(run, node, data, summary, given)
    if summary.needs and not generic and not any(t.facts.provides for t in data.transformations):
        linen_needs.come_back(run, summary)
    if summary.donated:
        donations.hand_on(run, node, data, summary.donated, given)
    returned = makers.forgotten(origins.for_caller(returned, summary, given))
    for transformation in data.transformations:
        if transformation.mode == "concrete":
            seen = DerivativeSeen(
                transformation.node,
                node,
                data,
                transformation,
                returned,
                given,
                generic,
                run.guards,
                run.frame.is_test,
                _is_mapped(run, data),
            )
            run.events.derivatives.append(seen)
        returned = transformed.result(run, data, transformation, returned, given)
    effects.come_back(run, node, data, summary, returned)
    return UNKNOWN if data.veiled else returned


def _is_mapped(run: Run, data: FunctionData) -> bool:
    """Whether a function runs for each row of something: `jax.vmap(jax.grad(f))`."""
    applied = [t for frame in run.frame.chain() for t in frame.transformations]
    found = (*data.transformations, *applied)
    return "map" in run.frame.tracer or any("map" in t.qualified for t in found)


# Running


def _summary(
    run: Run, call_node: ast.AST, data: FunctionData, parameters: dict[str, Value]
) -> Summary | None:
    way = activations.way_of(run.frame, data)
    known = tuple([signature(value) for value in parameters.values()])
    if data.environment is None and all(is_portable(v) for v in parameters.values()):
        activation = activations.find(run, data, parameters, way, known)
        return memo.demand(run, activation, call_node, parameters)
    return _inline(run, call_node, data, parameters, way, known)


def _inline(
    run: Run,
    call_node: ast.AST,
    data: FunctionData,
    parameters: dict[str, Value],
    way: Way,
    known: tuple[object, ...],
) -> Summary | None:
    """Run a closure, or what is given one, as a part of what runs now."""
    task, scope = run.task, data.scope
    run.depend(scope)
    key = (scope, known, way, captured(run, data))
    if key in task.inline:
        return task.inline[key]
    count = task.inline_counts.get(data.node, 0)
    depth = sum(1 for _ in run.frame.chain())
    own = run.is_own(task)
    is_spent = run.budget.is_spent(own=own)
    if depth > MAX_DEPTH or count >= MAX_SUMMARIES or is_spent:
        if is_spent:
            limits.note_budget(run, scope)
        else:
            limits.note(run, "depth" if depth > MAX_DEPTH else "closures", scope.node)
        return None
    task.inline_counts[data.node] = count + 1
    task.spent += 1
    run.budget.spend(own=own)
    task.inline[key] = None  # a recursive call is unknown
    frame = _frame(
        data,
        run.frame,
        call_node,
        way._replace(guards=tuple([guard for guard in way.guards if guard in _OF_THE_FUNCTION])),
    )
    summary = task.inline[key] = _execute(run, data, parameters, frame)
    return summary


_OF_THE_FUNCTION = ("cached", "model", "gibbs", "chains", "handled", "chexified")
"""What guards a function's own run. The others are those of the frames that it is called from."""


def execute(run: Run, activation: Activation) -> Summary:
    """Run a function on its own: without a caller, with what is known of its arguments."""
    data = activation.data

    def work() -> Summary:
        run.depend(data.scope)
        run.depend(data.scope.head)
        return _execute(run, data, activation.parameters, frame)

    frame = _frame(data, None, data.node, activation.way)
    frame.task = activation
    return run.perform(activation, frame, work)


def _frame(
    data: FunctionData,
    caller: Frame | None,
    call_node: ast.AST,
    way: Way,
) -> Frame:
    abstract, constants_traced, concrete = way.tracing
    return Frame(
        data.node,
        data.name,
        Environment(data.environment, State({}, {}), data.scope),
        caller,
        call_node,
        data.transformations,
        abstract,
        constants_traced,
        concrete,
        way.hot,
        0 if caller is None else caller.depth + 1,
        data.scope.home,
        guards=way.guards,
        tracer=way.tracer,
        compiled=way.compiled,
    )


def _execute(
    run: Run, data: FunctionData, parameters: Mapping[str, Value], frame: Frame
) -> Summary:
    task, before = run.task, run.frame
    task.note_covered(data.scope)
    task.ran.add(data.node)
    task.events.contexts.setdefault(data.node, []).append(frame.effects)
    stand_ins: dict[str, Value] = {}
    run.frame = frame
    for name, value in parameters.items():
        if frame.caller is None and (value.origin is not None or value.traced):
            # Whose it is the caller knows.
            value = origins.with_origin(value, binding.origin_of(data, name))
        stand_ins[name] = frame.state.names[name] = key_calls.stand_in(run, data.node, name, value)
    frame.arguments = stand_ins
    effects.enter(run, frame)
    for transformation in data.transformations:
        if transformation.facts.reverse:
            frame.differentiated = origins.differentiated(data, transformation, stand_ins)
    if data.transformations and data.scope.owner is not None:
        applications.note_method(run, data)
    if isinstance(data.node, ast.Lambda):
        value = run.evaluate(data.node.body)
        if not frame.state.dead:
            frame.leave(value)
    else:
        if isinstance(data.node, ast.AsyncFunctionDef):
            callees.note_suspended(run, frame, "async")
        flow.run_body(run, data.node.body)
        if not frame.state.dead:
            frame.leave(NONE if frame.returned else initialised.instance(run, data, frame))
    finish(run, frame)
    run.frame = before
    returned = frame.returned or (NEVER if frame.stopped else NONE)
    if returned.kind is Kind.STATIC and data.scope.is_generator:
        returned = UNKNOWN
    consumed = tuple(key_calls.outliving(frame, returned))
    frame.environment.forget(lambda: run.names_inside(data.node))
    donated, needs = frame.donated, tuple((frame.needs or {}).values())
    return Summary(returned, stand_ins, consumed, frame.end(), donated, needs)


def finish(run: Run, frame: Frame) -> None:
    """Run what was defined or transformed in a frame and never called, while its names are there."""
    task = run.task
    frame.state.dead = False
    frame.loops = ()
    for data in reversed(run.transformed_in(frame)):  # `jit(vmap(f))` before `vmap(f)`
        if not any((data.scope, site(t)) in task.called for t in data.transformations[-1:]):
            run_generic(run, data)
    for node, (data, made_in) in list(task.pending.items()):
        if made_in is frame:
            del task.pending[node]
            if node not in task.ran:
                run_generic(run, data)
    for owner, made_in in list(task.nested_classes):
        if made_in is frame:
            task.nested_classes.remove((owner, made_in))
            for name, method in owner.methods.items():
                if method.node not in task.ran:
                    run_method(run, owner, name, frame.environment)


def run_method(
    run: Run, owner: ClassScope, name: str, environment: Environment | None = None
) -> None:
    """Run a method that nobody is seen to call."""
    run_generic(run, members.method_as_called(run, owner, name, environment))


def run_generic(run: Run, data: FunctionData) -> None:
    """Run a function that nobody is seen to call, with what its signature says of its arguments."""
    before = run.frame.state
    # `before` may be what the frame returned with: that stays as it is.
    run.frame.state = before.copy()
    parameters, passed = binding.generic(run, data)
    run_with(run, data.node, data, parameters, passed, generic=True)
    run.frame.state = before

"""Calls of functions of this file: arguments become parameters, the body runs, effects come back.

A body is run once for each different way in which it is called. What a run does to its caller is
a `Summary`: the value it returns and the keys it uses up, in terms of stand-ins for the arguments.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import (
    annotations,
    applications,
    avals,
    callees,
    compilations,
    decorators,
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
    optimisers,
    origins,
    passing,
    shape_annotations,
    transformations,
)
from jaxsight_analyzers.semantic.contexts import Frame, Summary
from jaxsight_analyzers.semantic.donated import without
from jaxsight_analyzers.semantic.events import DerivativeSeen
from jaxsight_analyzers.semantic.parameters import all_arguments, defaults_of
from jaxsight_analyzers.semantic.run import MAX_DEPTH, MAX_SUMMARIES, Run
from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionScope
from jaxsight_analyzers.semantic.signatures import (
    captured,
    is_portable,
    signature,
    signature_of_transformation,
    site,
    widened,
)
from jaxsight_analyzers.semantic.states import Environment, State
from jaxsight_analyzers.semantic.tasks import Activation, Way
from jaxsight_analyzers.semantic.values import (
    NEVER,
    NONE,
    STATIC,
    UNKNOWN,
    FunctionData,
    Kind,
    Origin,
    Value,
    constant,
    function_of,
    mapping,
    sequence,
    tracer,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments


def call(run: Run, node: ast.AST, data: FunctionData, arguments: Arguments) -> Value:
    """Call a function of this file with evaluated arguments."""
    if data.transformations and not run.frame.state.dead:
        passing.note(run, node, data, arguments)
        passing.note_differentiated(run, node, data, arguments)
        passing.note_unsplit(run, data, arguments)
    parameters, passed = bind(run, data, arguments)
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
        parameters = transformations.trace_parameters(
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
    returned = key_calls.apply(run, node, data, summary, before)
    if summary.needs and not generic and not any(t.facts.provides for t in data.transformations):
        linen_needs.come_back(run, summary)
    if summary.donated:
        donations.hand_on(run, node, data, summary.donated, before)
    returned = makers.forgotten(origins.for_caller(returned, summary, before))
    for transformation in data.transformations:
        if transformation.mode == "concrete":
            seen = DerivativeSeen(
                transformation.node,
                node,
                data,
                transformation,
                returned,
                before,
                generic,
                run.guards,
                run.frame.is_test,
                _is_mapped(run, data),
            )
            run.events.derivatives.append(seen)
        returned = transformations.result(run, data, transformation, returned, before)
    effects.come_back(run, node, data, summary, returned)
    return UNKNOWN if data.veiled else returned


def _is_mapped(run: Run, data: FunctionData) -> bool:
    """Whether a function runs for each row of something: `jax.vmap(jax.grad(f))`."""
    applied = [t for frame in run.frame.chain() for t in frame.transformations]
    found = (*data.transformations, *applied)
    return "map" in run.frame.tracer or any("map" in t.qualified for t in found)


def bind(
    run: Run, data: FunctionData, arguments: Arguments
) -> tuple[dict[str, Value], frozenset[str]]:
    """A value for each parameter, and the names of those that the caller passes."""
    run.depend(data.scope.head)
    signature, parameters = data.node.args, data.scope.parameters
    positional = parameters.positional
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
    known = parameters.defaults
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
        _fill_required(data.scope, values, arguments.hidden)
    passed = frozenset(values) - (skipped - set(arguments.keywords))
    _fill_defaults(run, data.scope, values, unknown=arguments.open)
    if run.has_donated:
        values = {name: without(value) for name, value in values.items()}
    return values, passed


def _fill_required(scope: FunctionScope, values: dict[str, Value], hidden: Value | None) -> None:
    """What `*args` and `**kwargs` hide goes to the parameters that have to be given."""
    known = hidden is not None and hidden.kind is Kind.TREE and hidden.traced is Certainty.YES
    value = tracer(Kind.TREE, hidden) if known and hidden is not None else UNKNOWN
    signature = scope.node.args
    gathered = [a.arg for a in (signature.vararg, signature.kwarg) if a is not None]
    for name, default in scope.parameters.defaults.items():
        if default is None and name not in gathered:
            values.setdefault(name, value)


def _fill_defaults(
    run: Run, scope: FunctionScope, values: dict[str, Value], *, unknown: bool
) -> None:
    """Defaults for the parameters that nobody passes; `unknown` where somebody may."""
    for name, default in scope.parameters.defaults.items():
        if name in values:
            continue
        if unknown or default is None:
            values[name] = UNKNOWN
        elif isinstance(default, ast.Constant):
            values[name] = constant(default.value)
        else:
            literal = isinstance(default, (ast.Tuple, ast.List, ast.Dict, ast.UnaryOp))
            known = None if literal else optimisers.of_default(run, scope.home, default)
            values[name] = STATIC if literal else known or UNKNOWN


def generic_parameters(run: Run, data: FunctionData) -> tuple[dict[str, Value], frozenset[str]]:
    """Values for the parameters of a function that nobody is seen to call."""
    run.depend(data.scope.head)
    values: dict[str, Value] = {}
    defaults = defaults_of(data.node.args)
    signature = data.node.args
    names = [a.arg for a in (*signature.posonlyargs, *signature.args)]
    if data.self_value is not None and names:
        values[names[0]] = data.self_value
    elif names and (owner := _owner(data)) is not None:
        values[names[0]] = Value(Kind.INSTANCE, data=owner)
    offset = 0 if data.self_value is None else 1
    values.update(zip(names[offset:], data.bound))
    values.update(dict(data.bound_names))
    bound = set(values)
    for argument in all_arguments(signature):
        if argument.arg in values:
            continue
        known = argument.annotation is not None and argument.arg not in defaults
        found = optimisers.of_default(run, data.scope.home, defaults.get(argument.arg))
        annotated = _as_annotated(run, data, argument) if known else UNKNOWN
        values[argument.arg] = found or annotated
    passed = frozenset(n for n in values if n not in bound and n not in defaults)
    return values, passed


def _as_annotated(run: Run, data: FunctionData, argument: ast.arg) -> Value:
    """A parameter as its annotation describes it; people annotate the references of a kernel as the arrays they hold."""
    assert argument.annotation is not None
    found = annotations.value_of(run, argument.annotation, argument.arg, argument, data.scope.home)
    if found is None:
        return UNKNOWN
    refers = found.kind is Kind.ARRAY and argument.arg in run.evidence(data.scope).references
    return UNKNOWN if refers else found


def _owner(data: FunctionData) -> ClassScope | None:
    """The class of whose instances a function taken from its class is a method."""
    if data.scope.owner is None or decorators.is_static(data.node):
        return None
    return data.scope.owner


# Running


def _summary(
    run: Run, call_node: ast.AST, data: FunctionData, parameters: dict[str, Value]
) -> Summary | None:
    way = _way(run.frame, data)
    known = tuple([signature(value) for value in parameters.values()])
    if data.environment is None and all(is_portable(v) for v in parameters.values()):
        activation = _activation(run, data, parameters, way, known)
        return memo.demand(run, activation, call_node, parameters)
    return _inline(run, call_node, data, parameters, way, known)


def _way(caller: Frame, data: FunctionData) -> Way:
    """How a function runs that is called from a frame."""
    tracing = transformations.tracing_of(caller, data.transformations)
    cached = decorators.is_cached(data.node)
    hot = (bool(caller.loops) or caller.hot) and not cached
    found = ["cached"] if cached and tracing else []
    found += [one.facts.marks for one in data.transformations if one.facts.marks is not None]
    frame: Frame | None = caller
    while frame is not None:
        if frame.guards:
            found += frame.guards
        if frame.name.startswith("test"):
            found.append("test")
        frame = frame.caller
    guards = tuple(sorted(set(found))) if found else ()
    applied = data.transformations
    compiled = caller.compiled or any(t.compiles for t in applied)
    return Way(tracing, _tracer(caller, data, tracing), hot, guards, compiled)


def _activation(
    run: Run,
    data: FunctionData,
    parameters: dict[str, Value],
    way: Way,
    known: tuple[object, ...],
) -> Activation:
    """The run of a function for one way of calling it; for many ways at once where there are too many."""
    applied = tuple([signature_of_transformation(t) for t in data.transformations])
    names = tuple(parameters)
    key = (data.scope, names, known, way, applied)
    if data.scope in run.widened:
        run.task.asked.add((data.scope, key))
        parameters = {name: widened(value) for name, value in parameters.items()}
        known = tuple([signature(value) for value in parameters.values()])
        key = (data.scope, names, known, way, applied)
    activation = run.memo.get(key)
    if activation is None:
        count = run.counts.get(data.scope, 0)
        if count >= run.most_ways(data.scope) and data.scope not in run.widened:
            run.widen(data.scope)  # does not return where other files share the run
            return _activation(run, data, parameters, way, known)
        run.counts[data.scope] = count + 1
        activation = run.memo[key] = Activation(key, data, parameters, way)
    return activation


def activation_of(
    run: Run, data: FunctionData, parameters: dict[str, Value], way: Way
) -> Activation | None:
    """The run of a function with these arguments, for a caller that is not here."""
    parameters = {name: avals.without(value) for name, value in parameters.items()}
    known = tuple([signature(value) for value in parameters.values()])
    return _activation(run, data, parameters, way, known)


def generic_activation(
    run: Run, instance: Value, owner: ClassScope, name: str
) -> Activation | None:
    """The run of a method of `owner` on an object, whoever calls it; None for a class that a function makes."""
    if owner.nested:
        return None
    before, run.frame = run.frame, owner.home.outside()
    data = replace(_method_as_called(run, owner, name, None), self_value=instance)
    parameters, passed = generic_parameters(run, data)
    for transformation in reversed(data.transformations):
        parameters = transformations.trace_parameters(
            run, data, transformation, parameters, passed, True
        )
    parameters = {name: avals.without(value) for name, value in parameters.items()}
    known = tuple([signature(value) for value in parameters.values()])
    portable = all(is_portable(v) for v in parameters.values())
    found = _activation(run, data, parameters, _way(run.frame, data), known) if portable else None
    run.frame = before
    return found


def _tracer(caller: Frame, data: FunctionData, tracing: tuple[bool, bool, bool]) -> str:
    """The transformation that makes the tracers of a body, by qualified name."""
    modes = ("abstract", "kernel", "closed") if tracing[0] else ("concrete",)
    applied = [t.qualified for t in data.transformations if t.mode in modes]
    applied = applied or [t.qualified for t in data.transformations if t.facts.samples]
    applied = applied or [t.qualified for t in data.transformations if t.mode == "model"]
    if applied:
        return applied[-1]
    host = any(t.mode == "host" for t in data.transformations)
    return "" if host else caller.tracer


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
            value = origins.with_origin(
                value, origin_of(data, name)
            )  # whose it is the caller knows
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
    run_generic(run, _method_as_called(run, owner, name, environment))


def _method_as_called(
    run: Run, owner: ClassScope, name: str, environment: Environment | None
) -> FunctionData:
    scope = owner.methods[name]
    instance = Value(Kind.INSTANCE, data=owner)
    value = members.member(run, instance, name)
    data = None if value is None else function_of(value)
    if data is None or data.scope is not scope:
        return FunctionData(scope, environment, instance, what="bound method")
    return data


def run_generic(run: Run, data: FunctionData) -> None:
    """Run a function that nobody is seen to call, with what its signature says of its arguments."""
    before = (
        run.frame.state
    )  # it may be what the frame returned with, so that another one is used up
    run.frame.state = before.copy()
    parameters, passed = generic_parameters(run, data)
    run_with(run, data.node, data, parameters, passed, generic=True)
    run.frame.state = before


def origin_of(data: FunctionData, name: str) -> Origin:
    """The parameter of a function as the origin of a tracer."""
    for argument in all_arguments(data.node.args):
        if argument.arg == name:
            return Origin(name, argument)
    return Origin(name, data.node)

"""Activations: which run of a function answers a call. Equal arguments, called in the same way, share one."""

from __future__ import annotations

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.semantic import avals, binding, decorators, members, transformed
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope
from jaxsight_analyzers.semantic.signatures import (
    is_portable,
    signature,
    signature_of_transformation,
    widened,
)
from jaxsight_analyzers.semantic.tasks import Activation, Way
from jaxsight_analyzers.semantic.values import FunctionData, Value


def way_of(caller: Frame, data: FunctionData) -> Way:
    """How a function runs that is called from a frame."""
    tracing = transformed.tracing_of(caller, data.transformations)
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


def find(
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
            return find(run, data, parameters, way, known)
        run.counts[data.scope] = count + 1
        activation = run.memo[key] = Activation(key, data, parameters, way)
    return activation


def of_incoming(
    run: Run, data: FunctionData, parameters: dict[str, Value], way: Way
) -> Activation | None:
    """The run of a function with these arguments, for a caller that is not here."""
    parameters = {name: avals.without(value) for name, value in parameters.items()}
    known = tuple([signature(value) for value in parameters.values()])
    return find(run, data, parameters, way, known)


def of_method(run: Run, instance: Value, owner: ClassScope, name: str) -> Activation | None:
    """The run of a method of `owner` on an object, whoever calls it; None for a class that a function makes."""
    if owner.nested:
        return None
    before, run.frame = run.frame, owner.home.outside()
    data = replace(members.method_as_called(run, owner, name, None), self_value=instance)
    parameters, passed = binding.generic(run, data)
    for transformation in reversed(data.transformations):
        parameters = transformed.trace_parameters(
            run, data, transformation, parameters, passed, True
        )
    parameters = {name: avals.without(value) for name, value in parameters.items()}
    known = tuple([signature(value) for value in parameters.values()])
    portable = all(is_portable(v) for v in parameters.values())
    found = find(run, data, parameters, way_of(run.frame, data), known) if portable else None
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

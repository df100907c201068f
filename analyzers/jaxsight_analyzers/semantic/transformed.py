"""Calls of transformed functions: what transformations make of arguments, bodies and results."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import (
    binding,
    expressions,
    optimiser_steps,
    plain,
    references,
    tracers,
)
from jaxsight_analyzers.semantic.contexts import Frame, Transformation
from jaxsight_analyzers.semantic.evidence import Evidence
from jaxsight_analyzers.semantic.parameters import names_others
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import items_of, sequence
from jaxsight_analyzers.semantic.values import (
    UNKNOWN,
    FunctionData,
    Kind,
    Origin,
    Value,
    or_none,
    some_of,
    with_data,
)


def tracing_of(caller: Frame, applied: Iterable[Transformation]) -> tuple[bool, bool, bool]:
    """(abstract, every result traced, concrete) in a body that these transformations run."""
    abstract, constants, concrete = caller.abstract, caller.constants_traced, caller.concrete
    for transformation in applied:
        if transformation.mode == "host":
            return False, False, False
        abstract = abstract or transformation.abstract
        constants = constants or transformation.traces_constants
        concrete = concrete or transformation.mode == "concrete"
        if transformation.facts.own_derivative:
            concrete = False
    return abstract, constants, concrete


def trace_parameters(
    run: Run,
    data: FunctionData,
    transformation: Transformation,
    parameters: dict[str, Value],
    passed: frozenset[str],
    generic: bool,
) -> dict[str, Value]:
    """What a transformation makes of the arguments before the body sees them."""
    mode = transformation.mode
    if mode in ("inherit", "model", "closed"):
        if transformation.facts.own_derivative:
            return {n: plain.with_own_derivative(run, value) for n, value in parameters.items()}
        return parameters
    if mode == "kernel":
        return references.of_kernel(data, transformation, parameters)
    signature = data.node.args
    positional = [a.arg for a in (*signature.posonlyargs, *signature.args)]
    later = _bound_later(data, transformation, positional)
    positional = positional[transformation.bound :]
    traced = dict(parameters)
    mixed = _mixed(signature, transformation)
    for name, value in parameters.items():
        if name in mixed:
            continue
        place = positional.index(name) if name in positional else None
        given = name in passed or name in later
        if not given or not _takes(transformation, name, place, positional):
            continue
        if mode == "host":
            traced[name] = tracers.on_host(value)
        else:
            origin = binding.origin_of(data, name)
            made = _traced_parameter(run, data, transformation, name, value, origin)
            rest = signature.kwarg is not None and name == signature.kwarg.arg
            traced[name] = tracers.but_for_bound(data, value, made) if rest else made
    return traced


def _bound_later(
    data: FunctionData, transformation: Transformation, positional: list[str]
) -> frozenset[str]:
    """The parameters that `partial(jit(f), x)` gives an argument, which goes through the transformation."""
    itself = int(data.self_value is not None)
    first = max(transformation.bound, itself)
    return frozenset(positional[first : itself + len(data.bound)])


def _mixed(signature: ast.arguments, transformation: Transformation) -> set[str]:
    """`*args` and `**kwargs` of which a part is static or not mapped: nothing is known of the rest."""
    chosen = {*transformation.static, *(transformation.unmapped or ())}
    mixed: set[str] = set()
    if signature.vararg and any(isinstance(one, int) for one in chosen):
        mixed.add(signature.vararg.arg)
    if signature.kwarg and any(isinstance(one, str) for one in chosen):
        mixed.add(signature.kwarg.arg)
    return mixed


def _takes(
    transformation: Transformation, name: str, place: int | None, positional: list[str]
) -> bool:
    """Whether the transformation traces the argument of that name and position."""
    static = transformation.static
    if name in static or (place is not None and place in static):
        return False
    if place is not None and place - len(positional) in static:
        return False
    if place is not None and place in (transformation.unmapped or ()):
        return False
    if transformation.mode == "concrete":
        chosen = transformation.differentiated
        if chosen is None:
            return False
        return not transformation.facts.differentiated or place in chosen
    return True


def _traced_parameter(
    run: Run,
    data: FunctionData,
    transformation: Transformation,
    name: str,
    value: Value,
    origin: Origin,
) -> Value:
    concrete = transformation.mode == "concrete"
    if concrete and not transformation.facts.differentiated and plain.is_whole(value):
        return value
    evidence = run.evidence(data.scope)
    if _passes_untraced(data, transformation, name, value, evidence):
        return value
    if name in evidence.references:
        return Value(Kind.REFERENCE, Certainty.YES, origin)
    trace = tracers.arrays_traced if transformation.filters else tracers.traced
    made = trace(value, origin, concrete)
    if made.kind is Kind.ARRAY and transformation.compiles and not concrete:
        return tracers.as_given(made, value, origin)
    if made.kind is Kind.TREE and name in evidence.arrays and name not in evidence.containers:
        known = some_of(made)
        array = Value(
            Kind.ARRAY, known.traced, known.origin, concrete=known.concrete, tokens=known.tokens
        )
        return or_none(array) if made.optional else array
    return made


def _passes_untraced(
    data: FunctionData, transformation: Transformation, name: str, value: Value, evidence: Evidence
) -> bool:
    """Whether an argument may be static, or an object that transformations leave alone."""
    kind = value.kind
    is_made = kind is Kind.UNKNOWN and isinstance(value.data, FunctionFacts)  # by a library's class
    if is_made or (kind is Kind.UNKNOWN and name in evidence.objects):
        return True
    signature = data.node.args
    unknown = transformation.static_unknown or transformation.unmapped is None
    unknown = unknown or names_others(signature, transformation.static)
    may_be_static = kind in (Kind.UNKNOWN, Kind.STATIC) or name in _varying(signature)
    if unknown and may_be_static:
        return True
    if transformation.filters and kind in (Kind.UNKNOWN, Kind.STATIC, Kind.INSTANCE):
        return True
    if not transformation.takes_modules:
        return False
    telling = name in evidence.arrays or name in evidence.containers
    is_module = kind is Kind.INSTANCE or (kind is Kind.UNKNOWN and not telling)
    return is_module or isinstance(value.data, FunctionFacts)


def _varying(arguments: ast.arguments) -> tuple[str, ...]:
    """The names of `*args` and `**kwargs`, each of which may be static."""
    return tuple([one.arg for one in (arguments.vararg, arguments.kwarg) if one is not None])


def result(
    run: Run,
    data: FunctionData,
    transformation: Transformation,
    value: Value,
    arguments: Mapping[str, Value],
) -> Value:
    """What the transformed function returns, when the function itself returns `value`."""
    mode = transformation.mode
    if transformation.qualified == "jax.custom_gradient":
        items = items_of(value)  # the function returns its value and the rule of its derivative
        return items[0] if items is not None and len(items) == 2 else UNKNOWN
    if mode in ("inherit", "model"):
        if transformation.facts.own_derivative:
            return plain.differentiable(run, value, tuple(arguments.values()))
        return value
    given = tuple(arguments.values())
    value = tracers.released(run, value, given, mapped=tracers.adds_an_axis(transformation.facts))
    name = transformation.qualified.rpartition(".")[2]
    derivative = expressions.jax_result(run, Kind.TREE, given)
    if transformation.facts.reverse:
        derivative = with_data(derivative, optimiser_steps.Gradient(data.name))
    if name in ("value_and_grad", "filter_value_and_grad"):
        made = _derivative(data, transformation, arguments, derivative)
        return _pair(sequence((value, made)))
    if name == "grad" and mode == "concrete" and transformation.has_aux is not None:
        made = _derivative(data, transformation, arguments, derivative)
        return _pair(sequence((made, _beside(value)))) if transformation.has_aux else made
    if mode == "concrete" or name in ("eval_shape", "make_jaxpr"):
        return derivative if mode == "concrete" else UNKNOWN
    if name.endswith("vmap") and value.kind is Kind.KEY:
        return Value(Kind.KEYS, value.traced, value.origin, tokens=value.tokens)
    return value


def _pair(made: Value) -> Value:
    items = items_of(made)
    return made if items is None else with_data(made, optimiser_steps.Pair(items))


def _derivative(
    data: FunctionData,
    transformation: Transformation,
    arguments: Mapping[str, Value],
    leaf: Value,
) -> Value:
    """Containers of derivatives: they have the structure of what these are taken by."""
    signature = data.node.args
    names = [a.arg for a in (*signature.posonlyargs, *signature.args)][transformation.bound :]
    chosen = transformation.differentiated or ()
    found = {
        i: tracers.like(arguments.get(names[i], UNKNOWN), leaf)
        for i in chosen
        if 0 <= i < len(names)
    }
    if transformation.derivatives is not None:
        return sequence([found.get(i, leaf) for i in transformation.derivatives])
    return next(iter(found.values())) if len(found) == 1 and len(chosen) == 1 else leaf


def _beside(value: Value) -> Value:
    """What a function returns beside its value, of which there is no derivative."""
    items = items_of(value)
    if items is not None and len(items) == 2:
        return items[1]
    return value if value.kind is Kind.TREE else UNKNOWN

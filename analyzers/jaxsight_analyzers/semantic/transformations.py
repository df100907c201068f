"""Transformations: how they are applied, what they make of arguments, bodies and results."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from jaxsight_analyzers.data import dataclass, replace
from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import (
    applications,
    axes,
    binding,
    callees,
    compilations,
    expressions,
    library,
    members,
    methods,
    optimiser_steps,
    plain,
    predictions,
    references,
    tracers,
)
from jaxsight_analyzers.semantic.arguments import Arguments
from jaxsight_analyzers.semantic.contexts import Frame, Transformation
from jaxsight_analyzers.semantic.parameters import names_others
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.values import (
    MISSING,
    UNKNOWN,
    FunctionData,
    Kind,
    Origin,
    Value,
    constant_of,
    function_of,
    items_of,
    or_none,
    qualified_of,
    sequence,
    some_of,
    with_data,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A transformation that waits for its function: `jax.jit(static_argnums=0)`, `partial(jit, ...)`."""

    qualified: str
    facts: FunctionFacts
    node: ast.AST
    arguments: Arguments


def pending(
    run: Run, node: ast.AST, qualified: str, facts: FunctionFacts, arguments: Arguments
) -> Value:
    """A transformation without its function yet."""
    return Value(Kind.CALLABLE, data=Pending(qualified, facts, node, arguments))


def complete(run: Run, node: ast.AST, waiting: Pending, target: Value) -> Value:
    """Give a waiting transformation its function."""
    given = waiting.arguments
    arguments = Arguments(
        (target, *given.positional),
        given.keywords,
        (_expression(node), *given.nodes),
        given.keyword_nodes,
    )
    return apply(run, waiting.node, waiting.qualified, waiting.facts, arguments)


def _expression(node: ast.AST) -> ast.expr:
    return node if isinstance(node, ast.expr) else ast.Constant(None)


def apply(
    run: Run, node: ast.AST, qualified: str, facts: FunctionFacts, arguments: Arguments
) -> Value:
    """`jit(f, ...)`: the function, transformed."""
    (parameter, mode), *others = facts.traces.items()
    found = arguments.get(facts, parameter)
    if found is None:
        return pending(run, node, qualified, facts, arguments)
    for other, its_mode in others:  # the guide of a model, the rules of a derivative
        _apply_to(run, node, qualified, facts, its_mode, arguments, other)
    target = found[1]
    if target.kind is Kind.CLASS:
        return _lift(run, node, qualified, facts, mode, arguments, target)
    if mode == "inherit" and facts.wraps:
        data = members.callable_of(run, target)
        if data is None:
            return target
        applications.note_wrapped(run, node, qualified, data)
        if facts.marks is not None:
            data = _apply_to(run, node, qualified, facts, mode, arguments, parameter) or data
        return Value(Kind.FUNCTION, data=replace(data, what=data.what or "wrapped"))
    made = _apply_to(run, node, qualified, facts, mode, arguments, parameter)
    if made is None:
        callees.note_no_function(run, node, facts, parameter, arguments, target)
        if facts.wraps:
            return target
        _apply_to_method(run, node, qualified, facts, mode, arguments, found[0])
        transformation = _transformation(run, node, qualified, facts, mode, arguments, 0)
        known = library.transformed(run, target, transformation)
        if known is not None:
            return known
    if facts.calls_as is not None and made is not None and mode == "model":
        return predictions.of_model(run, facts, made, arguments)
    if facts.calls_as is not None and made is None:
        return Value(Kind.CALLABLE, data=run.facts(facts.calls_as))
    if made is None:
        compiles = facts.when == "later" and qualified in ("jax.jit", "jax.pmap")
        return compilations.COMPILED if compiles else Value(Kind.CALLABLE)
    return Value(Kind.FUNCTION, data=made)


def _apply_to(
    run: Run,
    node: ast.AST,
    qualified: str,
    facts: FunctionFacts,
    mode: str,
    arguments: Arguments,
    parameter: str,
) -> FunctionData | None:
    """The function given for a parameter, transformed; None where it is not known."""
    found = arguments.get(facts, parameter)
    data = None if found is None else members.callable_of(run, found[1])
    if data is None:
        return None
    bound = len(data.bound) + (data.self_value is not None)
    transformation = _transformation(run, node, qualified, facts, mode, arguments, bound)
    kept: tuple[Value, ...] = ()
    if facts.variadic == "partial_args":  # of `nnx.jit_partial`
        kept = tuple(v for name, _, v in arguments.named(facts) if name == "partial_args")
    made = replace(
        data,
        transformations=(*data.transformations, transformation),
        bound=(*data.bound, *kept),
    )
    if not run.guarded("raises"):  # what is meant to fail is not run for its own sake
        run.note_transformed(made, run.frame)
    applications.note(run, made, transformation)
    return made


def _apply_to_method(
    run: Run,
    node: ast.AST,
    qualified: str,
    facts: FunctionFacts,
    mode: str,
    arguments: Arguments,
    target: ast.expr | None,
) -> None:
    """`jit(model.apply)`: what a library's method runs of this file runs transformed."""
    if not isinstance(target, ast.Attribute):
        return
    base = run.evaluate(target.value)
    known = methods.run_by(run, base, target.attr)
    if known is None:
        return
    method, data = known
    transformation = _transformation(run, node, qualified, facts, mode, arguments, 0)
    transformation = replace(
        transformation, has_aux=None
    )  # the method may return more than it runs
    if any(isinstance(one, int) for one in transformation.static):
        # they count the method's parameters, which only a module's `self` stands in for
        aligned = data.self_value is not None and len(method.positional) == 2
        transformation = replace(transformation, static_unknown=not aligned)
    made = replace(data, transformations=(*data.transformations, transformation))
    run.note_transformed(made, run.frame)


def _lift(
    run: Run,
    node: ast.AST,
    qualified: str,
    facts: FunctionFacts,
    mode: str,
    arguments: Arguments,
    target: Value,
) -> Value:
    """`nn.remat(Block)`: a class whose `__call__` runs transformed."""
    if mode == "inherit" or not facts.lifts:
        return target if facts.wraps else Value(Kind.CALLABLE)
    method = members.member(run, Value(Kind.INSTANCE, data=target.data), "__call__")
    data = None if method is None else function_of(method)
    if data is not None:
        transformation = _transformation(run, node, qualified, facts, mode, arguments, 1)
        made = replace(data, transformations=(*data.transformations, transformation))
        run.note_transformed(made, run.frame)
    return target if not facts.repeats else Value(Kind.CALLABLE)


def partial(run: Run, node: ast.AST, arguments: Arguments) -> Value:
    """`functools.partial(f, ...)`, also of a transformation that waits for its function."""
    if not arguments.positional:
        return UNKNOWN
    target, *bound = arguments.positional
    rest = replace(arguments, positional=tuple(bound), nodes=arguments.nodes[1:])
    qualified = qualified_of(target)
    facts = run.facts(qualified)
    if qualified is not None and facts is not None and facts.transforms:
        return pending(run, node, qualified, facts, rest)
    if isinstance(target.data, Pending):
        waiting = target.data
        given = waiting.arguments.followed_by(rest)
        return pending(run, waiting.node, waiting.qualified, waiting.facts, given)
    data = members.callable_of(run, target)
    if data is None:
        return library.partial(run, target, rest) or Value(Kind.CALLABLE)
    made = replace(
        data,
        bound=(*data.bound, *bound),
        bound_names=(*data.bound_names, *arguments.keywords.items()),
        what="partial",
        made_in=run.frame.mark,
        passes=run.frame.loops,
    )
    return Value(Kind.FUNCTION, data=made)


def _transformation(
    run: Run,
    node: ast.AST,
    qualified: str,
    facts: FunctionFacts,
    mode: str,
    arguments: Arguments,
    bound: int,
) -> Transformation:
    static = _names_and_numbers(arguments, facts, facts.static.argnums, facts.static.argnames)
    donated = _names_and_numbers(arguments, facts, facts.donate.argnums, facts.donate.argnames)
    return Transformation(
        facts.name,
        facts,
        mode,
        node,
        static=static or frozenset(),
        static_unknown=static is None or arguments.open,
        donated=donated or frozenset(),
        differentiated=_differentiated(arguments, facts),
        derivatives=_derivatives(arguments, facts),
        has_aux=_has_aux(arguments, facts),
        unmapped=_unmapped(arguments, facts),
        axes=axes.bound_by(facts, arguments),
        bound=bound,
        passes=run.frame.loops,
        applied_in=run.frame.mark,
    )


def _names_and_numbers(
    arguments: Arguments, facts: FunctionFacts, *parameters: str | None
) -> frozenset[str | int] | None:
    """The arguments that `static_argnums=(0, 1)`, `static_argnames="n"` mean; None if not known."""
    found: set[str | int] = set()
    for parameter in parameters:
        argument = None if parameter is None else arguments.get(facts, parameter)
        if argument is None:
            continue
        values = _constants(argument[1])
        if values is None:
            return None
        found.update(value for value in values if isinstance(value, (str, int)))
    return frozenset(found)


def _constants(value: Value) -> list[object] | None:
    items = items_of(value)
    if items is not None:
        inside = [constant_of(item) for item in items]
        return None if MISSING in inside else inside
    only = constant_of(value)
    if only is MISSING:
        return None
    return [] if only is None else [only]


def _differentiated(arguments: Arguments, facts: FunctionFacts) -> frozenset[int] | None:
    if facts.differentiated is None:
        return frozenset()
    argument = arguments.get(facts, facts.differentiated)
    if argument is None:
        return frozenset((0,))
    values = _constants(argument[1])
    return None if values is None else frozenset(v for v in values if isinstance(v, int))


def _derivatives(arguments: Arguments, facts: FunctionFacts) -> tuple[int, ...] | None:
    argument = arguments.get(facts, facts.differentiated) if facts.differentiated else None
    items = None if argument is None else items_of(argument[1])
    numbers = [constant_of(item) for item in items or ()]
    return None if items is None else tuple([n if isinstance(n, int) else -1 for n in numbers])


def _has_aux(arguments: Arguments, facts: FunctionFacts) -> bool | None:
    argument = arguments.get(facts, "has_aux")
    known = False if argument is None else constant_of(argument[1])
    return known if isinstance(known, bool) and not arguments.open else None


def _unmapped(arguments: Arguments, facts: FunctionFacts) -> frozenset[int] | None:
    """The arguments that a body gets as they are, for want of an axis; None where that is not known."""
    if facts.donate.argnums is not None:
        return frozenset()  # `pmap` compiles: it makes tracers of those, too
    argument = None if facts.mapped is None else arguments.get(facts, facts.mapped)
    if argument is None or isinstance(constant_of(argument[1]), int):
        return frozenset()
    items = items_of(argument[1])
    if items is None:  # one `PartitionSpec` for all, most often
        return frozenset() if facts.mapped == "in_specs" else None
    return frozenset(i for i, item in enumerate(items) if constant_of(item) is None)


# Tracing


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
    telling = name in evidence.arrays or name in evidence.containers
    unknown = transformation.static_unknown or transformation.unmapped is None
    unknown = unknown or names_others(data.node.args, transformation.static)
    if unknown and value.kind in (Kind.UNKNOWN, Kind.STATIC):
        return value
    if name in _varying(data.node.args) and unknown:
        return value  # each of them may be static
    if value.kind is Kind.UNKNOWN and isinstance(value.data, FunctionFacts):
        return value  # what a library's class makes
    if transformation.filters and value.kind in (Kind.UNKNOWN, Kind.STATIC, Kind.INSTANCE):
        return value
    if transformation.takes_modules and (
        value.kind is Kind.INSTANCE
        or (value.kind is Kind.UNKNOWN and not telling)
        or isinstance(value.data, FunctionFacts)
    ):
        return value
    if value.kind is Kind.UNKNOWN and name in evidence.objects:
        return value
    if name in evidence.references:
        return Value(Kind.REFERENCE, Certainty.YES, origin)
    made = tracers.traced(value, origin, concrete)
    if made.kind is Kind.ARRAY and transformation.compiles and not concrete:
        return tracers.as_given(made, value, origin)
    if made.kind is Kind.TREE and name in evidence.arrays and name not in evidence.containers:
        known = some_of(made)
        array = Value(
            Kind.ARRAY, known.traced, known.origin, concrete=known.concrete, tokens=known.tokens
        )
        return or_none(array) if made.optional else array
    return made


def _varying(arguments: ast.arguments) -> tuple[str, ...]:
    """The names of `*args` and `**kwargs`."""
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

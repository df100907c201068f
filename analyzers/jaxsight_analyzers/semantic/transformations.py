"""Transformations: how they are applied to functions and classes, and what is read off their arguments."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.data import dataclass, replace
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import (
    applications,
    axes,
    callees,
    compilations,
    library,
    members,
    methods,
    predictions,
)
from jaxsight_analyzers.semantic.arguments import Arguments
from jaxsight_analyzers.semantic.contexts import Transformation
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import items_of
from jaxsight_analyzers.semantic.values import (
    MISSING,
    UNKNOWN,
    FunctionData,
    Kind,
    Value,
    constant_of,
    function_of,
    qualified_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call of a transformation; one without its function waits for it: `jax.jit(static_argnums=0)`."""

    qualified: str
    facts: FunctionFacts
    node: ast.AST
    arguments: Arguments

    def get(self, parameter: str) -> tuple[ast.expr | None, Value] | None:
        """The argument for a parameter."""
        return self.arguments.get(self.facts, parameter)


def complete(run: Run, node: ast.AST, waiting: Call, target: Value) -> Value:
    """Give a transformation the function that it waits for."""
    given = waiting.arguments
    arguments = Arguments(
        (target, *given.positional),
        given.keywords,
        (_expression(node), *given.nodes),
        given.keyword_nodes,
    )
    return _apply(run, replace(waiting, arguments=arguments))


def _expression(node: ast.AST) -> ast.expr:
    return node if isinstance(node, ast.expr) else ast.Constant(None)


def apply(
    run: Run, node: ast.AST, qualified: str, facts: FunctionFacts, arguments: Arguments
) -> Value:
    """`jit(f, ...)`: the function, transformed."""
    return _apply(run, Call(qualified, facts, node, arguments))


def _apply(run: Run, call: Call) -> Value:
    facts = call.facts
    (parameter, mode), *others = facts.traces.items()
    found = call.get(parameter)
    if found is None:
        return Value(Kind.CALLABLE, data=call)
    if facts.traces_if is not None:
        switch = call.arguments.keywords.get(facts.traces_if)
        if call.arguments.open or (switch is not None and constant_of(switch) is not True):
            return UNKNOWN
    for other, its_mode in others:  # the guide of a model, the rules of a derivative
        _apply_to(run, call, its_mode, other)
    node, target = found
    if target.kind is Kind.CLASS:
        return _lift(run, call, mode, target)
    if mode == "inherit" and facts.wraps:
        data = members.callable_of(run, target)
        if data is None:
            return target
        applications.note_wrapped(run, call.node, call.qualified, data)
        if facts.marks is not None:
            data = _apply_to(run, call, mode, parameter) or data
        return Value(Kind.FUNCTION, data=replace(data, what=data.what or "wrapped"))
    made = _apply_to(run, call, mode, parameter)
    if made is None:
        callees.note_no_function(run, call.node, facts, parameter, call.arguments, target)
        if facts.wraps:
            return target
        _apply_to_method(run, call, mode, node)
        return _of_unknown(run, call, mode, target)
    if facts.calls_as is not None and mode == "model":
        return predictions.of_model(run, facts, made, call.arguments)
    return Value(Kind.FUNCTION, data=made)


def _apply_to(run: Run, call: Call, mode: str, parameter: str) -> FunctionData | None:
    """The function given for a parameter, transformed; None where it is not known."""
    found = call.get(parameter)
    data = None if found is None else members.callable_of(run, found[1])
    if data is None:
        return None
    bound = len(data.bound) + (data.self_value is not None)
    transformation = _transformation(run, call, mode, bound)
    kept: tuple[Value, ...] = ()
    if call.facts.variadic == "partial_args":  # of `nnx.jit_partial`
        named = call.arguments.named(call.facts)
        kept = tuple(value for name, _, value in named if name == "partial_args")
    made = replace(
        data,
        transformations=(*data.transformations, transformation),
        bound=(*data.bound, *kept),
    )
    if not run.guarded("raises"):  # what is meant to fail is not run for its own sake
        run.note_transformed(made, run.frame)
    applications.note(run, made, transformation)
    return made


def _apply_to_method(run: Run, call: Call, mode: str, target: ast.expr | None) -> None:
    """`jit(model.apply)`: what a library's method runs of this file runs transformed."""
    if not isinstance(target, ast.Attribute):
        return
    base = run.evaluate(target.value)
    known = methods.run_by(run, base, target.attr)
    if known is None:
        return
    method, data = known
    # The method may return more than it runs.
    transformation = replace(_transformation(run, call, mode, 0), has_aux=None)
    if any(isinstance(one, int) for one in transformation.static):
        # they count the method's parameters, which only a module's `self` stands in for
        aligned = data.self_value is not None and len(method.positional) == 2
        transformation = replace(transformation, static_unknown=not aligned)
    made = replace(data, transformations=(*data.transformations, transformation))
    run.note_transformed(made, run.frame)


def _of_unknown(run: Run, call: Call, mode: str, target: Value) -> Value:
    """What is transformed where that is no function of this file."""
    known = library.transformed(run, target, _transformation(run, call, mode, 0))
    if known is not None:
        return known
    facts = call.facts
    if facts.calls_as is not None:
        return Value(Kind.CALLABLE, data=run.facts(facts.calls_as))
    compiles = facts.when == "later" and call.qualified in ("jax.jit", "jax.pmap")
    return compilations.COMPILED if compiles else Value(Kind.CALLABLE)


def _lift(run: Run, call: Call, mode: str, target: Value) -> Value:
    """`nn.remat(Block)`: a class whose `__call__` runs transformed."""
    facts = call.facts
    if mode == "inherit" or not facts.lifts:
        return target if facts.wraps else Value(Kind.CALLABLE)
    method = members.member(run, Value(Kind.INSTANCE, data=target.data), "__call__")
    data = None if method is None else function_of(method)
    if data is not None:
        transformation = _transformation(run, call, mode, 1)
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
        return Value(Kind.CALLABLE, data=Call(qualified, facts, node, rest))
    if isinstance(target.data, Call):
        waiting = target.data
        given = waiting.arguments.followed_by(rest)
        return Value(Kind.CALLABLE, data=replace(waiting, arguments=given))
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


def _transformation(run: Run, call: Call, mode: str, bound: int) -> Transformation:
    arguments, facts = call.arguments, call.facts
    static = _names_and_numbers(arguments, facts, facts.static.argnums, facts.static.argnames)
    donated = _names_and_numbers(arguments, facts, facts.donate.argnums, facts.donate.argnames)
    return Transformation(
        facts.name,
        facts,
        mode,
        call.node,
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

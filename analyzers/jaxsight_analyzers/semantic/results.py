"""What calls of a library's functions return, from what is known of them."""

from __future__ import annotations

import ast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import (
    axes,
    checkpoints,
    equinox_modules,
    expressions,
    key_uses,
    library,
    makers,
    nnx_modules,
    optimisers,
    plain,
    schedules,
)
from jaxsight_analyzers.semantic.arguments import Arguments
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.values import (
    CALLABLE,
    HOST,
    NONE,
    STATIC,
    UNKNOWN,
    Kind,
    Value,
    most_traced,
    tracer,
)

_REARRANGING = (
    "builtins.",
    "functools.",
    "itertools.",
    "operator.",
    "copy.",
    "jax.tree.",
    "jax.tree_util.",
)
"""Modules whose functions hand on what they are given, and make no arrays."""

_SCHEDULE = "optax.schedules.Schedule()"
_ALIKE = {"static": STATIC, "host-array": HOST, "none": NONE}


def of_library(
    run: Run, node: ast.expr, qualified: str, facts: FunctionFacts, arguments: Arguments
) -> Value:
    """What a library's function returns."""
    if facts.returns_like is not None:
        return Value(Kind.IMPORTED, data=facts.returns_like)
    if facts.within is not None:
        return Value(Kind.UNKNOWN, data=facts)
    returns = facts.returns
    if returns == "array":
        return _array(run, node, facts, arguments)
    if returns in ("key", "keys"):
        return key_uses.made(run, node, facts, arguments)
    if returns in _ALIKE:
        return _ALIKE[returns]
    if returns == "pytree":
        return _tree(run, qualified, facts, arguments)
    if returns == "same":
        return _same(run, qualified, facts, arguments)
    if facts.optimiser is not None:
        return optimisers.made(run, node, facts, arguments)
    if facts.checkpointer is not None:
        return checkpoints.made(run, node, facts, arguments)
    if returns == "callable":
        return _callable(run, node, facts, arguments)
    if facts.kind == "type" and (facts.specific or facts.instance_of):
        return nnx_modules.variable(run, facts, arguments) or axes.mesh(facts, arguments)
    return unknown(run, node)


def unknown(run: Run, node: ast.AST) -> Value:
    """What a call of something unknown returns: anything, for instance a key."""
    return Value(Kind.UNKNOWN, tokens=run.new_key("", node))


def _array(run: Run, node: ast.expr, facts: FunctionFacts, arguments: Arguments) -> Value:
    values = arguments.values()
    made = expressions.jax_result(run, Kind.ARRAY, values)
    if facts.observed is not None:
        return library.drawn(run, node, facts, arguments, made)
    made = plain.plainly(run, made, facts.plain, values)
    return made if arguments.open else makers.made(run, node, facts, values, made)


def _tree(run: Run, qualified: str, facts: FunctionFacts, arguments: Arguments) -> Value:
    """A container: of arrays, or of what the function was given."""
    if facts.replaces is not None:
        changed = equinox_modules.changed(run, facts, arguments)
        if changed is not None:
            return changed
    values = arguments.values()
    return plain.plainly(run, _container(run, qualified, values), facts.plain, values)


def _container(run: Run, qualified: str, values: tuple[Value, ...]) -> Value:
    if qualified.startswith(_REARRANGING):
        most = most_traced(values)
        if most.traced is Certainty.NO:
            return UNKNOWN
        return Value(Kind.TREE, most.traced, most.origin, concrete=most.concrete)
    return expressions.jax_result(run, Kind.TREE, values)


def _same(run: Run, qualified: str, facts: FunctionFacts, arguments: Arguments) -> Value:
    """What is as the arguments are."""
    values = arguments.values()
    if facts.plain == "axis" and values and values[0].kind is Kind.STATIC:
        return STATIC  # `psum(1, "batch")` counts
    return plain.plainly(run, _like_arguments(qualified, values), facts.plain, values)


def _like_arguments(qualified: str, values: tuple[Value, ...]) -> Value:
    most = most_traced(values)
    if most.traced is not Certainty.NO:
        return tracer(
            Kind.ARRAY if most.kind is not Kind.TREE or "numpy" in qualified else Kind.TREE, most
        )
    if values and all(value.kind is Kind.STATIC for value in values):
        return STATIC
    if qualified.startswith("numpy."):
        return HOST
    return values[0] if values and values[0].kind in (Kind.ARRAY, Kind.HOST) else UNKNOWN


def _callable(run: Run, node: ast.expr, facts: FunctionFacts, arguments: Arguments) -> Value:
    if facts.calls_as == _SCHEDULE:
        return schedules.made(run, node, facts, arguments)
    made = None if facts.calls_as is None else run.facts(facts.calls_as)
    return CALLABLE if made is None else Value(Kind.CALLABLE, data=made)

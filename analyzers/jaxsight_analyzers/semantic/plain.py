"""Results that are plain arrays where tracers are about, and functions that see arrays for that reason.

Which functions make them is in the tables: `FunctionFacts.plain`, measured with JAX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import Plain
from jaxsight_analyzers.semantic import expressions
from jaxsight_analyzers.semantic.structures import rebuilt
from jaxsight_analyzers.semantic.values import STATIC, Kind, Value, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.run import Run

_MAYBE_ARRAYS = (Kind.ARRAY, Kind.TREE, Kind.KEY, Kind.KEYS, Kind.UNKNOWN)


def plainly(run: Run, value: Value, plain: Plain | None, arguments: tuple[Value, ...]) -> Value:
    """A result of what may make a plain array where tracers are about: see `FunctionFacts.plain`."""
    if plain is None or value.traced is Certainty.NO:
        return value
    if run.frame.constants_traced:
        if plain == "unchanged" and _hands_back(arguments):
            return Value(value.kind, Certainty.MAYBE, value.origin)
        if plain == "axis" and run.frame.eager:
            return Value(value.kind, Certainty.YES, value.origin, concrete=True)
        return value
    if plain == "value" or (plain == "derivative" and value.concrete):
        return Value(value.kind, tokens=value.tokens)
    if plain == "axis":
        return Value(value.kind, Certainty.MAYBE, value.origin, concrete=value.concrete)
    return value


def _hands_back(arguments: tuple[Value, ...]) -> bool:
    """Whether a function that changes nothing may have an array to hand back that is no tracer."""
    first = arguments[0] if arguments else STATIC
    return first.traced is not Certainty.YES and first.kind in _MAYBE_ARRAYS


def with_own_derivative(run: Run, value: Value) -> Value:
    """What a function with rules for its derivative gets under plain `grad`: arrays."""
    if value.traced is Certainty.NO:
        return value
    made = rebuilt(value, lambda part: with_own_derivative(run, part))
    if made is not None:
        return made
    return plainly(run, value, "derivative", ())


def differentiable(run: Run, value: Value, given: tuple[Value, ...]) -> Value:
    """What a function with rules for its derivative hands to its caller: traced as its arguments are."""
    made = rebuilt(value, lambda part: differentiable(run, part, given))
    if made is not None:
        return made
    if value.kind not in (Kind.ARRAY, Kind.TREE) or value.traced is not Certainty.NO:
        return value
    return expressions.jax_result(run, value.kind, given)


def is_whole(value: Value) -> bool:
    """Whether a value is an integer: `vjp(f, x, 3)` has no derivative by it."""
    return isinstance(constant_of(value), int)

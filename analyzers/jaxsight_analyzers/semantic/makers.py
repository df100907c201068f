"""Tracers that `jnp` makes of values that are none, and the places that need these values while tracing."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic.events import ArgumentSeen, StaticNeedSeen
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import rebuilt
from jaxsight_analyzers.semantic.values import STATIC, Kind, Origin, Value, is_made

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxsight_analyzers.knowledge.facts import FunctionFacts, MethodFacts

_MODULES = ("jax.numpy.", "jax.lax.")


def made(
    run: Run, node: ast.expr, facts: FunctionFacts, given: tuple[Value, ...], value: Value
) -> Value:
    """The result of a function of JAX; of what is no tracer it is one where constants are traced."""
    frame = run.frame
    if not frame.constants_traced or not given or not facts.name.startswith(_MODULES):
        return value
    if value.traced is not Certainty.YES or not isinstance(node, ast.Call) or frame.eager:
        return value
    calls: list[ast.AST] = [node]
    for one in given:
        if one.traced is not Certainty.NO:
            if not is_made(one):
                return value
            calls.extend(() if one.origin is None else one.origin.made)
    origin = Origin(facts.name, node, tuple(dict.fromkeys(calls)))
    return Value(value.kind, value.traced, origin, data=value.data)


def needed(run: Run, value: Value, node: ast.AST, by: str) -> bool:
    """Whether a place that needs a value while tracing is the fault of the `jnp` that made it; notes that."""
    if value.kind is not Kind.ARRAY or value.traced is not Certainty.YES or not is_made(value):
        return False
    if not run.frame.state.dead:
        event = StaticNeedSeen(value.origin.node, value, node, by, run.frame, run.guards)  # type: ignore[union-attr]
        run.events.static_needs.append(event)
    return True


def argument(
    run: Run, seen: ArgumentSeen, facts: FunctionFacts | MethodFacts, by: str
) -> ArgumentSeen:
    """An argument as it is seen: none that makes a call fail for the fault of the `jnp` that made it."""
    fails = facts.tracers == "fails" or seen.parameter in facts.static_parameters
    if fails and seen.parameter != "dtype" and needed(run, seen.value, seen.node, by):
        return seen._replace(value=STATIC)
    return seen


def forgotten(value: Value) -> Value:
    """The value for those who are elsewhere than what made it."""
    if value.traced is Certainty.NO:
        return value
    rest = rebuilt(value, forgotten)
    if rest is not None:
        return rest
    if not is_made(value):
        return value
    return Value(value.kind, value.traced, concrete=value.concrete, data=value.data)


def any_is_made(values: Iterable[Value]) -> bool:
    """Whether there is such a tracer among values."""
    return any(is_made(value) for value in values)

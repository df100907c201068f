"""What is made of a library's functions and classes: partials, transformed functions, instances."""

from __future__ import annotations

import ast
import builtins
import sys
from typing import TYPE_CHECKING

from jaxsight_analyzers.data import dataclass, replace
from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import (
    checkpoints,
    key_arrays,
    key_uses,
    linen_layers,
    nnx_modules,
    nnx_state,
    optimiser_steps,
    optimisers,
    results,
    sites,
)
from jaxsight_analyzers.semantic.arguments import Arguments
from jaxsight_analyzers.semantic.contexts import Transformation
from jaxsight_analyzers.semantic.events import ObjectCallSeen
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.structures import tokens_in
from jaxsight_analyzers.semantic.values import (
    FunctionData,
    Kind,
    Origin,
    Value,
    constant_of,
    function_of,
    own,
    qualified_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments


@dataclass(frozen=True, slots=True, eq=False)
class LibraryFunction:
    """`partial(jax.random.normal, key)`, `jax.vmap(jax.random.normal)`: a function and what is done to it."""

    qualified: str
    facts: FunctionFacts
    bound: Arguments
    transformations: tuple[Transformation, ...] = ()  # innermost first


def function_in(run: Run, value: Value) -> LibraryFunction | None:
    """The library's function that a value is, or is made of."""
    if isinstance(value.data, LibraryFunction):
        return value.data
    if value.kind is not Kind.IMPORTED:
        return None
    facts = run.facts(str(value.data))
    if facts is None or facts.traces or facts.kind == "type":
        return None
    return LibraryFunction(str(value.data), facts, Arguments((), {}, (), {}))


def partial(run: Run, target: Value, given: Arguments) -> Value | None:
    """`functools.partial` of a library's function, with some arguments."""
    function = function_in(run, target)
    if function is None:
        return None
    return Value(Kind.CALLABLE, data=replace(function, bound=function.bound.followed_by(given)))


def transformed(run: Run, target: Value, transformation: Transformation) -> Value | None:
    """A transformation of a library's function."""
    function = function_in(run, target)
    if function is None:
        return None
    applied = (*function.transformations, transformation)
    return Value(Kind.CALLABLE, data=replace(function, transformations=applied))


def call(run: Run, node: ast.expr, function: LibraryFunction, given: Arguments) -> Value:
    """The value of a call: keys in it are used up as by the function itself."""
    facts = function.facts
    arguments = function.bound.followed_by(given)
    layer = run.knowledge.layer(facts.name)
    if layer is not None:
        return linen_layers.made(run, node, layer, arguments)
    bound = {token for value in function.bound.values() for token in tokens_in(value)}
    if not any(t.facts.only_traces for t in function.transformations):
        key_uses.use_keys(run, node, function.qualified, facts, arguments, frozenset(bound))
    names = [t.qualified.rpartition(".")[2] for t in function.transformations]
    if facts.returns in ("key", "keys") and all(name in _LIKE_THE_FUNCTION for name in names):
        value = results.of_library(run, node, function.qualified, facts, arguments)
        if any(name.endswith("map") for name in names):
            return key_arrays.like(value, Kind.KEYS, list(run.new_key("", node)))
        return value
    return results.unknown(run, node)


_LIKE_THE_FUNCTION = ("jit", "vmap", "pmap", "checkpoint", "remat", "filter_jit", "filter_vmap")
"""Transformations whose result returns what the function returns, or an array of that."""


def run_body(run: Run, node: ast.expr, function: LibraryFunction, given: Arguments) -> None:
    """A library's function as a body: `jax.lax.map(jax.random.normal, keys)`."""
    if given.positional:
        arguments = function.bound.followed_by(given)
        key_uses.use_keys(run, node, function.qualified, function.facts, arguments)


def _class_of(value: Value) -> FunctionFacts | None:
    """The library's class that a value is an instance of; `NUTS(model)` is the model, transformed."""
    function = function_of(value)
    if function is not None and function.transformations:
        facts = function.transformations[-1].facts
        return facts if facts.kind == "type" else None
    return value.data if isinstance(value.data, FunctionFacts) else None


def method_facts(run: Run, base: Value, name: str) -> FunctionFacts | None:
    """What is known of a method of an instance of a library's class."""
    owner = _class_of(base)
    known = None if owner is None else owner.instance_of or owner.name
    if isinstance(base.data, optimisers.Optimiser):
        known = optimisers.CLASS
    facts = None if known is None else run.facts(f"{known}.{name}")
    return facts if facts is not None and facts.specific else None


def method(run: Run, node: ast.Call, base: Value, name: str, given: Arguments) -> Value | None:
    """A method of an instance of a library's class: `MCMC(...).run(key)`."""
    if isinstance(base.data, optimisers.Optimiser) and name == "gradient_transformation":
        return base
    if isinstance(base.data, checkpoints.Checkpointer):
        return checkpoints.method(run, node, base.data, name, given)
    facts = method_facts(run, base, name)
    if facts is None:
        return None
    itself = node.func.value if isinstance(node.func, ast.Attribute) else node.func
    if not run.frame.state.dead:
        modules = tuple([nnx_modules.is_module(run, value) for value in given.positional])
        run.events.object_calls.append(ObjectCallSeen(node, facts.name, modules, run.guards))
        if facts.effect == "variable":
            nnx_state.updated(run, node, (itself, *given.nodes[:1]))
    bound = replace(given, positional=(base, *given.positional), nodes=(itself, *given.nodes))
    key_uses.use_keys(run, node, facts.name, facts, bound)
    made = results.of_library(run, node, facts.name, facts, bound)
    if isinstance(base.data, optimisers.Optimiser):
        return optimiser_steps.method(run, node, base.data, name, given, made)
    return made


def use_keys_of_instance(
    run: Run, node: ast.expr, data: FunctionData, arguments: Arguments
) -> None:
    """A call of what a library's class makes of a function: `Predictive(model, ...)(key)`."""
    facts = data.transformations[-1].facts if data.transformations else None
    if facts is None or facts.kind != "type" or facts.calls_as is None:
        return
    made = run.facts(facts.calls_as)
    if made is not None:
        key_uses.use_keys(run, node, facts.name, made, arguments)


def drawn(
    run: Run, node: ast.expr, facts: FunctionFacts, arguments: Arguments, made: Value
) -> Value:
    """What a model draws: a tracer where inference runs the model, unless the value is observed."""
    given = arguments.get(facts, facts.observed or "")
    if given is not None and constant_of(given[1]) is not None:
        return made
    by = run.facts(run.frame.tracer)
    how = None if by is None else by.samples
    value = own(made)
    if how is not None and made.traced is not Certainty.YES:
        # variational inference starts without derivatives, to see what there is
        certainty = Certainty.YES if how == "abstract" else Certainty.MAYBE
        origin = Origin(display(facts.name), node)
        value = Value(made.kind, certainty, origin, concrete=how == "concrete")
    sites.note_drawn(run, node, facts, arguments, value)
    return value


def is_of_library(run: Run, decorator: ast.expr) -> bool:
    """Whether a decorator is Python's own or of a library that is known: most return what the function does."""
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    while isinstance(node, ast.Attribute):
        node = node.value
    if not isinstance(node, ast.Name):
        return False
    qualified = qualified_of(run.lookup(node.id))
    top = node.id if qualified is None else qualified.partition(".")[0]
    if qualified is None:
        return hasattr(builtins, top)
    return top in sys.stdlib_module_names or run.knowledge.has_library(top)

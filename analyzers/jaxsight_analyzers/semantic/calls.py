"""What a call does: of a library's function, of a function of this file, of something unknown."""

from __future__ import annotations

import ast

from jaxsight_analyzers.knowledge.facts import FunctionFacts, MethodFacts
from jaxsight_analyzers.semantic import (
    avals,
    bodies,
    builtin_containers,
    compilations,
    counting,
    dropped,
    effects,
    expressions,
    folding,
    frozen,
    functions,
    key_uses,
    library,
    linen_layers,
    linen_pairs,
    linen_variables,
    losses,
    makers,
    members,
    method_calls,
    methods,
    narrowing,
    nnx_modules,
    nnx_state,
    nnx_values,
    optimiser_steps,
    optimisers,
    predictions,
    purpose,
    records,
    results,
    reveals,
    schedules,
    sites,
    transformations,
)
from jaxsight_analyzers.semantic.arguments import Arguments, evaluated_arguments
from jaxsight_analyzers.semantic.events import ArgumentSeen, CallSeen
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.values import UNKNOWN, Kind, Value, function_of, qualified_of

_PARTIALS = {"functools.partial", "jax.tree_util.Partial", "flax.nnx.cached_partial"}


def call(run: Run, node: ast.Call, *, alone: bool = False) -> Value:
    """The value of a call expression; `alone` where it is a statement and its result is dropped."""
    if isinstance(node.func, ast.Name) and node.func.id in reveals.NAMES:
        return reveals.reveal(run, node, node.func.id)
    base: Value | None = None
    if isinstance(node.func, ast.Attribute):
        base, function = expressions.base_and_attribute(run, node.func)
    else:
        function = run.evaluate(node.func)
    arguments = evaluated_arguments(run, node)
    if alone:
        dropped.note(run, node, base, function)
        purpose.note_assertion(run, node)
    if purpose.expects_failure(node):
        run.task.fails_on_purpose.append(node)
        _expected_to_fail(run, node, arguments)
    qualified = qualified_of(function)
    if qualified is not None:
        return imported(run, node, qualified, arguments, alone)
    if base is not None:
        effects.method_called(run, node, base, function, arguments.values(), alone)
    return called(run, node, function, arguments, base)


def _expected_to_fail(run: Run, node: ast.Call, arguments: Arguments) -> None:
    """`self.assertRaises(TypeError, f, x)`: what is given runs there, and is meant to fail."""
    for index, value in enumerate(arguments.positional):
        data = function_of(value)
        if data is not None:
            guards = run.frame.guards
            run.frame.guards = (*guards, "raises")
            given = Arguments(arguments.positional[index + 1 :], arguments.keywords)
            functions.call(run, node, data, given)
            run.frame.guards = guards
            return


def called(
    run: Run, node: ast.Call, function: Value, arguments: Arguments, base: Value | None = None
) -> Value:
    """The value of a call of something that is not a library's."""
    data = members.callable_of(run, function)
    if data is not None:
        if function.kind is Kind.INSTANCE:
            linen_layers.note_called(run, node, function)
        library.use_keys_of_instance(run, node, data, arguments)
        return functions.call(run, node, data, arguments)
    if function.kind is Kind.CLASS:
        return members.instantiate(run, node, function, arguments)
    if isinstance(function.data, transformations.Call):
        target = arguments.positional[0] if arguments.positional else UNKNOWN
        return transformations.complete(run, node, function.data, target)
    if isinstance(function.data, records.NamedTupleType):
        return records.of_named_tuple(function.data, arguments)
    if isinstance(function.data, library.LibraryFunction):
        return library.call(run, node, function.data, arguments)
    if isinstance(function.data, linen_layers.Layer):
        return linen_layers.call(run, node, function.data, arguments)
    if isinstance(function.data, linen_layers.ModuleMethod):
        return methods.of_module(run, node, function.data, arguments)
    if isinstance(function.data, optimisers.OptimiserMethod) and base is None:
        whole = Value(Kind.UNKNOWN, data=function.data.optimiser)
        made = library.method(run, node, whole, function.data.name, arguments)
        return results.unknown(run, node) if made is None else made
    if isinstance(function.data, optimisers.Injected):
        return optimisers.of_injected(run, node, function.data, arguments)
    if isinstance(function.data, schedules.Schedule):
        return expressions.jax_result(run, Kind.ARRAY, arguments.values())
    if function.kind is Kind.CALLABLE:
        return _made_elsewhere(run, node, function, arguments)
    if base is not None and isinstance(node.func, ast.Attribute):
        return method_calls.call(run, node, node.func, base, arguments)
    return results.unknown(run, node)


def imported(
    run: Run, node: ast.Call, qualified: str, arguments: Arguments, alone: bool = False
) -> Value:
    """The value of a call of a library's function."""
    facts = run.facts(qualified)
    _note_call(run, node, qualified, facts, arguments)
    if qualified in _PARTIALS:
        return transformations.partial(run, node, arguments)
    if qualified == "builtins.super":
        return members.super_of(run, arguments)
    made = builtin_containers.call(run, node, qualified, arguments)
    made = folding.call(qualified, arguments) if made is None else made
    if made is not None:
        return made
    if qualified == "builtins.isinstance" and len(arguments.nodes) == 2:
        return narrowing.instance_test(run, arguments.positional[0], arguments.nodes[1])
    kind = run.knowledge.record(qualified)
    if kind == "factory":
        return records.named_tuple(arguments)
    if kind == "copies" and arguments.positional:
        known = records.copied(run, arguments.positional[0], None, arguments)
        return results.unknown(run, node) if known is None else known
    if facts is None:
        return results.unknown(run, node)
    return _described(run, node, qualified, facts, arguments, alone)


def _described(
    run: Run,
    node: ast.Call,
    qualified: str,
    facts: FunctionFacts,
    arguments: Arguments,
    alone: bool,
) -> Value:
    """A call of a function that the tables describe: what it does, then what it returns."""
    if facts.site is not None:
        sites.note(run, node, facts, arguments)
    if facts.effect is not None or facts.mutates is not None:
        effects.library_called(run, node, qualified, facts, arguments)
    if facts.transforms:
        return transformations.apply(run, node, qualified, facts, arguments)
    known = builtin_containers.of_tree(run, facts.name, facts, arguments)
    if known is not None:
        return known
    if not (alone and facts.returns in ("key", "keys")):  # the keys made are lost, so it stays good
        key_uses.use_keys(run, node, qualified, facts, arguments)
    if facts.traces:
        return bodies.run_bodies(run, node, qualified, facts, arguments)
    layer = run.knowledge.layer(facts.name)
    if layer is not None:
        return linen_layers.made(run, node, layer, arguments)
    if facts.role == "state":
        frozen.note_fields(run, node, None, "create", arguments)
        return linen_variables.created(run, None, arguments.as_keywords(facts))
    if facts.role == "merge":
        return linen_layers.merged(arguments)
    made = results.of_library(run, node, qualified, facts, arguments)
    if made.kind is not Kind.ARRAY and made.kind is not Kind.HOST:
        return made
    return avals.with_aval(made, avals.of_call(run, facts.name, facts, arguments))


def _note_call(
    run: Run, node: ast.Call, qualified: str, facts: FunctionFacts | None, arguments: Arguments
) -> None:
    if run.frame.state.dead:
        return
    seen = seen_arguments(run, node, facts, arguments, f"`{display(qualified)}`")
    guards = run.guards
    run.events.calls.append(CallSeen(node, qualified, facts, seen, run.frame, guards))
    if facts is None:
        return
    first = arguments.positional[0] if arguments.positional else UNKNOWN
    if first.kind is Kind.SEQUENCE and run.knowledge.refuses_lists(facts.name):
        linen_pairs.used(run, node.args[0], first, display(qualified))
    if facts.joins is not None and run.frame.loops:
        counting.note_growth(run, node, facts, arguments)
    if facts.name in ("optax.apply_updates", "equinox.apply_updates"):
        optimiser_steps.note_applied(run, node, facts.name, arguments)
    if facts.loss is not None:
        losses.note(run, node, facts, arguments)
    nnx_values.note_call(run, facts, arguments)
    if facts.name in nnx_modules.OPTIMIZERS:
        optimiser_steps.note_held(run, arguments, 1, f"nnx.{facts.name.rpartition('.')[2]}")


def seen_arguments(
    run: Run,
    node: ast.Call,
    facts: FunctionFacts | MethodFacts | None,
    arguments: Arguments,
    by: str,
) -> tuple[ArgumentSeen, ...]:
    """The arguments of a call as rules see them; `by` is what needs those that `jnp` makes tracers of."""
    seen: list[ArgumentSeen] = []
    for index, (argument, value) in enumerate(zip(arguments.nodes, arguments.positional)):
        name = facts.parameter_at(index) if facts else None
        seen.append(ArgumentSeen(name, argument, value, isinstance(argument, ast.Starred)))
    if arguments.keywords:
        nodes = arguments.keyword_nodes or {}
        starred = {keyword.value for keyword in node.keywords if keyword.arg is None}
        for name, value in arguments.keywords.items():
            seen.append(ArgumentSeen(name, nodes[name], value, nodes[name] in starred))
    if facts is not None and makers.any_is_made(one.value for one in seen):
        seen = [makers.argument(run, one, facts, by) for one in seen]
    return tuple(seen)


def _made_elsewhere(run: Run, node: ast.Call, function: Value, arguments: Arguments) -> Value:
    """A call of what a library's function returned: `jax.jit(module.f)(x)`, an initializer."""
    facts = function.data if isinstance(function.data, FunctionFacts) else None
    if facts is None:
        compilations.note_call_of_unknown(run, node, function)
        return results.unknown(run, node)
    if facts.effect == "variable":
        nnx_state.layer_called(run, node, facts, arguments)
    key_uses.use_keys(run, node, facts.name, facts, arguments)
    if function.model is not None:
        predictions.note_call(run, node, function, arguments)
    if facts.traces:
        return bodies.run_bodies(run, node, facts.name, facts, arguments)
    return results.of_library(run, node, facts.name, facts, arguments)

"""What a call does: of a library's function, of a function of this file, of something unknown."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts, MethodFacts
from jaxsight_analyzers.semantic import (
    assignments,
    avals,
    axes,
    bodies,
    builtin_containers,
    casts,
    checkpoints,
    compilations,
    containers,
    counting,
    dropped,
    effects,
    equinox_modules,
    expressions,
    folding,
    formats,
    frozen,
    functions,
    iteration,
    key_uses,
    library,
    linen_layers,
    linen_pairs,
    linen_variables,
    losses,
    makers,
    members,
    methods,
    narrowing,
    nnx_modules,
    nnx_state,
    nnx_values,
    optimiser_steps,
    optimisers,
    plain,
    predictions,
    purpose,
    records,
    reveals,
    schedules,
    sites,
    transformations,
)
from jaxsight_analyzers.semantic.events import ArgumentSeen, CallSeen, MethodSeen
from jaxsight_analyzers.semantic.joins import join
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.values import (
    CALLABLE,
    HOST,
    NONE,
    STATIC,
    UNKNOWN,
    Kind,
    Value,
    class_of,
    constant_of,
    entries_of,
    function_of,
    items_of,
    most_traced,
    qualified_of,
    record_of,
    tracer,
)


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call, evaluated. `open` says that `*args` or `**kwargs` hide some."""

    positional: tuple[Value, ...]
    keywords: Mapping[str, Value]
    nodes: tuple[ast.expr, ...] = ()
    keyword_nodes: Mapping[str, ast.expr] | None = None
    open: bool = False
    hidden: Value | None = None  # what `*args` or `**kwargs` hide, where it is one and the same

    def followed_by(self, others: Arguments) -> Arguments:
        """These and then others, as `partial` puts them together."""
        return Arguments(
            (*self.positional, *others.positional),
            {**self.keywords, **others.keywords},
            (*self.nodes, *others.nodes),
            {**(self.keyword_nodes or {}), **(others.keyword_nodes or {})},
            self.open or others.open,
            others.hidden if self.hidden is None else self.hidden,
        )

    def after(self, facts: FunctionFacts) -> Arguments:
        """Those that a library's method hands on to what it runs: not the ones it names itself."""
        count = len(facts.positional)
        names = facts.parameters
        return Arguments(
            self.positional[count:],
            {name: value for name, value in self.keywords.items() if name not in names},
            self.nodes[count:],
            self.keyword_nodes,
            self.open,
            self.hidden,
        )

    def as_keywords(self, facts: FunctionFacts) -> Arguments:
        """The same, with those by position under the names of their parameters."""
        if not self.positional:
            return self
        known = [(n, node, v) for n, node, v in self.named(facts) if n is not None]
        nodes = {name: node for name, node, _ in known if node is not None}
        return Arguments((), {name: v for name, _, v in known}, (), nodes, self.open, self.hidden)

    def values(self) -> tuple[Value, ...]:
        """All of them."""
        return (*self.positional, *self.keywords.values())

    def named(self, facts: FunctionFacts) -> Iterator[tuple[str | None, ast.expr | None, Value]]:
        """Each argument with the parameter it binds to, where that is known."""
        for index, value in enumerate(self.positional):
            node = self.nodes[index] if index < len(self.nodes) else None
            yield facts.parameter_at(index), node, value
        for name, value in self.keywords.items():
            yield name, (self.keyword_nodes or {}).get(name), value

    def get(self, facts: FunctionFacts, parameter: str) -> tuple[ast.expr | None, Value] | None:
        """The argument for a parameter."""
        for name, node, value in self.named(facts):
            if name == parameter:
                return node, value
        return None


def call(run: Run, node: ast.Call, *, alone: bool = False) -> Value:
    """The value of a call expression; `alone` where it is a statement and its result is dropped."""
    if isinstance(node.func, ast.Name) and node.func.id in reveals.NAMES:
        return reveals.reveal(run, node, node.func.id)
    base: Value | None = None
    if isinstance(node.func, ast.Attribute):
        base, function = expressions.base_and_attribute(run, node.func)
    else:
        function = run.evaluate(node.func)
    arguments = evaluate_arguments(run, node)
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
    if isinstance(function.data, transformations.Pending):
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
    if isinstance(function.data, optimisers.Injected):
        return optimisers.of_injected(run, node, function.data, arguments)
    if isinstance(function.data, schedules.Schedule):
        return expressions.jax_result(run, Kind.ARRAY, arguments.values())
    if function.kind is Kind.CALLABLE:
        return _made_elsewhere(run, node, function, arguments)
    if base is not None and isinstance(node.func, ast.Attribute):
        return _method(run, node, node.func, base, arguments)
    return unknown_result(run, node)


def unknown_result(run: Run, node: ast.AST) -> Value:
    """What a call of something unknown returns: anything, for instance a key."""
    return Value(Kind.UNKNOWN, tokens=run.new_key("", node))


def evaluate_arguments(run: Run, node: ast.Call) -> Arguments:
    """Evaluate the arguments of a call, from left to right."""
    positional: list[Value] = []
    nodes: list[ast.expr] = []
    hidden: list[Value] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            rest = run.evaluate(argument.value)
            inside = items_of(rest)
            if inside is None:
                hidden.append(rest)
            else:
                positional.extend(inside)
                nodes.extend([argument] * len(inside))
        else:
            positional.append(run.evaluate(argument))
            nodes.append(argument)
    keywords: dict[str, Value] = {}
    keyword_nodes: dict[str, ast.expr] = {}
    for keyword in node.keywords:
        value = run.evaluate(keyword.value)
        if keyword.arg is not None:
            keywords[keyword.arg] = value
            keyword_nodes[keyword.arg] = keyword.value
            continue
        entries = entries_of(value)
        if entries is None:
            hidden.append(value)
        for name, entry in (entries or {}).items():
            if isinstance(name, str):
                keywords[name] = entry
                keyword_nodes[name] = keyword.value
    most = None if not hidden else hidden[0] if len(hidden) == 1 else join(hidden[0], hidden[1])
    return Arguments(tuple(positional), keywords, tuple(nodes), keyword_nodes, bool(hidden), most)


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
        return unknown_result(run, node) if known is None else known
    if facts is None:
        return unknown_result(run, node)
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
    made = result_of(run, node, qualified, facts, arguments)
    if made.kind is not Kind.ARRAY and made.kind is not Kind.HOST:
        return made
    return avals.with_aval(made, avals.of_call(run, facts.name, facts, arguments))


def _note_call(
    run: Run, node: ast.Call, qualified: str, facts: FunctionFacts | None, arguments: Arguments
) -> None:
    if run.frame.state.dead:
        return
    seen = _seen_arguments(run, node, facts, arguments, f"`{display(qualified)}`")
    guards = run.guards
    run.events.calls.append(CallSeen(node, qualified, facts, seen, run.frame, guards))
    first = arguments.positional[0] if arguments.positional else UNKNOWN
    if (
        facts is not None
        and first.kind is Kind.SEQUENCE
        and run.knowledge.refuses_lists(facts.name)
    ):
        linen_pairs.used(run, node.args[0], first, display(qualified))
    if facts is not None and facts.joins is not None and run.frame.loops:
        counting.note_growth(run, node, facts, arguments)
    if facts is not None and facts.name == "optax.apply_updates":
        optimiser_steps.note_applied(run, node, arguments)
    if facts is not None and facts.loss is not None:
        losses.note(run, node, facts, arguments)
    if facts is not None:
        nnx_values.note_call(run, facts, arguments)
        if facts.name in nnx_modules.OPTIMIZERS:
            optimiser_steps.note_held(run, arguments, 1, f"nnx.{facts.name.rpartition('.')[2]}")


def _seen_arguments(
    run: Run,
    node: ast.Call,
    facts: FunctionFacts | MethodFacts | None,
    arguments: Arguments,
    by: str,
) -> tuple[ArgumentSeen, ...]:
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


def _note_method(
    run: Run, node: ast.Call, facts: MethodFacts, base: Value, arguments: Arguments
) -> None:
    if not run.frame.state.dead:
        by = f"`.{facts.name}()`"
        seen = _seen_arguments(run, node, facts, arguments, by)
        if facts.tracers == "fails" and makers.needed(run, base, node, by):
            return
        run.events.methods.append(MethodSeen(node, facts, base, seen, run.frame, run.guards))


_PARTIALS = {"functools.partial", "jax.tree_util.Partial", "flax.nnx.cached_partial"}


def result_of(
    run: Run, node: ast.expr, qualified: str, facts: FunctionFacts, arguments: Arguments
) -> Value:
    """What a library's function returns, from what is known of it."""
    if facts.returns_like is not None:
        return Value(Kind.IMPORTED, data=facts.returns_like)
    if facts.within is not None:
        return Value(Kind.UNKNOWN, data=facts)
    values = arguments.values()
    returns = facts.returns
    if returns == "array":
        made = expressions.jax_result(run, Kind.ARRAY, values)
        if facts.observed is not None:
            return library.drawn(run, node, facts, arguments, made)
        made = plain.plainly(run, made, facts.plain, values)
        return made if arguments.open else makers.made(run, node, facts, values, made)
    if returns in ("key", "keys"):
        return key_uses.made(run, node, facts, arguments)
    if returns == "static":
        return STATIC
    if returns == "host-array":
        return HOST
    if returns == "pytree" and facts.replaces is not None:
        changed = equinox_modules.changed(run, facts, arguments)
        if changed is not None:
            return changed
    if returns == "pytree":
        return plain.plainly(run, _container(run, qualified, values), facts.plain, values)
    if returns == "same":
        if facts.plain == "axis" and values and values[0].kind is Kind.STATIC:
            return STATIC  # `psum(1, "batch")` counts
        return plain.plainly(run, _like_arguments(run, qualified, values), facts.plain, values)
    if returns == "none":
        return NONE
    if facts.optimiser is not None:
        return optimisers.made(run, node, facts, arguments)
    if facts.checkpointer is not None:
        return checkpoints.made(run, node, facts, arguments)
    if returns == "callable" and facts.calls_as == _SCHEDULE:
        return schedules.made(run, node, facts, arguments)
    if returns == "callable":
        made = None if facts.calls_as is None else run.facts(facts.calls_as)
        return CALLABLE if made is None else Value(Kind.CALLABLE, data=made)
    if facts.kind == "type" and (facts.specific or facts.instance_of):
        return nnx_modules.variable(run, facts, arguments) or axes.mesh(facts, arguments)
    return unknown_result(run, node)


_SCHEDULE = "optax.schedules.Schedule()"


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


def _container(run: Run, qualified: str, values: tuple[Value, ...]) -> Value:
    if qualified.startswith(_REARRANGING):
        most = most_traced(values)
        if most.traced is Certainty.NO:
            return UNKNOWN
        return Value(Kind.TREE, most.traced, most.origin, concrete=most.concrete)
    return expressions.jax_result(run, Kind.TREE, values)


def _like_arguments(run: Run, qualified: str, values: tuple[Value, ...]) -> Value:
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


def _made_elsewhere(run: Run, node: ast.Call, function: Value, arguments: Arguments) -> Value:
    """A call of what a library's function returned: `jax.jit(module.f)(x)`, an initializer."""
    facts = function.data if isinstance(function.data, FunctionFacts) else None
    if facts is None:
        compilations.note_call_of_unknown(run, node, function)
        return unknown_result(run, node)
    if facts.effect == "variable":
        nnx_state.layer_called(run, node, facts, arguments)
    key_uses.use_keys(run, node, facts.name, facts, arguments)
    if function.model is not None:
        predictions.note_call(run, node, function, arguments)
    if facts.traces:
        return bodies.run_bodies(run, node, facts.name, facts, arguments)
    return result_of(run, node, facts.name, facts, arguments)


_LISTS = (Kind.SEQUENCE, Kind.SERIES)


def _method(
    run: Run, node: ast.Call, function: ast.Attribute, base: Value, arguments: Arguments
) -> Value:
    """A call of a method of an array, a container, or something unknown."""
    name = function.attr
    if base.kind is Kind.FUNCTION:
        made = methods.of_function(run, node, base, name, arguments)
        return unknown_result(run, node) if made is None else made
    if name == "append" and base.kind in _LISTS and len(arguments.positional) == 1:
        nnx_modules.note_appended(run, node, arguments.positional[0])
    changed = containers.method(run, node, base, name, arguments)
    if changed is not None:
        return changed
    if base.kind in (Kind.TREE, Kind.MAPPING):
        entry = _entry(node, base, name, arguments)
        if entry is not None:
            return entry
    if base.kind is Kind.STATIC:
        if name == "format":
            formats.of_format(run, node, base, arguments)
            return formats.text_with(arguments.values())
        if name == "unflatten":  # of the structure of a pytree
            return unknown_result(run, node)
        return STATIC
    if base.kind is Kind.INSTANCE:
        owner = class_of(base)
        if owner is not None or linen_variables.is_state(record_of(base)):
            frozen.note_fields(run, node, base, name, arguments)
        copy = records.copied(run, base, name, arguments)
        copy = linen_variables.stepped(run, base, name, arguments) if copy is None else copy
        if copy is not None:
            return copy
    if linen_variables.makes_state(run, base, name):
        frozen.note_fields(run, node, base, name, arguments)
        return linen_variables.created(run, base, arguments)
    if name == "copy" and base.kind in (Kind.TREE, Kind.SEQUENCE, Kind.SERIES, Kind.MAPPING):
        return containers.another(base)
    if is_indexed_update(function.value):
        casts.note_scatter(run, node, function, arguments)
        made = expressions.jax_result(run, Kind.ARRAY, (base, *arguments.values()))
        return avals.with_aval(made, avals.of_update(run, function.value))
    facts = run.knowledge.method(name)
    is_array = base.kind in (Kind.ARRAY, Kind.KEY, Kind.KEYS, Kind.TREE)
    if is_array and facts is not None and not facts.attribute:
        _note_method(run, node, facts, base, arguments)
        if facts.returns == "static" or facts.tracers == "fails":
            return STATIC
        if facts.returns == "none":
            return NONE
        made = expressions.jax_result(run, Kind.ARRAY, (base,))
        made = plain.plainly(run, made, facts.plain, (base,))
        return avals.with_aval(made, avals.of_method(run, base, name, arguments))
    if base.kind is Kind.HOST:
        return HOST
    known = library.method(run, node, base, name, arguments)
    if known is not None:
        return known
    place = expressions.place_of(function.value)
    if place is not None and base.kind in (Kind.UNKNOWN, Kind.INSTANCE):
        assignments.forget_parts(run, place)  # a method may change what the object holds
    if base.kind is Kind.INSTANCE:
        return methods.inherited(run, node, base, name, arguments)
    return unknown_result(run, node)


def _entry(node: ast.Call, base: Value, name: str, arguments: Arguments) -> Value | None:
    """What a method of a dict, or of what may be one, takes out of it; None for other methods."""
    if name in ("items", "keys", "values"):
        return iteration.of_entries(name, base)
    if name not in ("get", "pop"):
        return None
    key = constant_of(arguments.positional[0]) if arguments.positional else None
    leaf = linen_variables.element(base, key)
    leaf = leaf or Value(Kind.TREE, base.traced, base.origin, concrete=base.concrete)
    if len(arguments.positional) < 2:
        return leaf
    default = arguments.positional[1]
    if not default.traced and not isinstance(node.args[0], ast.Constant):
        return UNKNOWN  # `traced.get(name, value)` for each of many: most are not in it
    return join(leaf, default)


def is_indexed_update(node: ast.expr) -> bool:
    """Whether a method is called of `x.at[i]`."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "at"
    )


def display(qualified: str) -> str:
    """A qualified name as people write it."""
    qualified = qualified.replace("()", "")  # what a call returns is described by that name
    for prefix, short in (("jax.numpy.", "jnp."), ("numpy.", "np."), ("builtins.", "")):
        if qualified.startswith(prefix):
            return short + qualified[len(prefix) :]
    return qualified

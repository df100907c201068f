"""Bodies that a call runs at once: those of `scan`, `cond`, `tree.map` and their kin."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import (
    avals,
    binding,
    body_types,
    builtin_containers,
    callees,
    expressions,
    functions,
    iteration,
    key_arrays,
    library,
    members,
    results,
    tree_maps,
)
from jaxsight_analyzers.semantic.arguments import Arguments
from jaxsight_analyzers.semantic.contexts import Transformation
from jaxsight_analyzers.semantic.joins import join, join_all
from jaxsight_analyzers.semantic.keys import Consumed
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.states import join_results
from jaxsight_analyzers.semantic.structures import (
    items_of,
    parts_of,
    rebuilt,
    sequence,
    series,
    tokens_in,
    unfollowed,
)
from jaxsight_analyzers.semantic.values import (
    NEVER,
    NONE,
    STATIC,
    UNKNOWN,
    FunctionData,
    Kind,
    Value,
    class_of,
    constant_of,
    function_of,
    qualified_of,
    some_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments


def run_bodies(
    run: Run, node: ast.expr, qualified: str, facts: FunctionFacts, arguments: Arguments
) -> Value:
    """`lax.scan(body, ...)` and its kin: run what they are given, return what they return."""
    before = run.frame.state.consumed
    merged: Consumed | None = None
    result = UNKNOWN
    returned: list[Value] = []
    branches: list[tuple[FunctionData, Value]] = []
    for parameter, mode in facts.traces.items():
        found = arguments.get(facts, parameter)
        if found is None:
            continue
        bodies = items_of(found[1]) or (found[1],)
        for body in bodies:
            run.frame.state.consumed = (
                dict(before) if not facts.repeats else run.frame.state.consumed
            )
            data = members.callable_of(run, body)
            value = UNKNOWN
            if data is not None:
                value = _run_body(run, node, facts, parameter, mode, data, arguments)
                returned.append(value)
                branches.append((data, value))
            elif not facts.only_traces and (function := library.function_in(run, body)):
                roles = facts.body.get(parameter, ())
                given = _body_arguments(run, node, facts, roles, arguments, None)
                library.run_body(run, node, function, given)
            else:
                callees.note_no_function(run, node, facts, parameter, arguments, body)
            if not facts.repeats:
                now = run.frame.state.consumed
                merged = now if merged is None else join_results(merged, result, now, value)
                result = value if result is UNKNOWN else join(result, value)
    if merged is not None:
        run.frame.state.consumed = merged
    if facts.repeats:
        key_arrays.used_in_all_passes(run, node, sure=True)
        callees.note_items(run, node, facts, "xs", arguments)
    body_types.note_branches(run, node, facts, branches)
    tree_maps.note(run, node, facts, arguments)
    return _result_of_bodies(run, node, qualified, facts, arguments, returned)


def _run_body(
    run: Run,
    node: ast.expr,
    facts: FunctionFacts,
    parameter: str,
    mode: str,
    data: FunctionData,
    arguments: Arguments,
) -> Value:
    roles = facts.body.get(parameter, ())
    data = _as_body(run, node, facts, mode, data, roles)
    given = _body_arguments(run, node, facts, roles, arguments, data)
    parameters, passed = binding.bind(run, data, given)
    kept = _kept(facts, given, parameters)
    returned = functions.run_with(run, node, data, parameters, passed, kept=kept)
    if facts.repeats:
        body_types.note_carry(run, node, facts, parameter, arguments, data, returned)
        _check_carry(run, node, facts, given.positional, returned)
        callees.note_body(run, node, facts, parameter, arguments, data, returned)
    return returned


def _kept(facts: FunctionFacts, given: Arguments, parameters: dict[str, Value]) -> frozenset[str]:
    """The parameters whose dtype and shape are the same in each step of a loop."""
    if not facts.repeats or not facts.name.startswith("jax.lax."):
        return frozenset()
    return frozenset([name for name, value in parameters.items() if value in given.positional])


def _as_body(
    run: Run,
    node: ast.expr,
    facts: FunctionFacts,
    mode: str,
    data: FunctionData,
    roles: tuple[str, ...],
) -> FunctionData:
    """A function as the body that a library's function runs here."""
    transformation = Transformation(
        facts.name,
        facts,
        mode,
        node,
        differentiated=None if facts.differentiated else frozenset(),
        unmapped=frozenset(i for i, role in enumerate(roles) if role == "module"),
        bound=len(data.bound) + (data.self_value is not None),
        passes=run.frame.loops,
        applied_in=run.frame.mark,
    )
    return replace(data, transformations=(*data.transformations, transformation))


def _body_arguments(
    run: Run,
    node: ast.expr,
    facts: FunctionFacts,
    roles: tuple[str, ...],
    arguments: Arguments,
    data: FunctionData | None,
) -> Arguments:
    """What a body is called with; open where that may be more than is known."""
    given: list[Value] = []
    for role in roles:
        given.extend(_given(run, node, facts, role, arguments))
    missing = 0 if data is None else required(data) - len(given)
    is_open = not roles or arguments.open
    if missing > 0:
        is_open = True
        filler = Value(Kind.ARRAY) if roles and roles[-1] == "array" else UNKNOWN
        given.extend([filler] * missing)
    keywords: dict[str, Value] = {}
    if facts.open_keywords and "operand" in roles:
        known = facts.parameters
        keywords = {n: v for n, v in arguments.keywords.items() if n not in known}
    return Arguments(tuple(given), keywords, (), {}, is_open)


def required(data: FunctionData) -> int:
    """How many positional arguments a function cannot do without."""
    signature = data.node.args
    positional = [a.arg for a in (*signature.posonlyargs, *signature.args)]
    positional = positional[len(data.bound) + (data.self_value is not None) :]
    named = {name for name, _ in data.bound_names}
    return len([n for n in positional if n not in named]) - len(signature.defaults)


def _given(
    run: Run, node: ast.expr, facts: FunctionFacts, role: str, arguments: Arguments
) -> list[Value]:
    """The arguments that a role of a body stands for: see `FunctionFacts.body`."""
    if role == "carry":
        return [_argument(arguments, facts, "init", "init_val", "init_carry")]
    if role in ("index", "array"):
        return [Value(Kind.ARRAY)]
    if role == "operand":
        return _bound_to(arguments, facts, facts.variadic, "operand", "operands")
    if role == "x":
        slices = _argument(arguments, facts, "xs", "elems", missing=NONE)
        return [_element(run, slices, node)]
    if role == "leaf":
        trees = _bound_to(arguments, facts, "tree", facts.variadic)
        # A leaf may be a container then, or None.
        chosen = arguments.get(facts, "is_leaf") is not None
        return [UNKNOWN if chosen else leaf_of(tree) for tree in trees]
    if role == "item":
        iterables = _bound_to(arguments, facts, "iterable", facts.variadic)
        return [_item(run, iterable, node) for iterable in iterables]
    if role == "primals":
        return list(items_of(_argument(arguments, facts, "primals")) or ())
    if role == "module":
        return [_argument(arguments, facts, "mdl")]
    return [STATIC if role == "static" else UNKNOWN]


def _bound_to(arguments: Arguments, facts: FunctionFacts, *names: str | None) -> list[Value]:
    """The arguments for these parameters, in the order of the call."""
    return [v for n, _, v in arguments.named(facts) if n is not None and n in names]


def _argument(
    arguments: Arguments, facts: FunctionFacts, *names: str, missing: Value = UNKNOWN
) -> Value:
    for name in names:
        found = arguments.get(facts, name)
        if found is not None:
            return found[1]
    return UNKNOWN if arguments.open else missing


def leaf_of(tree: Value) -> Value:
    """What `jax.tree.map` hands to its function of a tree: None is no leaf."""
    tree = some_of(tree)
    inside = parts_of(tree)
    if inside is not None:
        leaves = [leaf_of(part) for part in inside if part is not NEVER and part is not NONE]
        return join_all(leaves) if leaves else UNKNOWN
    if tree.kind in (Kind.TREE, Kind.INSTANCE):
        if tree.traced is Certainty.NO:
            return UNKNOWN
        return Value(Kind.ARRAY, tree.traced, tree.origin, concrete=tree.concrete)
    return tree


def _item(run: Run, iterable: Value, node: ast.expr) -> Value:
    """What iterating over a value gives."""
    items = items_of(iterable)
    return join_all(items) if items else iteration.item_of(run, iterable, node, 0)


def _of_leaves(made: Value) -> Value | None:
    """A container of what a function made of leaves; None where that is not known."""
    if made.traced is not Certainty.NO:
        return Value(Kind.TREE, made.traced, made.origin, concrete=made.concrete)
    if made.kind in (Kind.STATIC, Kind.HOST):
        return UNKNOWN
    return Value(Kind.TREE) if made.kind is Kind.ARRAY else None


def _element(run: Run, xs: Value, node: ast.AST) -> Value:
    """What a body gets of the array or container that it is run over."""
    made = rebuilt(xs, lambda part: _element(run, part, node))
    if made is not None:
        return made
    if xs.kind is Kind.KEYS:
        return key_arrays.mapped(run, xs, node)
    if xs.kind is Kind.STATIC and constant_of(xs) is None:
        return xs
    if xs.kind in (Kind.ARRAY, Kind.HOST, Kind.STATIC):
        made = Value(Kind.ARRAY, xs.traced, xs.origin, concrete=xs.concrete)
        return avals.with_aval(made, avals.of_step(xs))
    return Value(Kind.TREE, xs.traced, xs.origin, concrete=xs.concrete) if xs.traced else UNKNOWN


def _check_carry(
    run: Run, node: ast.expr, facts: FunctionFacts, given: tuple[Value, ...], returned: Value
) -> None:
    """A key in the carry that the body uses up and hands on unchanged is used in every iteration."""
    kept = set(tokens_in(returned)) & {token for value in given for token in tokens_in(value)}
    for token in run.ordered(frozenset(kept)):
        use = run.frame.state.consumed.get(token)
        if use is not None and use.node is node and not use.replaced:
            run.note_repeated(token, use, facts)


def _result_of_bodies(
    run: Run,
    node: ast.expr,
    qualified: str,
    facts: FunctionFacts,
    arguments: Arguments,
    returned: list[Value],
) -> Value:
    given = arguments.values()
    name = facts.name.rpartition(".")[2]
    if name == "scan":
        items = items_of(returned[0]) if returned else None
        carry = expressions.jax_result(run, Kind.TREE, given)
        if items:
            carry = _as_output(run, items[0], given)
        stacked = expressions.jax_result(run, Kind.TREE, given)
        if items is not None and len(items) == 2:
            stacked = _stacked(run, items[1], given)
        return sequence((carry, stacked))
    if name in ("while_loop", "fori_loop") and returned:
        return _as_output(run, returned[-1], given)
    if name in ("cond", "switch") and returned:
        return _as_output(run, join_all(returned), given)
    if facts.name == "builtins.map" and returned:
        return series(returned[0])
    if facts.name == "functools.reduce":
        return _reduced(run, node, facts, arguments) or results.of_library(
            run, node, qualified, facts, arguments
        )
    if facts.name == "builtins.sorted" and arguments.positional:
        ordered = builtin_containers.in_order(run, node, arguments.positional[0])
        if ordered is not None:
            return ordered
    if facts.name == "jax.tree.map" and returned:
        tree = arguments.get(facts, "tree")
        whole = tree is None or arguments.get(facts, "is_leaf") is not None
        made = returned[-1]
        mapped = _of_leaves(made) if whole or tree is None else _mapped(tree[1], made)
        if mapped is not None:
            return mapped
    result = results.of_library(run, node, qualified, facts, arguments)
    return _as_mapped(run, result, arguments) if facts.name == "jax.tree.map" else result


def _as_mapped(run: Run, tree: Value, arguments: Arguments) -> Value:
    """What `jax.tree.map` makes where that is unknown: a function may look at tracers and return a bool."""
    mapped = arguments.positional[0] if arguments.positional else UNKNOWN
    if isinstance(mapped.data, library.LibraryFunction):
        facts: FunctionFacts | None = mapped.data.facts
    else:
        facts = run.facts(qualified_of(mapped))
    if function_of(mapped) is not None or (facts is not None and facts.returns == "static"):
        return UNKNOWN
    known = facts is not None and facts.returns != "unknown"
    if known or tree.traced is not Certainty.YES:
        return tree
    return Value(tree.kind, Certainty.MAYBE, tree.origin, concrete=tree.concrete)


def _reduced(run: Run, node: ast.expr, facts: FunctionFacts, arguments: Arguments) -> Value | None:
    """`reduce(f, items)`: step by step over items that are known; None where they are not."""
    given = arguments.positional
    items = items_of(given[1]) if len(given) > 1 else None
    data = members.callable_of(run, given[0]) if given else None
    if items is None or data is None or len(items) > _MOST_STEPS:
        return None
    waiting = list(items) if len(given) < 3 else [given[2], *items]
    if not waiting:
        return None
    value = waiting.pop(0)
    data = _as_body(run, node, facts, "inherit", data, ())
    for item in waiting:
        value = functions.call(run, node, data, Arguments((value, item), {}))
    return value


_MOST_STEPS = 8


def _as_output(run: Run, value: Value, given: tuple[Value, ...]) -> Value:
    """What comes out of `cond` and its kin: of the numbers that a body returns they make arrays."""
    made = rebuilt(value, lambda part: _as_output(run, part, given))
    if made is not None:
        return made
    is_number = value.kind is Kind.STATIC and not isinstance(constant_of(value), (str, type(None)))
    return expressions.jax_result(run, Kind.ARRAY, given) if is_number else value


def _stacked(run: Run, value: Value, given: tuple[Value, ...]) -> Value:
    """What the second results of all steps of a `scan` make."""
    made = rebuilt(value, lambda part: _stacked(run, part, given))
    if made is not None:
        return made
    if value is NONE:
        return value
    kind = Kind.ARRAY if value.kind in (Kind.ARRAY, Kind.HOST, Kind.STATIC) else Kind.TREE
    return expressions.jax_result(run, kind, given)


def _mapped(tree: Value, leaf: Value) -> Value | None:
    """What `jax.tree.map` makes: a tree of the same structure; None where nothing is known of it."""
    if leaf.kind is Kind.UNKNOWN and leaf.traced is Certainty.NO:
        return None
    made = rebuilt(tree, lambda part: _mapped(part, leaf) or UNKNOWN)
    if made is not None:
        return made
    if tree is NONE:
        return tree
    if tree.kind is Kind.INSTANCE and tree.traced is not Certainty.NO:
        return Value(
            tree.kind, leaf.traced, leaf.origin, concrete=leaf.concrete, data=class_of(tree)
        )
    if tree.kind in (Kind.ARRAY, Kind.STATIC, Kind.HOST):
        return unfollowed(leaf)
    return _of_leaves(leaf)

"""Calls of methods: of arrays, of containers, of objects of libraries, and of what is not known."""

from __future__ import annotations

import ast

from jaxsight_analyzers.knowledge.facts import MethodFacts
from jaxsight_analyzers.semantic import (
    assignments,
    avals,
    calls,
    casts,
    containers,
    expressions,
    formats,
    frozen,
    iteration,
    key_uses,
    library,
    linen_variables,
    makers,
    methods,
    nnx_modules,
    plain,
    records,
    results,
)
from jaxsight_analyzers.semantic.arguments import Arguments
from jaxsight_analyzers.semantic.events import MethodSeen
from jaxsight_analyzers.semantic.joins import join
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.trees import is_indexed_update
from jaxsight_analyzers.semantic.values import (
    HOST,
    NONE,
    STATIC,
    UNKNOWN,
    Kind,
    Value,
    class_of,
    constant_of,
    record_of,
)

_LISTS = (Kind.SEQUENCE, Kind.SERIES)
_CONTAINERS = (Kind.TREE, Kind.SEQUENCE, Kind.SERIES, Kind.MAPPING)
_ARRAYS = (Kind.ARRAY, Kind.KEY, Kind.KEYS, Kind.TREE)


def call(
    run: Run, node: ast.Call, function: ast.Attribute, base: Value, arguments: Arguments
) -> Value:
    """The value of a call of a method that is not one of this file."""
    name, kind = function.attr, base.kind
    if kind is Kind.FUNCTION:
        made = methods.of_function(run, node, base, name, arguments)
        return results.unknown(run, node) if made is None else made
    if name == "append" and kind in _LISTS and len(arguments.positional) == 1:
        nnx_modules.note_appended(run, node, arguments.positional[0])
    changed = containers.method(run, node, base, name, arguments)
    if changed is not None:
        return changed
    if kind is Kind.TREE or kind is Kind.MAPPING:
        entry = _entry(node, base, name, arguments)
        if entry is not None:
            return entry
    if kind is Kind.STATIC:
        return _of_static(run, node, base, name, arguments)
    if kind is Kind.INSTANCE:
        copy = _copied(run, node, base, name, arguments)
        if copy is not None:
            return copy
    if linen_variables.makes_state(run, base, name):
        frozen.note_fields(run, node, base, name, arguments)
        return linen_variables.created(run, base, arguments)
    if name == "copy" and kind in _CONTAINERS:
        return containers.another(base)
    if is_indexed_update(function.value):
        casts.note_scatter(run, node, function, arguments)
        made = expressions.jax_result(run, Kind.ARRAY, (base, *arguments.values()))
        return avals.with_aval(made, avals.of_update(run, function.value))
    facts = run.knowledge.method(name)
    if kind in _ARRAYS and facts is not None and not facts.attribute:
        return _of_array(run, node, facts, base, arguments)
    if kind is Kind.HOST:
        return HOST
    known = library.method(run, node, base, name, arguments)
    return _of_unknown(run, node, function, base, arguments) if known is None else known


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


def _of_static(run: Run, node: ast.Call, base: Value, name: str, arguments: Arguments) -> Value:
    if name == "format":
        formats.of_format(run, node, base, arguments)
        return formats.text_with(arguments.values())
    if name == "unflatten":  # of the structure of a pytree
        return results.unknown(run, node)
    return STATIC


def _copied(run: Run, node: ast.Call, base: Value, name: str, arguments: Arguments) -> Value | None:
    """What a method of an instance makes that is as the instance, but for some fields."""
    owner = class_of(base)
    if owner is not None or linen_variables.is_state(record_of(base)):
        frozen.note_fields(run, node, base, name, arguments)
    copy = records.copied(run, base, name, arguments)
    return linen_variables.stepped(run, base, name, arguments) if copy is None else copy


def _of_array(
    run: Run, node: ast.Call, facts: MethodFacts, base: Value, arguments: Arguments
) -> Value:
    """A call of a method of an array, a key, or what may be an array."""
    _note_method(run, node, facts, base, arguments)
    if facts.returns == "static" or facts.tracers == "fails":
        return STATIC
    if facts.returns == "none":
        return NONE
    made = expressions.jax_result(run, Kind.ARRAY, (base,))
    made = plain.plainly(run, made, facts.plain, (base,))
    return avals.with_aval(made, avals.of_method(run, base, facts.name, arguments))


def _note_method(
    run: Run, node: ast.Call, facts: MethodFacts, base: Value, arguments: Arguments
) -> None:
    if not run.frame.state.dead:
        by = f"`.{facts.name}()`"
        seen = calls.seen_arguments(run, node, facts, arguments, by)
        if facts.tracers == "fails" and makers.needed(run, base, node, by):
            return
        run.events.methods.append(MethodSeen(node, facts, base, seen, run.frame, run.guards))


def _of_unknown(
    run: Run, node: ast.Call, function: ast.Attribute, base: Value, arguments: Arguments
) -> Value:
    place = expressions.place_of(function.value)
    if place is not None and base.kind in (Kind.UNKNOWN, Kind.INSTANCE):
        assignments.forget_parts(run, place)  # a method may change what the object holds
    if base.kind is Kind.INSTANCE:
        return methods.inherited(run, node, base, function.attr, arguments)
    key_uses.of_unknown_module(run, node, function.attr, arguments)
    return results.unknown(run, node)

"""The names of axes: those of meshes, and those that transformations bind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic.structures import items_of
from jaxsight_analyzers.semantic.values import Kind, Value, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments

Axes = frozenset[str]
NONE: Axes = frozenset()
_MESH = "jax.sharding.Mesh"


def of_mesh(value: Value) -> Axes | None:
    """The names of a mesh's axes; None for what is no mesh that is known."""
    facts = value.data
    return facts.axes if isinstance(facts, FunctionFacts) else None


def mesh(facts: FunctionFacts, arguments: Arguments) -> Value:
    """What a constructor makes, and if that is a mesh, with the names of its axes."""
    data = facts
    if _MESH in (facts.name, facts.instance_of) and not arguments.open:
        given = arguments.keywords.get("axis_names")
        if given is None and len(arguments.positional) > 1:
            given = arguments.positional[1]
        names = None if given is None else _names(given)
        if names:
            data = replace(facts, axes=names)
    return Value(Kind.UNKNOWN, data=data)


def bound_by(facts: FunctionFacts, arguments: Arguments) -> Axes | None:
    """The names that a transformation binds for the function it runs; None where they are not known."""
    if "shard_map" in facts.name or facts.name.endswith("smap"):
        given = arguments.get(facts, "mesh")
        return None if given is None else of_mesh(given[1])
    named = arguments.keywords.get("axis_name")
    if named is None:
        found = arguments.get(facts, "axis_name")
        named = None if found is None else found[1]
    if named is not None:
        return _names(named)
    is_jax = facts.name.startswith("jax.") and facts.specific
    return None if arguments.open or not is_jax else NONE


def _names(value: Value) -> Axes | None:
    """The names that an argument says; None where one is not known."""
    items = items_of(value)
    held = [constant_of(value)] if items is None else [constant_of(item) for item in items]
    if held == [None]:
        return NONE
    names = [name for name in held if isinstance(name, str)]
    return frozenset(names) if len(names) == len(held) else None

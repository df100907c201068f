"""How parts of modules of Flax Linen are made: initializers, names, flags."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import linen_layers
from jaxsight_analyzers.semantic.linen_events import (
    FlagSeen,
    InitializerSeen,
    NameSeen,
    UnannotatedSeen,
)
from jaxsight_analyzers.semantic.parameters import all_arguments
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.values import (
    Kind,
    Value,
    constant_of,
    function_of,
    qualified_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.linen_layers import Layer
    from jaxsight_analyzers.semantic.scopes import ClassScope

_INITIALIZERS = "jax.nn.initializers."
_NUMBERS = ("negative_slope_init",)
"""Arguments that are named like initializers and are numbers: of `PReLU`."""
_CONSTRUCTORS = ("jax.numpy.zeros", "jax.numpy.ones", "jax.numpy.full", "jax.numpy.empty")


# Initializers


def of_layer(run: Run, arguments: Arguments) -> None:
    """The initializers that a layer is given."""
    nodes = arguments.keyword_nodes or {}
    for name, value in arguments.keywords.items():
        node = nodes.get(name)
        if name.endswith("_init") and name not in _NUMBERS and node is not None:
            _note(run, node, value, f"{name}=", takes_key=True)


def of_method(run: Run, role: str, arguments: Arguments) -> None:
    """The initializer that `self.param` or `self.variable` is given."""
    place = 1 if role == "param" else 2
    if place < len(arguments.positional):
        node, value = arguments.nodes[place], arguments.positional[place]
    else:
        given = (arguments.keyword_nodes or {}).get("init_fn")
        if given is None:
            return
        node, value = given, arguments.keywords["init_fn"]
    _note(run, node, value, f"self.{role}", takes_key=role == "param")


def _note(run: Run, node: ast.expr, value: Value, by: str, *, takes_key: bool) -> None:
    kind = None if isinstance(node, ast.Starred) else _mistake(run, value, takes_key=takes_key)
    if kind is not None and not run.frame.state.dead:
        run.events.linen_initializers.append(InitializerSeen(node, kind, by, run.guards))


def _mistake(run: Run, value: Value, *, takes_key: bool) -> str | None:
    """What is wrong with an initializer, if that is certain."""
    if value.optional:
        return None
    if value.kind is Kind.ARRAY or value.kind is Kind.HOST:
        return "array"
    if isinstance(constant_of(value), (int, float)):
        return "number"
    if not takes_key:
        return None
    qualified = qualified_of(value)
    if qualified is not None:
        facts = run.facts(qualified)
        canonical = qualified if facts is None else facts.name
        if canonical in _CONSTRUCTORS:
            return "constructor"
        is_maker = facts is not None and facts.returns == "callable"
        return "factory" if is_maker and canonical.startswith(_INITIALIZERS) else None
    function = function_of(value)
    if function is None or function.what or function.transformations:
        return None
    return None if any(all_arguments(function.node.args)) else "keyless"


# Names


def named(run: Run, node: ast.expr, name: Value | None, what: str) -> None:
    """A parameter or submodule gets its name: another one in the same run of the method may have it."""
    frame = run.frame
    known = None if name is None else constant_of(name)
    if not isinstance(known, str) or frame.scope is None or frame.scope.owner is None:
        return
    if frame.state.dead or frame.branching or frame.returned is not None:
        return
    owner = frame.scope.owner
    if not linen_layers.is_module(run, owner) or (owner.nested and frame.scope.name == "setup"):
        return  # of what a test makes in a function it is not seen whether it is to fail
    names = frame.linen_names or {}
    frame.linen_names = names
    before = names.setdefault(known, node)
    if before is not node:
        run.events.linen_names.append(NameSeen(node, known, what, owner.name, before, run.guards))


def fields_given(
    run: Run, chain: Sequence[ClassScope], names: AbstractSet[str], arguments: Arguments
) -> None:
    """A module is made with keyword arguments: those that its class assigns and does not annotate it refuses."""
    nodes = arguments.keyword_nodes or {}
    for name in arguments.keywords:
        if name in names or name not in nodes or run.frame.state.dead:
            continue
        for owner in chain:
            value = owner.assigned.get(name)
            if value is not None:
                seen = UnannotatedSeen(nodes[name], name, chain[0].name, value, run.guards)
                run.events.linen_unannotated.append(seen)
                break


# Flags


def flag_of(run: Run, node: ast.Call, layer: Layer, flag: Value | None, *, is_open: bool) -> None:
    """The flag of a layer has to be given once: where it is made, or where it is called."""
    facts = layer.facts
    if facts.off is None or is_open or run.frame.state.dead:
        return
    made_with = layer.get(facts.off)
    given = None if flag is None else constant_of(flag)
    if flag is not None and flag.optional:
        return
    if made_with is None and given is None:
        usual = dict(facts.usual)
        rate = layer.get(facts.rate) if facts.rate in usual else True
        if not isinstance(rate, (int, float)) or not rate:
            return
        kind = "missing"
    elif isinstance(made_with, bool) and isinstance(given, bool):
        kind = "twice"
    else:
        return
    name = f"nn.{facts.name.rpartition('.')[2]}"
    run.events.linen_flags.append(FlagSeen(node, kind, name, facts.off, run.guards))

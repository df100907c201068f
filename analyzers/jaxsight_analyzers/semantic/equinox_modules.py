"""Modules of Equinox: frozen dataclasses, whose fields are set while they are made and never again."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import members, qualified_names
from jaxsight_analyzers.semantic.parameters import all_arguments
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionScope
from jaxsight_analyzers.semantic.values import Kind, Value, class_of, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments

MODULE = "equinox-module"
MAKERS = ("__init__", "__post_init__")
_NEUTRAL = ("abc.ABC", "typing.Generic", "typing.Protocol", "builtins.object")


class FrozenSetSeen(NamedTuple):
    """An attribute of a module that is set where that raises."""

    node: ast.Attribute
    statement: ast.stmt
    owner: str
    undeclared: bool  # in the constructor: it is no field of the class
    of_self: bool
    kind: str  # what a field of that value is annotated as: "array", the name of a type, or ""
    certainty: Certainty
    guards: tuple[str, ...]


def is_module(run: Run, owner: ClassScope) -> bool:
    """Whether a class derives from `equinox.Module`, and is made by it alone."""
    return run.once(("equinox module", owner), lambda: _is_module(run, owner), False)


def _is_module(run: Run, owner: ClassScope) -> bool:
    found = False
    for one in members.lineage(run, owner):
        if "__setattr__" in one.methods or one.node.decorator_list:
            return False
        for expression in one.node.bases:
            bare = expression.value if isinstance(expression, ast.Subscript) else expression
            qualified = qualified_names.at(run, one.home, bare)
            if qualified is not None and run.knowledge.base(qualified) == MODULE:
                found = True
            elif qualified is not None and qualified not in _NEUTRAL:
                return False
            elif qualified is None and len(one.node.bases) > 1:
                return False  # one of several classes of which not all are followed
    return found


def changed(run: Run, facts: FunctionFacts, arguments: Arguments) -> Value | None:
    """The module that `eqx.tree_at` or `eqx.apply_updates` makes of another; None for what is none."""
    found = arguments.get(facts, facts.replaces or "")
    value = None if found is None else found[1]
    owner = None if value is None or value.kind is not Kind.INSTANCE else class_of(value)
    if value is None or owner is None or not is_module(run, owner):
        return None
    return Value(value.kind, value.traced, value.origin, concrete=value.concrete, data=owner)


def note_set(
    run: Run, target: ast.Attribute, base: Value, value: Value, statement: ast.stmt | None
) -> None:
    """Note `module.name = value`, unless the module is being made."""
    owner = class_of(base)
    if owner is None or statement is None or run.frame.state.dead or not is_module(run, owner):
        return
    scope = run.frame.scope
    of_self = scope is not None and _is_self(scope, target.value)
    makes = scope is not None and any(f"{name}" in scope.qualname.split(".") for name in MAKERS)
    certainty, undeclared = Certainty.YES, False
    if makes:
        if not of_self or scope is None or scope.name not in MAKERS:
            return
        undeclared = not any(target.attr in one.fields for one in members.lineage(run, owner))
        if not undeclared or _has_library_fields(run, owner):
            return
    elif of_self and scope is not None:
        if _helps_makers(run, owner, scope.name):
            return
        if scope.name.startswith(
            "_"
        ):  # a class that derives from it may call it in its constructor
            certainty = Certainty.MAYBE
    if owner.is_property(target.attr):
        return
    run.events.equinox_sets.append(
        FrozenSetSeen(
            target,
            statement,
            owner.name,
            undeclared,
            of_self,
            _kind(value),
            certainty,
            run.guards,
        )
    )


def _has_library_fields(run: Run, owner: ClassScope) -> bool:
    """Whether fields come from a class of the library other than `equinox.Module` itself."""
    top = members.library_base(run, Value(Kind.INSTANCE, data=owner))
    return top is None or top.startswith("equinox.nn.")


def _is_self(scope: FunctionScope, node: ast.expr) -> bool:
    first = next(all_arguments(scope.node.args), None)
    if scope.owner is None or first is None:
        return False
    return isinstance(node, ast.Name) and node.id == first.arg


def _helps_makers(run: Run, owner: ClassScope, name: str) -> bool:
    """Whether a method is spoken of in others of the class, so that the constructor may call it."""
    return (name.startswith("__") and name != "__call__") or any(
        name in method.mentions and other != name
        for one in members.lineage(run, owner)
        for other, method in one.methods.items()
    )


def _kind(value: Value) -> str:
    if value.kind is Kind.ARRAY:
        return "array"
    known = constant_of(value)
    return type(known).__name__ if isinstance(known, (bool, int, float, str)) else ""

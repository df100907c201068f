"""Dataclasses of Flax and Chex: instances that are frozen, constructors that take names alone, and fields that a class does not have."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.semantic import linen_variables, members, qualified_names
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope
from jaxsight_analyzers.semantic.values import Kind, Value, class_of, constant_of, record_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments


class AttributeFrozenSeen(NamedTuple):
    """`state.step = 1` of an instance that is frozen."""

    node: ast.Attribute
    statement: ast.stmt
    owner: str
    frame: Frame
    guards: tuple[str, ...]


def note_set(run: Run, target: ast.Attribute, base: Value, statement: ast.stmt | None) -> None:
    """Note `base.name = value` where that raises."""
    if statement is None or base.kind is not Kind.INSTANCE or base.optional:
        return
    name = _frozen_name(run, base, target.attr)
    if name is not None and not run.frame.state.dead:
        run.events.frozen_sets.append(
            AttributeFrozenSeen(target, statement, name, run.frame, run.guards)
        )


def _frozen_name(run: Run, base: Value, attribute: str) -> str | None:
    """The class of an instance of which this attribute cannot be set."""
    owner = class_of(base)
    if owner is None:
        return "TrainState" if linen_variables.is_state(record_of(base)) else None
    frozen = run.once(("frozen", owner), lambda: _frozen_fields(run, owner), None)
    return owner.name if frozen is not None and attribute in frozen else None


def _frozen_fields(run: Run, owner: ClassScope) -> frozenset[str] | None:
    """The fields of a class that is frozen; None for one that is not, or may not be."""
    fields: set[str] = set()
    frozen = False
    for one in members.lineage(run, owner):
        if "__setattr__" in one.methods or len(one.node.bases) > 1:
            return None
        fields |= one.fields.keys()
        for expression in (*one.node.bases, *one.node.decorator_list):
            made = _is_made_frozen(run, one, expression)
            if made is None:
                return None
            frozen = frozen or made
    return frozenset(fields) if frozen else None


def _is_made_frozen(run: Run, owner: ClassScope, expression: ast.expr) -> bool | None:
    """Whether a base or decorator makes a class frozen; None where it may undo that."""
    called = expression.func if isinstance(expression, ast.Call) else expression
    keywords = expression.keywords if isinstance(expression, ast.Call) else []
    if expression in owner.node.bases:
        keywords = owner.node.keywords
    qualified = qualified_names.at(run, owner.home, called)
    how = None if qualified is None else run.knowledge.frozen(qualified)
    told = next((one.value for one in keywords if one.arg == "frozen"), None)
    if how is None:
        is_above = expression in owner.node.bases and members.base_of(run, owner) is not None
        is_plain = qualified is not None and qualified.startswith(("typing.", "builtins.object"))
        return False if is_above or is_plain else None
    if told is None:
        return how == "unless told"
    return isinstance(told, ast.Constant) and told.value is True


# How they are made


class PositionalFieldsSeen(NamedTuple):
    """A dataclass that takes its fields by name, made with arguments by position."""

    node: ast.Call
    owner: str
    fields: tuple[str, ...]
    guards: tuple[str, ...]


_CHEX = ("chex.dataclass", "chex.mappable_dataclass")


def note_made(run: Run, node: ast.AST, owner: ClassScope, arguments: Arguments) -> None:
    """A call of a class: one of Chex is a mapping, and made as a dict is."""
    given = arguments.positional
    if not given or not owner.node.decorator_list or not isinstance(node, ast.Call):
        return
    if arguments.open or any(isinstance(one, ast.Starred) for one in node.args):
        return
    is_known = given[0].kind is Kind.ARRAY or isinstance(constant_of(given[0]), (int, float))
    if len(given) == 1 and not arguments.keywords and not is_known:
        return  # perhaps a dict of all fields
    if not run.frame.state.dead and _is_mapping(run, owner):
        fields = tuple(owner.fields)
        run.events.positional_fields.append(
            PositionalFieldsSeen(node, owner.name, fields, run.guards)
        )


def _is_mapping(run: Run, owner: ClassScope) -> bool:
    run.depend(owner)
    if owner.node.bases or "__init__" in owner.methods or len(owner.node.decorator_list) != 1:
        return False
    decorator = owner.node.decorator_list[0]
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    if any(one.arg in ("mappable_dataclass", "init", None) for one in keywords):
        return False
    return qualified_names.at(run, owner.home, called) in _CHEX


# What they are made anew with


class UnknownFieldSeen(NamedTuple):
    """A field that is given for a copy or a step, and that the class does not have."""

    node: ast.Call
    argument: ast.expr
    field: str
    owner: str
    method: str
    is_sure: bool  # it is of that class itself, and of no class that derives from it
    guards: tuple[str, ...]


_METHODS = {"replace": (), "create": (), "apply_gradients": ("grads",)}


def note_fields(
    run: Run, node: ast.AST, base: Value | None, method: str, arguments: Arguments
) -> None:
    """`state.replace(...)`, `State.create(...)`, `state.apply_gradients(...)`; without a base of `TrainState` itself."""
    if run.frame.state.dead or method not in _METHODS or not isinstance(node, ast.Call):
        return
    owner = None if base is None else class_of(base)
    known = _fields_with_inherited(run, owner, method)
    is_sure = base is None or base.kind is Kind.CLASS or record_of(base) is not None
    if known is None or not (is_sure or known):
        return  # what is annotated with a class that has no fields is of one that derives from it
    name = "TrainState" if owner is None else owner.name
    for field in arguments.keywords:
        argument = (arguments.keyword_nodes or {}).get(field)
        is_written = any(one.arg == field for one in node.keywords)
        if field not in known and argument is not None and is_written:
            run.events.unknown_fields.append(
                UnknownFieldSeen(node, argument, field, name, method, is_sure, run.guards)
            )


def _fields_with_inherited(
    run: Run, owner: ClassScope | None, method: str
) -> frozenset[str] | None:
    """The fields that a class takes by name; None where they are not all known."""
    own = frozenset(_METHODS[method])
    if owner is None:
        return own | frozenset(linen_variables.FIELDS)
    for one in members.lineage(run, owner):
        is_own = method in one.methods or "__init__" in one.methods
        if is_own or _is_replaced(run, one, method):
            return None
    frozen = run.once(("frozen", owner), lambda: _frozen_fields(run, owner), None)
    if frozen is None:
        return None
    top = members.library_base(run, Value(Kind.INSTANCE, data=owner))
    if top == linen_variables.STATE:
        return own | frozen | frozenset(linen_variables.FIELDS)
    return own | frozen if method == "replace" else None


def _is_replaced(run: Run, owner: ClassScope, method: str) -> bool:
    """Whether its module puts another function in the place of a method: `State.replace = synchronised`."""
    if owner.nested:
        return False
    run.depend(owner.home.name_task(owner.name).changes)
    return bool(owner.home.changes(f"{owner.name}.{method}", run.scopes))

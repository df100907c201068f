"""What the classes of Flax Linen's modules allow where: submodules, attributes, transformations of JAX."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import linen_layers, members, qualified_names
from jaxsight_analyzers.semantic.linen_events import (
    AttributeSetSeen,
    InsideSeen,
    MadeSeen,
    OwnInitSeen,
    UnboundSeen,
)
from jaxsight_analyzers.semantic.parameters import FunctionNode, all_arguments
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionScope, decorators_of
from jaxsight_analyzers.semantic.trees import walk
from jaxsight_analyzers.semantic.values import Kind, Value, class_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.contexts import Frame, Transformation

_COMPACT = ("flax.linen.compact", "flax.linen.compact_name_scope", "flax.linen.module.compact")
_MAKERS = ("__init__", "__new__", "__post_init__")
_APPLYING = ("init", "apply", "init_with_output", "lazy_init", "bind")
_MADE_THERE = ("is_initializing", "has_variable", "is_mutable_collection")


def kind_of_method(run: Run, scope: FunctionScope) -> str:
    """Whether a method of a module is "compact", "setup", "plain", or "other": decorated in another way."""
    if scope.name == "setup" or scope.name in _MAKERS:
        return "setup"
    kind = "plain"
    for decorator in decorators_of(scope.node):
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        qualified = qualified_names.at(run, scope.home, called)
        if qualified in _COMPACT:
            return "compact"
        kind = "other"
    return kind


def defined(run: Run, owner: ClassScope) -> None:
    """A class is defined: Flax copies its modules by calling them with all fields, `name` and `parent`."""
    method = owner.methods.get("__init__")
    if method is None or not linen_layers.is_module(run, owner):
        return
    run.depend(method.head)
    arguments = method.node.args
    names = [one.arg for one in all_arguments(arguments)]
    node = method.node
    if arguments.kwarg is None and "parent" not in names and not isinstance(node, ast.Lambda):
        run.events.linen_own_init.append(OwnInitSeen(node, owner.name))


# Submodules


def note_made(run: Run, node: ast.expr, what: str) -> None:
    """A submodule or a parameter is made."""
    scope, state = run.frame.scope, run.frame.state
    if scope is None or state.dead or scope.owner is None:
        return
    if run.once(("linen makes", scope), lambda: _refuses_submodules(run, scope), False):
        run.events.linen_made.append(MadeSeen(node, what, scope.owner.name, scope.node, run.guards))


def _refuses_submodules(run: Run, scope: FunctionScope) -> bool:
    """Whether a method may make nothing: it is not compact, and nothing that may leads to it."""
    owner = scope.owner
    if owner is None or owner.nested or not linen_layers.is_module(run, owner):
        return False
    run.depend(scope)
    if kind_of_method(run, scope) != "plain":
        return False
    leading = list(_leading_to(run, owner, scope.name))
    return all(kind_of_method(run, one) == "plain" for one in leading) and any(
        one.name == "__call__" for one in (scope, *leading)
    )


def _leading_to(run: Run, owner: ClassScope, name: str) -> Iterator[FunctionScope]:
    """The methods of a class and its bases that speak of a method, or of one that does, and so on."""
    methods = [method for one in members.lineage(run, owner) for method in one.methods.values()]
    for method in methods:
        run.depend(method)
    names, waiting = {name}, [name]
    while waiting:
        wanted = waiting.pop()
        for method in methods:
            speaks = wanted in method.mentions or (
                wanted == "__call__" and _calls_self(method.node)
            )
            if speaks and not (method.name == wanted and method.name == name):
                yield method
                if method.name not in names:
                    names.add(method.name)
                    waiting.append(method.name)


def _calls_self(node: FunctionNode) -> bool:
    """`self(x)` in a method."""
    first = next(all_arguments(node.args), None)
    return first is not None and any(
        isinstance(inner, ast.Call)
        and isinstance(inner.func, ast.Name)
        and inner.func.id == first.arg
        for inner in walk(node)
    )


# Attributes


def stored(run: Run, target: ast.Attribute, base: Value) -> None:
    """`self.h = x` in a method of a module, which is frozen but for `setup`."""
    scope = run.frame.scope
    if base.kind is not Kind.INSTANCE or scope is None or run.frame.state.dead:
        return
    owner = class_of(base)
    if owner is None or scope.owner is None or not linen_layers.is_module(run, owner):
        return
    first = next(all_arguments(scope.node.args), None)
    itself = isinstance(target.value, ast.Name) and first is not None
    if not itself or target.value.id != first.arg or target.attr.startswith("__"):  # type: ignore[union-attr]
        return
    if run.once(("linen frozen", scope), lambda: _is_frozen(run, scope), False):
        made = AttributeSetSeen(target, scope.owner.name, scope.node, run.guards)
        run.events.linen_attributes.append(made)


def _is_frozen(run: Run, scope: FunctionScope) -> bool:
    """Whether a method runs when the module cannot be changed any more."""
    owner = scope.owner
    if owner is None or owner.nested:
        return False
    run.depend(scope)
    kind = kind_of_method(run, scope)
    if kind not in ("plain", "compact"):
        return False
    if any("__setattr__" in one.methods for one in members.lineage(run, owner)):
        return False
    leading = list(_leading_to(run, owner, scope.name))
    kinds = [kind_of_method(run, one) for one in leading]
    if "setup" in kinds or "other" in kinds:
        return False
    # a helper that only other classes call may be one of their `setup`
    called = kind == "compact" or "compact" in kinds
    return called or any(one.name == "__call__" for one in (scope, *leading))


def is_refused(run: Run, base: Value) -> bool:
    """Whether an attribute that is set here is one that the module refuses."""
    scope, owner = run.frame.scope, class_of(base)
    if scope is None or scope.owner is None or owner is None:
        return False
    if not linen_layers.is_module(run, owner):
        return False
    return run.once(("linen frozen", scope), lambda: _is_frozen(run, scope), False)


# Transformations of JAX


def note_called(run: Run, node: ast.Call) -> None:
    """A submodule is called: perhaps in what JAX traces apart from the module, so that what it makes leaks."""
    frame = run.frame
    if frame.state.dead or frame.caller is None or not frame.abstract:
        return
    found: Transformation | None = None
    for inner in frame.chain():
        scope = inner.scope
        if scope is not None and scope.owner is not None:
            inside = found is not None and linen_layers.is_module(run, scope.owner)
            if inside and found is not None and not _is_made_before(inner, node, found):
                seen = InsideSeen(node, found.qualified, found.node, scope.owner.name, run.guards)
                run.events.linen_inside.append(seen)
            return
        if _knows_that_it_is_made(inner):
            return
        applied = [t for t in inner.transformations if _traces_apart(t)]
        found = found or (applied[0] if applied else None)


def needs_binding(run: Run, owner: ClassScope) -> bool:
    """Whether calling an object of a class fails without variables: `__call__` is compact, or uses what `setup` makes."""
    made: set[str] = set()
    call: FunctionScope | None = None
    for one in members.lineage(run, owner):
        setup = one.methods.get("setup")
        made |= set() if setup is None else set(setup.stores)
        call = call or one.methods.get("__call__")
    if call is None:
        return False
    run.depend(call)
    kind = kind_of_method(run, call)
    return kind == "compact" or (kind == "plain" and not made.isdisjoint(call.mentions))


def note_unbound(run: Run, node: ast.Call, module: str) -> None:
    """A module is called as if it had variables: `Net()(x)` at the top, or where it is also applied."""
    frame = run.frame
    if frame.state.dead or frame.applied is not None:
        return
    if frame.scope is not None and not _is_applied_in(frame, node):
        return
    for inner in frame.chain():
        scope = inner.scope
        if (
            scope is not None
            and scope.owner is not None
            and linen_layers.is_module(run, scope.owner)
        ):
            return
    run.events.linen_unbound.append(UnboundSeen(node, module, run.guards))


def _is_applied_in(frame: Frame, node: ast.Call) -> bool:
    """Whether the function that calls a module by a name also applies it, or makes its variables."""
    called = node.func
    scope = frame.scope
    if not isinstance(called, ast.Name) or scope is None or scope.owner is not None:
        return False
    if called.id not in scope.local_names or isinstance(scope.node, ast.Lambda):
        return False
    return any(
        isinstance(part, ast.Attribute)
        and part.attr in _APPLYING
        and isinstance(part.value, ast.Name)
        and part.value.id == called.id
        for part in walk(scope.node)
    )


def _traces_apart(transformation: Transformation) -> bool:
    return (
        transformation.qualified.startswith("jax.")
        and transformation.traces_constants
        and not transformation.facts.only_traces
    )


def _knows_that_it_is_made(frame: Frame) -> bool:
    """Whether it runs only where the module's variables are there: `if not self.is_initializing():`."""
    return any(
        isinstance(part, ast.Attribute) and part.attr in _MADE_THERE
        for condition in frame.state.conditions
        for part in walk(condition.test.node)
    )


def _is_made_before(method: Frame, node: ast.Call, transformation: Transformation) -> bool:
    """Whether the method calls the same submodule before, which makes its variables; or asks whether it has them."""
    written = None if isinstance(node.func, ast.Call) else ast.unparse(node.func)
    line = getattr(transformation.node, "lineno", 0)
    for part in walk(method.node):
        if isinstance(part, ast.Attribute) and part.attr in _MADE_THERE:
            return True
        if not isinstance(part, ast.Call) or part is node or part.lineno >= line:
            continue
        if ast.unparse(part.func) == written:
            return True
    return False

"""What is compiled: functions and methods, by which transformation, and what these name of their parameters."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import class_kinds, decorators
from jaxsight_analyzers.semantic.contexts import Transformation
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope
from jaxsight_analyzers.semantic.trees import walk
from jaxsight_analyzers.semantic.values import FunctionData

_MAKERS = ("__init__", "__post_init__", "__new__", "setup")


class AppliedSeen(NamedTuple):
    """A function as a transformation compiles it."""

    node: ast.AST  # the call or the decorator
    data: FunctionData
    transformation: Transformation
    of_self: OfSelf | None


class WrappedSeen(NamedTuple):
    """A function that is transformed already, given to what wraps one: `chex.assert_max_traces(jax.jit(f))`."""

    node: ast.AST  # the call or the decorator
    qualified: str
    data: FunctionData
    inner: Transformation
    guards: tuple[str, ...]


class OfSelf(NamedTuple):
    """The object whose method is compiled, as the transformation sees it."""

    owner: ClassScope
    kind: str  # see `class_kinds`
    hashable: bool
    static: bool
    certainty: Certainty  # whether the class itself has instances
    of_arrays: bool  # a dataclass with nothing but arrays in its fields
    changed: tuple[
        tuple[str, str], ...
    ]  # attributes that the method reads, each with who else sets it


def note_wrapped(run: Run, node: ast.AST, qualified: str, data: FunctionData) -> None:
    """Record a transformed function that is wrapped."""
    if data.transformations and not run.frame.state.dead:
        inner = data.transformations[-1]
        run.events.wrapped.append(WrappedSeen(node, qualified, data, inner, run.guards))


def note(run: Run, data: FunctionData, transformation: Transformation) -> None:
    """Record what is compiled, if there may be a catch."""
    if not transformation.compiles or transformation.filters or transformation.takes_modules:
        return
    of_self = _of_self(run, data, transformation)
    if of_self is not None or transformation.static or transformation.donated:
        seen = AppliedSeen(transformation.node, data, transformation, of_self)
        run.events.applied.append(seen)


def note_method(run: Run, data: FunctionData) -> None:
    """Record how a method is compiled where it runs: what its decorators do is worked out apart."""
    for transformation in data.transformations:
        if not transformation.bound:
            note(run, data, transformation)


def _of_self(run: Run, data: FunctionData, transformation: Transformation) -> OfSelf | None:
    """What `self` is to a transformation that gets it as an argument."""
    owner, signature = data.scope.owner, data.node.args
    names = [one.arg for one in (*signature.posonlyargs, *signature.args)]
    if owner is None or not names or transformation.bound or transformation.static_unknown:
        return None
    if decorators.is_static(data.node) or owner.nested:
        return None
    kind = class_kinds.kind_of(run, owner)
    if kind is None or kind == "enum":
        return None
    static = not {0, names[0], -len(names)}.isdisjoint(transformation.static)
    return OfSelf(
        owner,
        kind,
        class_kinds.is_hashable(run, owner, kind),
        static,
        Certainty.MAYBE if class_kinds.is_abstract(run, owner) else Certainty.YES,
        class_kinds.holds_arrays(run, owner),
        tuple(_changed(owner, data.scope.name, data.node, names[0])) if static else (),
    )


def _changed(
    owner: ClassScope, own_name: str, method: ast.AST, name: str
) -> Iterator[tuple[str, str]]:
    """The attributes of `self` that a method reads and that others than the constructor set."""
    if "__hash__" in owner.methods:
        return  # what is compiled is found by what the object holds
    read = {
        node.attr
        for node in walk(method)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    }
    for attribute in sorted(read):
        for writer in owner.writers(attribute):
            if writer not in _MAKERS and writer != own_name and not _helps_makers(owner, writer):
                yield attribute, writer
                break


def _helps_makers(owner: ClassScope, name: str) -> bool:
    """Whether a method is the class's own business and the constructor's alone."""
    users = [one for one, scope in owner.methods.items() if one != name and name in scope.mentions]
    return name.startswith("_") and bool(users) and all(one in _MAKERS for one in users)

"""What modules of Equinox hold besides arrays: functions, which are leaves of them that JAX takes for no arrays."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import equinox_modules, imports, leaves, members, qualified_names
from jaxsight_analyzers.semantic.contexts import Transformation
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionScope
from jaxsight_analyzers.semantic.values import Kind, Value, class_of

_CALLABLES = ("typing.Callable", "collections.abc.Callable", "builtins.callable")
_SEQUENTIAL = "equinox.nn.Sequential"
_DEEPEST = 4


class Held(NamedTuple):
    """A function that a module holds where JAX looks for arrays."""

    field: str  # of the module; empty where it is one of the library's
    certainty: Certainty


class UnfilteredSeen(NamedTuple):
    """A module with functions among its leaves, given where arrays are meant."""

    node: ast.AST  # the call
    argument: ast.expr
    by: str  # what takes it: the optimiser's maker, or a function of a library
    transformation: Transformation | None  # where that is one
    held: Held
    guards: tuple[str, ...]


def note(
    run: Run,
    node: ast.AST,
    argument: ast.expr,
    by: str,
    value: Value,
    transformation: Transformation | None = None,
) -> None:
    """Record a module with functions that is given to what takes arrays alone."""
    if run.frame.state.dead or not (value.kind is Kind.INSTANCE or value.data is not None):
        return
    held = held_function(run, value)
    if held is not None:
        run.events.unfiltered.append(
            UnfilteredSeen(node, argument, by, transformation, held, run.guards)
        )


def held_function(run: Run, value: Value) -> Held | None:
    """A function among the leaves of a module; None for what is no module, and for one without functions."""
    if isinstance(value.data, FunctionFacts):
        return Held("", Certainty.YES) if value.data.holds == "functions" else None
    owner = class_of(value) if value.kind is Kind.INSTANCE and not value.optional else None
    if owner is None or not equinox_modules.is_module(run, owner):
        return None
    return _in_class(run, owner, 0)


def _in_class(run: Run, owner: ClassScope, depth: int) -> Held | None:
    return run.once(("equinox leaves", owner), lambda: _look(run, owner, depth), None)


def _look(run: Run, owner: ClassScope, depth: int) -> Held | None:
    """The function in a class that is surest."""
    best: Held | None = None
    for one in members.lineage(run, owner):
        for name, field in one.fields.items():
            if leaves.is_static_field(field.value):
                continue
            certainty = _annotated(run, one, field.annotation, depth)
            if certainty is not Certainty.YES:
                certainty = max(certainty, _given(run, one, name, depth))
            if certainty is not Certainty.NO and (best is None or certainty > best.certainty):
                best = Held(name, certainty)
    return best


def _annotated(run: Run, owner: ClassScope, annotation: ast.expr, depth: int) -> Certainty:
    """Whether what a field is annotated as is, or holds, a function."""
    bare = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    qualified = qualified_names.at(run, owner.home, bare)
    if qualified in _CALLABLES:
        return Certainty.MAYBE
    return _made_of(run, owner, bare, depth)


def _made_of(run: Run, owner: ClassScope, name: ast.expr, depth: int) -> Certainty:
    """Whether instances of a class, so written, hold functions."""
    qualified = qualified_names.at(run, owner.home, name)
    facts = None if qualified is None else run.facts(qualified)
    if facts is not None:
        return Certainty.YES if facts.holds == "functions" else Certainty.NO
    value = imports.global_of(run, owner.home, name)
    inner = None if value is None or value.kind is not Kind.CLASS else class_of(value)
    if inner is None or depth >= _DEEPEST or not equinox_modules.is_module(run, inner):
        return Certainty.NO
    held = _in_class(run, inner, depth + 1)
    return Certainty.NO if held is None else held.certainty


def _given(run: Run, owner: ClassScope, name: str, depth: int) -> Certainty:
    """Whether the constructor surely gives a field a function, or a list with one."""
    method = owner.methods.get("__init__")
    if method is None:
        return Certainty.NO
    run.depend(method)
    written = list(_assigned(method, name))
    if len(written) != 1:
        return Certainty.NO
    return max(
        [_holds(run, owner, method, part, depth) for part in _parts(written[0])],
        default=Certainty.NO,
    )


def _assigned(method: FunctionScope, name: str) -> Iterator[ast.expr]:
    """What `self.name` is given by the statements of a method that surely run."""
    for statement in method.node.body if not isinstance(method.node, ast.Lambda) else ():
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target = statement.targets[0]
        if isinstance(target, ast.Attribute) and target.attr == name:
            yield statement.value


def _parts(node: ast.expr) -> list[ast.expr]:
    return list(node.elts) if isinstance(node, (ast.List, ast.Tuple)) else [node]


def _holds(
    run: Run, owner: ClassScope, method: FunctionScope, node: ast.expr, depth: int
) -> Certainty:
    """Whether an expression is a function, or makes a module that holds one."""
    if isinstance(node, ast.Lambda):
        return Certainty.YES
    name = node.func if isinstance(node, ast.Call) else node
    root = name
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name) or root.id in method.local_names:
        return Certainty.NO
    if not isinstance(node, ast.Call):
        qualified = qualified_names.at(run, owner.home, node)
        facts = None if qualified is None else run.facts(qualified)
        is_function = facts is not None and facts.specific and facts.kind == "function"
        return Certainty.YES if is_function else Certainty.NO
    if qualified_names.at(run, owner.home, name) == _SEQUENTIAL and node.args:
        parts = [_holds(run, owner, method, one, depth) for one in _parts(node.args[0])]
        return max(parts, default=Certainty.NO)
    return _made_of(run, owner, name, depth)

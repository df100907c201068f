"""Finds a function in a file's tree by its qualified name, and puts watchers there.

A watcher is the first statement of the body, which leaves the function object as it is. It sees
tracers where the function is traced. So a second one goes outside of the decorators, and around the
value where the name is assigned (`step = jax.jit(step)`): it sees what callers give. Lines do not move.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from typing import Optional, Union

from jaxsight_runner.data import dataclass

CALLED = "__jaxsight_called__"
"""The builtin that a watched body calls: `CALLED(place, {"x": x})`."""

WATCHED = "__jaxsight_watched__"
"""The builtin that a watched value goes through: `WATCHED(place)(value)`."""

_Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]
_Definition = Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef]
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_Assignment = Union[ast.Assign, ast.AnnAssign]


@dataclass(frozen=True)
class Place:
    """Where the name is bound."""

    line: int
    signature: Optional[inspect.Signature]  # of the `def`; None for an assignment
    in_class: bool


def watch(tree: ast.Module, qualname: str) -> tuple[Place, ...]:
    """Put watchers where the name is bound; they name their place by its index."""
    places: list[Place] = []
    for node, in_class in _found(tree, qualname):
        index = len(places)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            places.append(Place(node.lineno, _signature(node), in_class))
            _watch_body(node, index)
            if node.decorator_list:
                outermost = ast.copy_location(_watched(index), node.decorator_list[0])
                node.decorator_list.insert(0, ast.fix_missing_locations(outermost))
        elif node.value is not None:
            places.append(Place(node.lineno, None, in_class))
            around = ast.Call(_watched(index), [node.value], [])
            node.value = ast.fix_missing_locations(ast.copy_location(around, node.value))
    return tuple(places)


def names(tree: ast.Module) -> dict[str, int]:
    """The qualified names of all functions, nested ones too, and their lines."""
    return dict(_names(tree.body, ""))


def _names(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, int]]:
    for node in _statements(body):
        if isinstance(node, ast.ClassDef):
            yield from _names(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + node.name, node.lineno
            yield from _names(node.body, f"{prefix}{node.name}.<locals>.")


def once_bound(tree: ast.Module) -> frozenset[str]:
    """Names of the module that importing it binds, once: not under `__name__ == "__main__"`, in no loop."""
    bound: list[str] = []
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            bound += [alias.asname or alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, _DEFINITIONS):
            bound.append(node.name)
        elif isinstance(node, (ast.Try, ast.With)):
            bound += once_bound(ast.Module(node.body, []))
        else:
            bound += _stored(node)
    again = {
        name
        for node in tree.body
        if isinstance(node, (ast.For, ast.While, ast.If))
        for name in _stored(node)
    }
    return frozenset(name for name in bound if bound.count(name) == 1 and name not in again)


def _stored(node: ast.AST) -> list[str]:
    return [
        inner.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
    ]


def _found(tree: ast.Module, qualname: str) -> list[tuple[Union[_Function, _Assignment], bool]]:
    """The definitions and assignments of a name, and whether a class holds them."""
    *outer, last = [part for part in qualname.split(".") if part != "<locals>"]
    scopes: list[tuple[Sequence[ast.stmt], bool]] = [(tree.body, False)]
    for part in outer:
        scopes = [
            (node.body, isinstance(node, ast.ClassDef))
            for body, _ in scopes
            for node in _statements(body)
            if isinstance(node, _DEFINITIONS) and node.name == part
        ]
    return [
        (node, in_class)
        for body, in_class in scopes
        for node in _statements(body)
        if (isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == last)
        or (isinstance(node, (ast.Assign, ast.AnnAssign)) and last in _targets(node))
    ]


def _targets(node: _Assignment) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement of a scope, those in its blocks too."""
    for node in body:
        yield node
        if isinstance(node, _DEFINITIONS):
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(node, field, ()))
        for block in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from _statements(block.body)


def _watched(index: int) -> ast.Call:
    return ast.Call(ast.Name(WATCHED, ast.Load()), [ast.Constant(index)], [])


def _watch_body(node: _Function, index: int) -> None:
    parameters = [argument.arg for argument in _parameters(node.args)]
    given = ast.Dict(
        [ast.Constant(name) for name in parameters],
        [ast.Name(name, ast.Load()) for name in parameters],
    )
    call = ast.Call(ast.Name(CALLED, ast.Load()), [ast.Constant(index), given], [])
    first = node.body[0]
    at = 1 if _is_docstring(first) else 0
    place = node.body[min(at, len(node.body) - 1)]
    statement = ast.copy_location(ast.Expr(call), place)
    node.body.insert(at, ast.fix_missing_locations(statement))


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return found + [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]


def _signature(node: _Function) -> inspect.Signature:
    """The signature as it is written. A default is `...`: that there is one is all that is known."""
    arguments = node.args
    kind = inspect.Parameter
    found: list[inspect.Parameter] = []
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    for index, argument in enumerate(positional):
        only = index < len(arguments.posonlyargs)
        default = kind.empty if index < required else ...
        how = kind.POSITIONAL_ONLY if only else kind.POSITIONAL_OR_KEYWORD
        found.append(kind(argument.arg, how, default=default))
    if arguments.vararg is not None:
        found.append(kind(arguments.vararg.arg, kind.VAR_POSITIONAL))
    for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults):
        default = kind.empty if value is None else ...
        found.append(kind(argument.arg, kind.KEYWORD_ONLY, default=default))
    if arguments.kwarg is not None:
        found.append(kind(arguments.kwarg.arg, kind.VAR_KEYWORD))
    return inspect.Signature(found)

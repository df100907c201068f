"""The parameters of functions, as their signatures name them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Parameters(NamedTuple):
    """The names of a function's parameters."""

    node: FunctionNode
    positional: tuple[str, ...]
    defaults: dict[str, ast.expr | None]  # of all, in the order of the signature


def parameters_of(node: FunctionNode) -> Parameters:
    """What a function's signature says."""
    arguments = node.args
    defaults = defaults_of(arguments)
    return Parameters(
        node,
        tuple([a.arg for a in (*arguments.posonlyargs, *arguments.args)]),
        {a.arg: defaults.get(a.arg) for a in all_arguments(arguments)},
    )


def all_arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    """Every parameter, in the order of the signature."""
    yield from arguments.posonlyargs
    yield from arguments.args
    if arguments.vararg:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg:
        yield arguments.kwarg


def defaults_of(arguments: ast.arguments) -> dict[str, ast.expr]:
    """The default of each parameter that has one."""
    positional = [*arguments.posonlyargs, *arguments.args]
    found = dict(
        zip(
            (argument.arg for argument in positional[len(positional) - len(arguments.defaults) :]),
            arguments.defaults,
        )
    )
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        if default is not None:
            found[argument.arg] = default
    return found


def names_others(arguments: ast.arguments, names: Iterable[str | int]) -> bool:
    """Whether parameters are named that a function does not have: it wraps the one that does."""
    own = {one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    return any(isinstance(one, str) and one not in own for one in names)

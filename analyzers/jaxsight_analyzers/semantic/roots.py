"""What of a file is run although nothing is seen to call it, and its own code."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import flow, functions, members
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionScope
from jaxsight_analyzers.semantic.tasks import Task
from jaxsight_analyzers.semantic.values import FunctionData, Kind, Value, function_of

if TYPE_CHECKING:
    from jaxsight_analyzers.syntax.chunks import Chunk


class Root(Task):
    """Runs a function that nobody is seen to call."""

    __slots__ = ("key", "stamp", "work")

    def __init__(self, key: object) -> None:
        super().__init__()
        self.stamp = 0
        self.key = key
        self.work: Callable[[], object] = lambda: None


def is_function_of_module(scope: FunctionScope) -> bool:
    """Whether it is a `def` at the level of the module."""
    return not scope.nested and scope.owner is None and not isinstance(scope.node, ast.Lambda)


def run_function(run: Run, scope: FunctionScope) -> None:
    """Run a function of the module that nobody is seen to call."""
    value = run.global_value(scope.home, scope.name)
    data = None if value is None else function_of(value)
    if data is None or data.scope is not scope:
        run.depend(scope.head)
        data = FunctionData(scope)
    functions.run_generic(run, data)


def run_assigned(run: Run, owner: ClassScope, name: str) -> None:
    """Run the function of `step = jax.jit(_step)` in the body of a class; one from elsewhere need be no method."""
    written = owner.assigned[name]
    if isinstance(written, ast.Name) and written.id not in owner.methods:
        return
    value = members.member(run, Value(Kind.INSTANCE, data=owner), name)
    data = None if value is None else function_of(value)
    if data is not None and data.transformations:
        functions.run_generic(run, data)


def run_chunk(run: Run, chunk: Chunk) -> None:
    """Run the module's own code in a chunk."""
    if chunk.header is not None:
        flow.run_class_body(run, chunk.body)
    elif chunk.heads is not None:
        head = chunk.body[0]
        assert isinstance(head, ast.ClassDef)
        flow.run_class_head(run, head)
    else:
        flow.run_body(run, chunk.body)

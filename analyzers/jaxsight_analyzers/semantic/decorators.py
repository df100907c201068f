"""Decorators: what they make of functions and classes, and which of them change how a function is called."""

from __future__ import annotations

import ast

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import (
    bodies,
    expressions,
    functions,
    library,
    methods,
    transformations,
)
from jaxsight_analyzers.semantic.arguments import Arguments
from jaxsight_analyzers.semantic.parameters import FunctionNode
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.values import FunctionData, Kind, Value, function_of, qualified_of


def decorate(run: Run, decorator: ast.expr, value: Value) -> Value:
    """What a decorator makes of a function. One that we do not know leaves it, but not what it returns."""
    arguments = Arguments((value,), {}, (decorator,), {})
    if isinstance(decorator, ast.Attribute):
        base, made = expressions.base_and_attribute(run, decorator)
        if base.kind is Kind.FUNCTION:
            methods.of_function(run, decorator, base, decorator.attr, arguments)
            return value
    else:
        made = run.evaluate(decorator)
    transformed = _transformed(run, decorator, made, value, arguments)
    if transformed is not None:
        return transformed
    if isinstance(made.data, FunctionFacts) and made.data.traces:
        bodies.run_bodies(run, decorator, made.data.name, made.data, arguments)
        return value
    data = function_of(made)
    if data is not None:
        wrapped = functions.call(run, decorator, data, arguments)
        inner = function_of(wrapped)
        if inner is not None:
            return _as_wrapper(value, wrapped, inner)
    is_known = data is not None or run.facts(qualified_of(made)) is not None
    is_known = is_known or library.is_of_library(run, decorator)
    return value if is_known else _veiled(value)


def decorate_class(run: Run, decorator: ast.expr, value: Value) -> None:
    """`@nn.jit` above a class: its `__call__` runs transformed."""
    made = run.evaluate(decorator)
    _transformed(run, decorator, made, value, Arguments((value,), {}, (decorator,), {}))


def _transformed(
    run: Run, decorator: ast.expr, made: Value, value: Value, arguments: Arguments
) -> Value | None:
    """What a transformation makes of what it decorates; None for another decorator."""
    qualified = qualified_of(made)
    facts = run.facts(qualified)
    if qualified is not None and facts is not None and facts.transforms:
        return transformations.apply(run, decorator, qualified, facts, arguments)
    if isinstance(made.data, transformations.Call):
        return transformations.complete(run, decorator, made.data, value)
    return None


def _veiled(value: Value) -> Value:
    data = function_of(value)
    return value if data is None else Value(value.kind, data=replace(data, veiled=True))


def _as_wrapper(value: Value, wrapped: Value, inner: FunctionData) -> Value:
    """A decorator of this file: what it returns, when that wraps the function or transforms it."""
    original = function_of(value)
    if original is not None and inner.node is original.node:
        return wrapped
    return Value(Kind.FUNCTION, data=inner)


def names_of(node: FunctionNode) -> set[str]:
    """The decorators of a function by their last names, as they are written."""
    if isinstance(node, ast.Lambda):
        return set()
    return {
        ast.unparse(decorator).partition("(")[0].rpartition(".")[2]
        for decorator in node.decorator_list
    }


def is_static(node: FunctionNode) -> bool:
    """Whether a method takes no `self`."""
    return bool(names_of(node) & {"staticmethod", "classmethod"})


def is_cached(node: FunctionNode) -> bool:
    """Whether a function's body runs once for each set of arguments."""
    return bool(names_of(node) & {"cache", "lru_cache", "cached_property"})

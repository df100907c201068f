"""Annotations: what they say of a parameter or a field, and the names that they refer to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import (
    checkpoints,
    imports,
    nnx_modules,
    optimisers,
    qualified_names,
)
from jaxsight_analyzers.semantic.parameters import all_arguments
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope
from jaxsight_analyzers.semantic.values import HOST, STATIC, Kind, Value, class_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.module import Module


def kind_of(run: Run, annotation: ast.expr | None) -> str | None:
    """What an annotation says: "array", "key", "static", ..., or None where it says nothing."""
    if annotation is None:
        return None
    if isinstance(annotation, ast.Constant):
        if annotation.value is None:
            return "static"
        if not isinstance(annotation.value, str):
            return None
        try:
            return kind_of(run, ast.parse(annotation.value, mode="eval").body)
        except (SyntaxError, ValueError):
            return None  # not an annotation of ours: a string with some other meaning
    if isinstance(annotation, ast.Subscript):
        kind = kind_of(run, annotation.value)
        whose = qualified_names.of(run, annotation.value) if kind == "array" else None
        if whose is None or not whose.startswith("jaxtyping."):
            return kind
        inner = annotation.slice  # `Float[Array, "b c"]`, but also `Float[torch.Tensor, "b c"]`
        of = kind_of(run, inner.elts[0] if isinstance(inner, ast.Tuple) else inner)
        return of if of in ("array", "host-array") else None
    if isinstance(annotation, ast.BinOp):
        kinds = {kind_of(run, annotation.left), kind_of(run, annotation.right)}
        return kinds.pop() if len(kinds) == 1 else None
    qualified = qualified_names.of(run, annotation)
    kind = None if qualified is None else run.knowledge.annotation(qualified)
    return "static" if kind == "static-field" else kind


def value_of(
    run: Run, annotation: ast.expr, name: str, node: ast.AST, home: Module | None = None
) -> Value | None:
    """A value as its annotation, in a file, describes it; None where the annotation says nothing."""
    with qualified_names.at_home(run, home or run.frame.module):
        return _value(run, annotation, name, node)


def _value(run: Run, annotation: ast.expr, name: str, node: ast.AST) -> Value | None:
    kind = kind_of(run, annotation)
    if kind == "array":
        return Value(Kind.ARRAY, tokens=run.new_key(name, node))
    if kind == "key":
        return Value(Kind.KEY, tokens=run.new_key(name, node))
    if kind == "static":
        return _of_library(run, annotation) or STATIC
    if kind == "host-array":
        return HOST
    if isinstance(annotation, ast.Name):
        value = run.lookup(annotation.id)
    else:
        value = imports.global_of(run, run.frame.module, annotation)
    if value is not None and value.kind is Kind.CLASS:
        return Value(Kind.INSTANCE, data=class_of(value))
    return nnx_modules.of_annotation(run, annotation) or _of_library(run, annotation)


def kind_of_field(run: Run, owner: ClassScope, name: str) -> str | None:
    """What the annotation of a field of a class says."""
    with qualified_names.at_home(run, owner.home):
        return kind_of(run, owner.fields[name].annotation)


def evaluate(run: Run, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Look at the annotations of a signature, for the names they refer to."""
    if run.postponed_annotations:
        return
    for argument in all_arguments(node.args):
        if argument.annotation is not None:
            run.evaluate(argument.annotation)
    if node.returns is not None:
        run.evaluate(node.returns)


def _of_library(run: Run, annotation: ast.expr) -> Value | None:
    """An optimiser or a checkpointer of which no more is known than that it is one."""
    names = list(_alternatives(run, annotation))
    return optimisers.of_annotation(names) or checkpoints.of_annotation(run, annotation, names)


def _alternatives(run: Run, annotation: ast.expr) -> Iterator[str]:
    """The qualified names of an annotation: of `tx: optax.GradientTransformation | None` the optimiser's."""
    if isinstance(annotation, ast.BinOp):
        yield from _alternatives(run, annotation.left)
        yield from _alternatives(run, annotation.right)
    elif isinstance(annotation, ast.Subscript):
        if qualified_names.of(run, annotation.value) == "typing.Optional":
            yield from _alternatives(run, annotation.slice)
    elif isinstance(annotation, (ast.Name, ast.Attribute)):
        name = qualified_names.of(run, annotation)
        if name is not None:
            yield name

"""What annotations with classes of libraries say of a value, beyond that it is no array."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import checkpoints, members, optimisers

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.run import Run
    from jaxsight_analyzers.semantic.values import Value


def of_library(run: Run, annotation: ast.expr) -> Value | None:
    """An optimiser or a checkpointer of which no more is known than that it is one."""
    names = list(_alternatives(run, annotation))
    return optimisers.of_annotation(names) or checkpoints.of_annotation(run, annotation, names)


def _alternatives(run: Run, annotation: ast.expr) -> Iterator[str]:
    """The qualified names of an annotation: of `tx: optax.GradientTransformation | None` the optimiser's."""
    if isinstance(annotation, ast.BinOp):
        yield from _alternatives(run, annotation.left)
        yield from _alternatives(run, annotation.right)
    elif isinstance(annotation, ast.Subscript):
        if members.qualified_name(run, annotation.value) == "typing.Optional":
            yield from _alternatives(run, annotation.slice)
    elif isinstance(annotation, (ast.Name, ast.Attribute)):
        name = members.qualified_name(run, annotation)
        if name is not None:
            yield name

"""Annotations of jaxtyping as they are evaluated: `Float[Array, "batch dim"]`."""

from __future__ import annotations

import ast
from typing import NamedTuple

from jaxsight_analyzers.semantic.run import Run

_LIBRARY = "jaxtyping."


class ShapeAnnotationSeen(NamedTuple):
    """An annotation of an array that is evaluated."""

    node: ast.Subscript
    qualified: str
    guards: tuple[str, ...]


def note(run: Run, node: ast.Subscript, qualified: object) -> None:
    """Note an annotation with the dtype of an array; others, such as `PyTree[...]`, take other things."""
    if not isinstance(qualified, str) or not qualified.startswith(_LIBRARY):
        return
    is_array = run.knowledge.annotation(qualified) == "array"
    if is_array and not qualified.endswith((".Array", ".ArrayLike", ".Scalar", ".ScalarLike")):
        run.events.shape_annotations.append(ShapeAnnotationSeen(node, qualified, run.guards))

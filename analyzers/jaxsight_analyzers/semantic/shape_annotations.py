"""Annotations of jaxtyping, `Float[Array, "batch dim"]`, as they are evaluated, and what is given against them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.semantic import avals, qualified_names
from jaxsight_analyzers.semantic.avals import Aval
from jaxsight_analyzers.semantic.parameters import all_arguments
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.values import FunctionData, Kind

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments

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


class ContradictedSeen(NamedTuple):
    """An argument that is not what the annotation of its parameter says."""

    node: ast.expr  # the argument
    parameter: ast.arg
    function: str
    why: str
    guards: tuple[str, ...]


_KINDS = {"Float": "float", "Int": "integer", "Bool": "bool", "Complex": "complex"}
_COMPILING = ("jax.jit", "equinox.filter_jit")
_ARRAYS = ("jaxtyping.Array", "jax.Array")


def note_arguments(run: Run, data: FunctionData, arguments: Arguments) -> None:
    """Note what a call gives a function against its annotations. Transformations may hand on something else."""
    if run.frame.state.dead or arguments.open:
        return
    if not any(isinstance(value.data, Aval) for value in arguments.values()):
        return
    if any(one.qualified not in _COMPILING for one in data.transformations):
        return
    annotated = {one.arg: one for one in all_arguments(data.node.args)}
    names = data.scope.parameters.positional[len(data.bound) + (data.self_value is not None) :]
    given = list(zip(names, arguments.nodes, arguments.positional))
    for name, node in (arguments.keyword_nodes or {}).items():
        if name in arguments.keywords:
            given.append((name, node, arguments.keywords[name]))
    for name, node, value in given:
        parameter, aval = annotated.get(name), avals.aval_of(value)
        written = None if parameter is None else parameter.annotation
        if parameter is None or aval is None or not isinstance(written, ast.Subscript):
            continue
        if value.kind is Kind.ARRAY and not value.optional and not isinstance(node, ast.Starred):
            why = _contradiction(run, data, written, aval)
            if why is not None:
                run.events.contradicted.append(
                    ContradictedSeen(node, parameter, data.name, why, run.guards)
                )


def _contradiction(
    run: Run, data: FunctionData, annotation: ast.Subscript, aval: Aval
) -> str | None:
    """What of an array is not as an annotation says; None where nothing is known to be so."""
    home, inside = data.scope.home, annotation.slice
    qualified = qualified_names.at(run, home, annotation.value)
    if qualified is None or not qualified.startswith(_LIBRARY):
        return None
    if not isinstance(inside, ast.Tuple) or len(inside.elts) != 2:
        return None
    array, text = inside.elts
    if qualified_names.at(run, home, array) not in _ARRAYS:
        return None
    kind = _KINDS.get(qualified.removeprefix(_LIBRARY))
    if kind is not None and avals.kind_of(aval.dtype) not in (kind, None):
        return f"an array of {aval.dtype}"
    is_text = isinstance(text, ast.Constant) and isinstance(text.value, str)
    if aval.shape is None or not is_text or not isinstance(text, ast.Constant):
        return None
    axes = str(text.value).split()
    if not all(axis.isidentifier() or axis.isdigit() for axis in axes):
        return None
    if len(axes) != len(aval.shape):
        return f"an array with {len(aval.shape)} axes"
    sizes: dict[str, int] = {}
    for axis, size in zip(axes, aval.shape):
        wanted = int(axis) if axis.isdigit() else sizes.setdefault(axis, size or 0)
        if size is not None and axis != "_" and wanted not in (size, 0):
            return f"an array with {size} where the annotation has `{axis}`"
    return None

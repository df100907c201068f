"""Writes an annotation of jaxtyping that raises.

## Why is this bad?

`Float[Array, "batch dim"]` is evaluated where the function or the class is defined, and some spellings raise there, so that the module cannot be imported. Axes stand apart by blanks: `"batch, dim"` is
`ValueError: Axes should be separated with spaces, not commas`. One axis may stand for several: `"... *names"` is ``ValueError: Cannot use variadic specifiers (`*name` or `...`) more than once.``
Type and shape both have to be given: `Float[Array]` and `Float["batch dim"]` are `ValueError: As of jaxtyping v0.2.0, type annotations must now include both an array type and a shape`, and the shape is a text, or this is
`AttributeError: 'tuple' object has no attribute 'strip'`.

## Fix safety

Safe: blanks in the place of commas; the old annotation raises.

## Limits

Annotations that are not evaluated, as those under `from __future__ import annotations`, are not looked at: there it is the checker that raises.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for number, seen in enumerate(unit.shape_annotations):
        why = _wrong(seen.node)
        if why is None:
            continue
        fixes: tuple[FixRef, ...] = ()
        if "comma" in why and _separated(unit, seen.node) is not None:
            title = "Separate the axes by blanks"
            fixes = (FixRef("separate-by-blanks", title, Applicability.SAFE, number),)
        name = seen.qualified.rpartition(".")[2]
        span = unit.model.module.span(seen.node)
        yield Finding(span=span, message=f"`{name}[...]` raises: {why}", fixes=fixes)


def _wrong(node: ast.Subscript) -> str | None:
    """Why an annotation raises."""
    inside = node.slice
    if isinstance(inside, ast.Constant) and isinstance(inside.value, str):
        return "it takes the type of the array before its shape"
    if isinstance(inside, (ast.Name, ast.Attribute)):
        return "it takes the shape after the type of the array"
    if not isinstance(inside, ast.Tuple) or any(isinstance(e, ast.Starred) for e in inside.elts):
        return None
    if len(inside.elts) > 2:
        return "it takes the shape as one text, whose axes stand apart by blanks"
    shape = inside.elts[-1]
    if isinstance(shape, (ast.Tuple, ast.List)):
        return "its shape is a text, such as `batch dim`"
    if len(inside.elts) < 2 or not isinstance(shape, ast.Constant):
        return None
    if not isinstance(shape.value, str):
        return "its shape is a text, such as `batch dim`"
    return _wrong_shape(shape.value)


def _wrong_shape(text: str) -> str | None:
    if "," in text and "(" not in text and "{" not in text:
        return "axes stand apart by blanks, not by commas"
    axes = text.split()
    if sum(one == "..." or one.lstrip("#?_").startswith("*") for one in axes) > 1:
        return "only one of the axes may stand for several"
    return None


def _separated(unit: Unit, node: ast.Subscript) -> Edit | None:
    """The shape with blanks for its commas, where it is one text without escapes."""
    shape = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) else None
    if not isinstance(shape, ast.Constant) or not isinstance(shape.value, str):
        return None
    span = unit.model.module.span(shape)
    written = unit.model.module.text_of(shape)
    made = " ".join(shape.value.replace(",", " ").split())
    quotes = written[:1]
    is_plain = written == f"{quotes}{shape.value}{quotes}" and _wrong_shape(made) is None
    return Edit(span, f"{quotes}{made}{quotes}") if is_plain else None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    edit = _separated(unit, unit.shape_annotations[reference.data].node)
    return None if edit is None else Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="jaxtyping-annotation",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "ValueError: Axes should be separated with spaces, not commas",
        "ValueError: Cannot use variadic specifiers (`*name` or `...`) more than once",
        "ValueError: As of jaxtyping v0.2.0, type annotations must now include both an array type and a shape",
        "AttributeError: 'tuple' object has no attribute 'strip'",
    ),
    raising=r"\[",
    examples=(
        Example(
            """
            from jaxtyping import Array, Float

            def scale(x: Float[Array, "batch, dim"]):  # error: [jaxtyping-annotation]
                return 2 * x
            """,
            fixed="""
            from jaxtyping import Array, Float

            def scale(x: Float[Array, "batch dim"]):
                return 2 * x
            """,
        ),
        Example(
            """
            from jaxtyping import Array, Float

            def scale(x: Float[Array, "*batch dim"]):
                return 2 * x
            """
        ),
    ),
)

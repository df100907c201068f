"""Writes `eqx.field(...)` where the type of a field belongs.

## Why is this bad?

`name: eqx.field(static=True)` declares a field whose annotation is a call, and Equinox never looks at it: the field is not static. Its text, number or
function is a leaf then, which `jax.jit` and `jax.grad` refuse with `TypeError`, and for which `eqx.filter_jit` still compiles anew. What is right is
`name: str = eqx.field(static=True)`.

## Fix safety

Unsafe: the field begins to be what it was declared as, and a static array warns. The type is that of the constructor's parameter of the same name, or `typing.Any`.

## Limits

Reported for `eqx.field` and `eqx.static_field` as the annotation of a field that has no default, in modules of Equinox.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit

_FIELDS = ("equinox.field", "equinox.static_field")


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(_FIELDS):
        place = edits.place_at(unit, unit.model.module.span(call.node).start)
        statement = None if place is None else place.node
        if not isinstance(statement, ast.AnnAssign) or statement.annotation is not call.node:
            continue
        if statement.value is not None or not isinstance(statement.target, ast.Name):
            continue
        name, written = statement.target.id, edits.text(unit, call.function_span)
        title = f"Make it the value: `{name}: ... = {written}(...)`"
        yield Finding(
            span=unit.model.module.span(call.node),
            message=f"`{written}(...)` is the annotation of `{name}` here, and has no effect; it belongs behind `=`",
            fixes=(FixRef("make-value", title, Applicability.UNSAFE, number),),
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    node = unit.calls[reference.data].node
    span = unit.model.module.span(node)
    places = edits.places_at(unit, span.start)
    name = getattr(getattr(places[-1].node, "target", None), "id", "")
    annotation = next(
        (found for place in places if (found := _parameter(unit, place.node, name))), None
    )
    more: tuple[Edit, ...] = ()
    if annotation is None:
        spelled = edits.spell(unit, "typing.Any")
        annotation, more = spelled.text, spelled.edits
    text = f"{annotation} = {edits.source(unit, node)}"
    return Fix(reference.title, (Edit(span, text), *more), reference.applicability)


def _parameter(unit: Unit, owner: ast.AST, name: str) -> str | None:
    """The annotation of the constructor's parameter of that name."""
    for method in owner.body if isinstance(owner, ast.ClassDef) else ():
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            for one in (*method.args.args, *method.args.kwonlyargs):
                if one.arg == name and one.annotation is not None:
                    return edits.source(unit, one.annotation)
    return None


RULE = Rule(
    name="eqx-field-as-annotation",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("TypeError: Error interpreting argument to ... as an abstract array",),
    raising=r"\(",
    examples=(
        Example(
            """
            import equinox as eqx
            import jax

            class Model(eqx.Module):
                w: jax.Array
                name: eqx.field(static=True)  # error: [eqx-field-as-annotation]

                def __init__(self, w, name: str):
                    self.w = w
                    self.name = name
            """,
            fixed="""
            import equinox as eqx
            import jax

            class Model(eqx.Module):
                w: jax.Array
                name: str = eqx.field(static=True)

                def __init__(self, w, name: str):
                    self.w = w
                    self.name = name
            """,
        ),
        Example(
            """
            import equinox as eqx
            import jax

            class Model(eqx.Module):
                w: jax.Array
                name: str = eqx.field(static=True)
            """
        ),
    ),
)

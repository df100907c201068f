"""Sets an attribute in the constructor of an Equinox module that is no field of its class.

## Why is this bad?

A module of Equinox is a dataclass: its constructor may set the fields that the class declares, and nothing else. Any other attribute raises
``FrozenInstanceError: cannot assign to field 'hidden'``. In PyTorch and in NNX attributes need no declaration.

## Fix safety

Unsafe: the field gets the type of what is assigned where that can be told, and `typing.Any` else.

## Limits

Reported where all classes above it are in sight, up to `eqx.Module`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.equinox_streams import FrozenSet


def check(unit: Unit) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for number, changed in enumerate(unit.equinox_sets):
        place = (changed.owner, changed.node.attr)
        if not changed.undeclared or place in seen:
            continue
        seen.add(place)
        fixes: tuple[FixRef, ...] = ()
        if _class_around(unit, changed) is not None:
            title = f"Declare `{changed.node.attr}` in `{changed.owner}`"
            fixes = (FixRef("declare-field", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=changed.span,
            message=f"`{changed.owner}` declares no field `{changed.node.attr}`, so that its constructor raises `FrozenInstanceError`",
            fixes=fixes,
        )


def _class_around(unit: Unit, changed: FrozenSet) -> ast.ClassDef | None:
    places = edits.places_at(unit, changed.span.start)
    found = [place.node for place in places if isinstance(place.node, ast.ClassDef)]
    return found[-1] if found and found[-1].name == changed.owner else None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    changed = unit.equinox_sets[reference.data]
    owner = _class_around(unit, changed)
    if owner is None:
        return None
    first = owner.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    fields = [one for one in owner.body if isinstance(one, ast.AnnAssign)]
    line, more = _declaration(unit, changed)
    span = unit.model.module.span
    newline = edits.newline(unit)
    if fields or (is_text and len(owner.body) > 1):
        after = span(fields[-1] if fields else first).end
        indent = edits.indent_of(unit, span(first).start)
        edit = Edit(Span(after, after), f"{newline}{indent}{line}")
    else:
        start = span(first).start
        indent = edits.indent_of(unit, start)
        start = _with_decorators(unit, first)
        edit = Edit(Span(start, start), f"{line}{newline}{newline}{indent}")
    return Fix(reference.title, (edit, *more), reference.applicability)


def _with_decorators(unit: Unit, node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", None)
    if not decorators:
        return unit.model.module.span(node).start
    return unit.model.module.span(decorators[0]).start - 1  # its @


def _declaration(unit: Unit, changed: FrozenSet) -> tuple[str, tuple[Edit, ...]]:
    if changed.kind and changed.kind != "array":
        return f"{changed.node.attr}: {changed.kind}", ()
    qualified = "jax.Array" if changed.kind == "array" else "typing.Any"
    spelled = edits.spell(unit, qualified)
    return f"{changed.node.attr}: {spelled.text}", spelled.edits


RULE = Rule(
    name="eqx-undeclared-field",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("FrozenInstanceError: cannot assign to field",),
    raising=r"self\.\w+\s*=",
    examples=(
        Example(
            """
            import equinox as eqx
            import jax
            import jax.numpy as jnp

            class Scale(eqx.Module):
                w: jax.Array

                def __init__(self, n):
                    self.w = jnp.ones(n)
                    self.b = jnp.zeros(n)  # error: [eqx-undeclared-field]
            """,
            fixed="""
            import equinox as eqx
            import jax
            import jax.numpy as jnp

            class Scale(eqx.Module):
                w: jax.Array
                b: jax.Array

                def __init__(self, n):
                    self.w = jnp.ones(n)
                    self.b = jnp.zeros(n)
            """,
        ),
        Example(
            """
            import equinox as eqx
            import jax
            import jax.numpy as jnp

            class Scale(eqx.Module):
                w: jax.Array

                def __init__(self, n):
                    self.w = jnp.ones(n)
            """
        ),
    ),
)

"""Sets an attribute of an Equinox module that is already made.

## Why is this bad?

Modules of Equinox are frozen once their constructor has run: `model.w = x` raises ``FrozenInstanceError: cannot assign to
field 'w'``, in methods and from outside. What looks like an update is a new module: `model = eqx.tree_at(lambda tree: tree.w, model, x)`.

## Fix safety

Unsafe: the name stands for the new module then, and whoever else holds the old one does not see the change.

## Limits

Reported where the class surely derives from `eqx.Module` and has no `__setattr__` of its own. Methods that others of the class speak of may run in the constructor and are not
reported; those whose names begin with an underscore may be called by a class that derives from it. The fix is for names outside of methods.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.equinox_streams import FrozenSet


def check(unit: Unit) -> Iterator[Finding]:
    for number, changed in enumerate(unit.equinox_sets):
        if changed.undeclared:
            continue
        raises = (
            "raises" if changed.certainty is Certainty.YES else "raises outside of the constructor"
        )
        fixes: tuple[FixRef, ...] = ()
        if _update(unit, changed) is not None:
            title = "Make a new module with `eqx.tree_at`"
            fixes = (FixRef("use-tree-at", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=changed.span,
            message=f"`{changed.owner}` is an Equinox module, which is frozen: to set `{changed.name}` {raises}",
            certainty=changed.certainty,
            fixes=fixes,
        )


def _update(unit: Unit, changed: FrozenSet) -> tuple[str, str, str] | None:
    """The name of the module, the path to the attribute, and its new value; None where there is no name to give it to."""
    root: ast.expr = changed.node
    while isinstance(root, ast.Attribute):
        root = root.value
    statement = changed.statement
    if not isinstance(root, ast.Name) or changed.of_self or root.id == "self":
        return None
    path = changed.name.removeprefix(root.id)
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        if statement.targets[0] is changed.node:
            return root.id, path, edits.as_argument(unit, statement.value)
    elif isinstance(statement, ast.AugAssign):
        operator = _OPERATORS.get(type(statement.op))
        if operator is not None:
            value = edits.as_operand(unit, statement.value)
            return root.id, path, f"{changed.name} {operator} {value}"
    return None


_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    changed = unit.equinox_sets[reference.data]
    update = _update(unit, changed)
    if update is None:
        return None
    name, path, value = update
    function = edits.spell(unit, "equinox.tree_at")
    text = f"{name} = {function.text}(lambda tree: tree{path}, {name}, {value})"
    span = unit.model.module.span(changed.statement)
    return Fix(reference.title, (Edit(span, text), *function.edits), reference.applicability)


RULE = Rule(
    name="eqx-mutation",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("FrozenInstanceError: cannot assign to field",),
    raising=r"=",
    examples=(
        Example(
            """
            import equinox as eqx
            import jax
            import jax.numpy as jnp

            class Scale(eqx.Module):
                w: jax.Array

            model = Scale(jnp.ones(2))
            model.w = jnp.zeros(2)  # error: [eqx-mutation]
            """,
            fixed="""
            import equinox as eqx
            import jax
            import jax.numpy as jnp

            class Scale(eqx.Module):
                w: jax.Array

            model = Scale(jnp.ones(2))
            model = eqx.tree_at(lambda tree: tree.w, model, jnp.zeros(2))
            """,
        ),
        Example(
            """
            import equinox as eqx
            import jax
            import jax.numpy as jnp

            class Scale(eqx.Module):
                w: jax.Array

                def __init__(self):
                    self.w = jnp.ones(2)

            model = eqx.tree_at(lambda tree: tree.w, Scale(), jnp.zeros(2))
            """
        ),
    ),
)

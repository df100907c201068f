"""Sets an attribute of a frozen dataclass: of Flax, of Chex, a training state.

## Why is this bad?

Classes under `flax.struct.dataclass` or `chex.dataclass(frozen=True)`, those that derive from `flax.struct.PyTreeNode`, and with them `TrainState`, are frozen: `state.step = 1` raises
`dataclasses.FrozenInstanceError: cannot assign to field 'step'`, in `__post_init__` as well. What looks like an update is another object: `state = state.replace(step=1)`.

## Fix safety

Safe for a name: the old statement cannot have worked, and the name stands for the new object then. Whoever else holds the old one does not see the change. In a method there is no fix: it has to return what `replace` gives.

## Limits

Fields of classes that derive from one class, whose bases and decorators are all known. What `object.__setattr__` sets is not looked at.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.frozen_streams import FrozenAttribute


def check(unit: Unit) -> Iterator[Finding]:
    for number, changed in enumerate(unit.frozen_sets):
        fixes: tuple[FixRef, ...] = ()
        if _update(unit, changed) is not None:
            title = f"Make another `{changed.owner}` with `replace`"
            fixes = (FixRef("use-replace", title, Applicability.SAFE, number),)
        yield Finding(
            span=changed.span,
            message=f"`{changed.owner}` is frozen: to set `{changed.name}` raises",
            fixes=fixes,
        )


def _update(unit: Unit, changed: FrozenAttribute) -> str | None:
    """The statement that gives the name another object; None where there is no name to give it to."""
    holder, statement = changed.node.value, changed.statement
    if changed.of_self or not isinstance(holder, ast.Name) or holder.id == "self":
        return None
    value = None
    if isinstance(statement, ast.Assign) and statement.targets == [changed.node]:
        value = edits.as_argument(unit, statement.value)
    elif isinstance(statement, ast.AugAssign):
        value = edits.operated(unit, statement, changed.name)
    if value is None:
        return None
    return f"{holder.id} = {holder.id}.replace({changed.node.attr}={value})"


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    changed = unit.frozen_sets[reference.data]
    text = _update(unit, changed)
    if text is None:
        return None
    edit = Edit(unit.model.module.span(changed.statement), text)
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="frozen-dataclass-assignment",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("FrozenInstanceError: cannot assign to field",),
    raising=r"=",
    examples=(
        Example(
            """
            import jax
            from flax import struct

            @struct.dataclass
            class State:
                step: int
                params: jax.Array

            @jax.jit
            def update(state: State, grads):
                state.params = state.params - 0.1 * grads  # error: [frozen-dataclass-assignment]
                return state
            """,
            fixed="""
            import jax
            from flax import struct

            @struct.dataclass
            class State:
                step: int
                params: jax.Array

            @jax.jit
            def update(state: State, grads):
                state = state.replace(params=state.params - 0.1 * grads)
                return state
            """,
        ),
        Example(
            """
            import chex
            import jax

            @chex.dataclass
            class State:
                step: int
                params: jax.Array

            def update(state: State, grads):
                state.params = state.params - 0.1 * grads
                return state
            """
        ),
    ),
)

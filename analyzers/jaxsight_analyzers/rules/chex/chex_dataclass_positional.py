"""Gives the fields of a Chex dataclass by position.

## Why is this bad?

A `chex.dataclass` is a mapping, and its constructor is that of a dict: `State(1, x)` raises `ValueError: Mappable dataclass constructor doesn't support positional args.(it has the same constructor as python dict)`,
`State(1)` is `TypeError: 'int' object is not iterable`. Fields are given by name. With `mappable_dataclass=False` they may stand in their order.

## Fix safety

Safe: the old call raises, and the fields are known in their order.

## Limits

One argument alone may be a dict of all fields: it is reported where it is an array or a number. Silent where arguments are passed on by `*`, and for classes that derive from others or have a constructor of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in enumerate(unit.positional_fields):
        title = "Give the fields by name"
        yield Finding(
            span=call.span,
            message=f"`{call.owner}` raises: a Chex dataclass takes its fields by name",
            fixes=(FixRef("name-fields", title, Applicability.SAFE, number),),
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = unit.positional_fields[reference.data]
    if len(call.node.args) > len(call.fields):
        return None
    span_of = unit.model.module.span
    made = [
        Edit(span_of(node), f"{name}={edits.source(unit, node)}")
        for name, node in zip(call.fields, call.node.args)
    ]
    return Fix(reference.title, tuple(made), reference.applicability)


RULE = Rule(
    name="chex-dataclass-positional",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "ValueError: Mappable dataclass constructor doesn't support positional args",
        "TypeError: 'int' object is not iterable",
    ),
    raising=r"[A-Z]\w*\(",
    examples=(
        Example(
            """
            import chex
            import jax
            import jax.numpy as jnp

            @chex.dataclass
            class State:
                step: int
                params: jax.Array

            state = State(0, jnp.ones(3))  # error: [chex-dataclass-positional]
            """,
            fixed="""
            import chex
            import jax
            import jax.numpy as jnp

            @chex.dataclass
            class State:
                step: int
                params: jax.Array

            state = State(step=0, params=jnp.ones(3))
            """,
        ),
        Example(
            """
            import chex
            import jax
            import jax.numpy as jnp

            @chex.dataclass(mappable_dataclass=False)
            class State:
                step: int
                params: jax.Array

            state = State(0, jnp.ones(3))
            """
        ),
    ),
)

"""Branches of `jax.lax.cond` or `jax.lax.switch` return different types.

## Why is this bad?

Which branch runs is decided on the device, so both have to return the same structure, shapes and dtypes. Otherwise
JAX raises `TypeError: cond branches must have equal output types but they differ`, or `cond branch outputs must
have the same pytree structure`. The literals `0` and `0.0` differ, too; a Python number next to an
array has to have the array's dtype. Which of the branches is right only their author knows, so there is no fix.

## Limits

Reported where the text says what the branches return. What depends on the arguments of a function is not
reported, nor a branch that returns a tuple next to one that returns a list.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.body_streams import BodyTypes
from jaxsight_analyzers.semantic.spelling import display


def check(unit: Unit) -> Iterator[Finding]:
    for types in unit.body_types:
        if types.argument is None:
            yield Finding(
                span=types.span,
                message=f"`{display(types.name)}` fails: {_says(types)}",
                related=types.related,
            )


def _says(types: BodyTypes) -> str:
    part = "".join(f"[{one!r}]" for one in types.path)
    what = f"the part `{part}` of its result" if part else "its result"
    how = "has shape " if types.kind == "shape" else "is "
    first, second = (f"`{one}`" for one in types.functions)
    if types.functions[0] == types.functions[1]:
        first, second = "one branch", "another"
    return f"{what} {how}{types.one} in {first}, and {types.other} in {second}"


RULE = Rule(
    name="cond-branch-type-mismatch",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    errors=("TypeError: cond branches must have equal output types but they differ",),
    examples=(
        Example(
            """
            import jax

            def chosen(x):
                return jax.lax.cond(x > 0, lambda: 1.0, lambda: 0)  # error: [cond-branch-type-mismatch]
            """,
        ),
        Example(
            """
            import jax

            def chosen(x):
                return jax.lax.cond(x > 0, lambda: 1.0, lambda: 0.0)
            """
        ),
    ),
)

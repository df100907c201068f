"""Gives a function an array that its annotation rules out.

## Why is this bad?

`Float[Array, "batch dim"]` says that an array has two axes and holds floats. Nothing looks at that unless a checker does: under `@jaxtyped(typechecker=beartype)` the call raises `TypeCheckError: Type-check error whilst checking the parameters of`.
Without one the annotation misleads whoever reads it, and where the function relies on it, it computes something else: a vector where a matrix is meant is broadcast.

## Limits

Calls of functions of the file, with arrays whose shape or dtype the text says; axes that are names or numbers. There is no fix: the call or the annotation is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for seen in unit.contradicted:
        yield Finding(
            span=unit.model.module.span(seen.node),
            message=f"`{seen.parameter.arg}` of `{seen.function}` is given {seen.why}, which its annotation rules out",
        )


RULE = Rule(
    name="jaxtyping-argument",
    severity=Severity.WARNING,
    since="0.2.0",
    check=check,
    errors=("TypeCheckError: Type-check error whilst checking the parameters of",),
    examples=(
        Example(
            """
            import jax.numpy as jnp
            from jaxtyping import Array, Float

            def centre(x: Float[Array, "batch dim"]):
                return x - x.mean(axis=0)

            centre(jnp.ones(3))  # error: [jaxtyping-argument]
            """
        ),
        Example(
            """
            import jax.numpy as jnp
            from jaxtyping import Array, Float

            def centre(x: Float[Array, "batch dim"]):
                return x - x.mean(axis=0)

            centre(jnp.ones((4, 3)))
            """
        ),
    ),
)

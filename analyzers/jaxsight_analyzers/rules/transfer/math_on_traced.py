"""Calls Python's `math` on a value that JAX traces.

## Why is this bad?

`math`, `cmath`, `statistics`, `decimal` and `fractions` compute with Python's numbers. While a function is
traced its arrays are stand-ins without a number: `ConcretizationTypeError: Abstract tracer value encountered
where concrete value is expected`, or `TracerIntegerConversionError`, under `jax.jit`, `jax.vmap` and
`jax.grad` alike. `jax.numpy` has nearly all of these functions, for scalars and arrays.

## Fix safety

Safe where `jax.numpy` has the same function and the argument is certainly traced: the call cannot have
worked. `jnp.floor`, `jnp.ceil` and `jnp.trunc` return floats where those of `math` return integers, so that
fix is unsafe.

## Limits

`math` on what is static while tracing (`math.sqrt(x.shape[-1])`, `math.prod(x.shape)`) is right, faster than
`jax.numpy`, and not reported. `math.prod` of a tuple of traced scalars works, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.fixes import counterparts
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit

_MODULES = ("math", "cmath", "statistics", "decimal", "fractions")


def check(unit: Unit) -> Iterator[Finding]:
    yield from counterparts.failing_on_traced(unit, *_MODULES)


RULE = Rule(
    name="math-on-traced",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=counterparts.fix,
    errors=(
        "ConcretizationTypeError: The problem arose with the `float` function",
        "ConcretizationTypeError: Abstract tracer value encountered where concrete value is expected",
        "TracerIntegerConversionError: The __index__() method was called on traced array",
    ),
    raising=r"\b(math|cmath|statistics)\.\w",
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp
            import math

            def loss(x):
                return math.exp(-x) * x  # error: [math-on-traced]

            slope = jax.grad(loss)
            """,
            fixed="""
            import jax
            import jax.numpy as jnp
            import math

            def loss(x):
                return jnp.exp(-x) * x

            slope = jax.grad(loss)
            """,
        ),
        Example(
            """
            import jax
            import math

            @jax.jit
            def scores(q, k):
                return q @ k.T / math.sqrt(q.shape[-1])
            """
        ),
    ),
)

"""Branches in Python on a value that JAX traces.

## Why is this bad?

While `jax.jit`, `jax.vmap`, `jax.lax.scan` and their kin trace a function, its arguments are stand-ins
without a value. `if` asks for the truth of one and JAX raises `TracerBoolConversionError`. The
same goes for a ternary, for the condition of a comprehension and for a `match` against a literal.

`jnp.where` picks between two values element by element; `jax.lax.cond` runs one of two functions.

## Fix safety

Unsafe: `jnp.where` evaluates both sides, and both must have compatible shapes and dtypes. The fix
is offered where both sides are plain expressions in which nothing can divide by zero, leave a
domain or have an effect, because `jnp.where` lets a NaN of the side that it does not pick into the
gradient.

## Limits

What is static while tracing may be branched on and is not reported: shapes, dtypes, `len`,
`is None`, `isinstance`, static arguments, defaults that no caller passes, attributes of modules.
Under `jax.grad` alone a Python branch works and is not reported either.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers import alternatives, edits
from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit

_KINDS = ("if", "elif", "ternary", "comprehension", "match")


def check(unit: Unit) -> Iterator[Finding]:
    for number, branch in enumerate(unit.branches):
        if branch.kind not in _KINDS:
            continue
        verb = "is" if branch.traced is Certainty.YES else "may be"
        fails = "fails" if branch.traced is Certainty.YES else "then fails"
        fixes: tuple[FixRef, ...] = ()
        if alternatives.of(unit, branch.node) is not None:
            fixes = (FixRef("use-where", "Use `jnp.where`", Applicability.UNSAFE, number),)
        yield Finding(
            span=branch.span,
            message=f"`{branch.test}` {verb} traced by `{branch.function}`, so Python {fails} to branch on it",
            certainty=branch.traced,
            related=branch.related,
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    branch = unit.branches[reference.data]
    found = alternatives.of(unit, branch.node)
    if found is None:
        return None
    where = edits.spell(unit, "jax.numpy.where")
    edit = Edit(found.span, found.written(where.text))
    return Fix(reference.title, (edit, *where.edits), reference.applicability)


RULE = Rule(
    name="traced-if",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def step(x):
                if x.sum() > 0:  # error: [traced-if]
                    return x * 2
                return x
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            @jax.jit
            def step(x):
                return jnp.where(x.sum() > 0, x * 2, x)
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def step(x, mask=None):
                if mask is None and x.ndim == 2:
                    return x * 2
                return x
            """
        ),
    ),
)

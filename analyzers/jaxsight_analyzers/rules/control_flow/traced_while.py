"""Loops in Python for as long as a traced value says.

## Why is this bad?

`while` asks for the truth of its test before each pass. While `jax.jit`, `jax.vmap`, `jax.lax.scan` and
their kin trace a function its arrays have no values, and JAX raises `TracerBoolConversionError: Attempted
boolean conversion of traced array with shape bool[]`.

`jax.lax.while_loop` takes the test and the body as functions of what goes from pass to pass, the carry.

## Fix safety

Unsafe. The carry keeps its shapes and dtypes from pass to pass, or JAX raises `TypeError`; and
`jax.lax.while_loop` has no reverse-mode derivative: what is differentiated with `jax.grad` needs
`jax.lax.scan` or `jax.lax.fori_loop` with a number of passes that is known.

The fix is offered where the body does nothing but give values to names that have a value before the loop
or are used in one pass only: no `break`, `continue` or `return`, no item or attribute assigned to.

## Limits

A test that is static while tracing is right: of a counter that Python counts, of a list, of a shape. Under
`jax.grad` alone tracers have values, and nothing is reported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import regions, truths
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for number, branch in enumerate(unit.branches):
        if branch.kind != "while" or not isinstance(branch.node, ast.While):
            continue
        is_sure = branch.traced is Certainty.YES
        verb, fails = ("is", "fails") if is_sure else ("may be", "then fails")
        fixes: tuple[FixRef, ...] = ()
        if _is_mendable(unit, branch.node):
            title = "Use `jax.lax.while_loop`"
            fixes = (FixRef("use-while-loop", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=branch.span,
            message=f"`{branch.test}` {verb} traced by `{branch.function}`, so Python {fails} to loop on it",
            certainty=branch.traced,
            related=branch.related,
            fixes=fixes,
        )


def _is_mendable(unit: Unit, loop: ast.While) -> bool:
    return (
        regions.carried_by(unit, loop) is not None and truths.written(unit, loop.test) is not None
    )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    from jaxsight_analyzers.rewrites import whiles

    loop = unit.branches[reference.data].node
    changes = whiles.as_while_loop(unit, loop) if isinstance(loop, ast.While) else None
    return None if changes is None else Fix(reference.title, changes, reference.applicability)


RULE = Rule(
    name="traced-while",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    structural=frozenset(("use-while-loop",)),
    errors=("TracerBoolConversionError: Attempted boolean conversion of traced array with shape",),
    raising=r"^\s*while\b",
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def newton(x):
                while jnp.abs(x * x - 2.0) > 1e-6:  # error: [traced-while]
                    step = 0.5 * (x + 2.0 / x)
                    x = step
                return x
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            @jax.jit
            def newton(x):
                def cond_fun(x):
                    return jnp.abs(x * x - 2.0) > 1e-6

                def body_fun(x):
                    step = 0.5 * (x + 2.0 / x)
                    x = step
                    return x

                x = jax.lax.while_loop(cond_fun, body_fun, x)
                return x
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def halved(x):
                size = x.shape[0]
                while size > 1:
                    size = size // 2
                    x = x[:size] + x[size : 2 * size]
                return x
            """
        ),
    ),
)

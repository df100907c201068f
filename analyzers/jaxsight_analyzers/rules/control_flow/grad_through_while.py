"""Takes a gradient through a loop that has none.

## Why is this bad?

How often `jax.lax.while_loop` runs is known when it has run, so the values that its backward pass needs cannot be
kept in arrays of a fixed size. JAX raises `ValueError: Reverse-mode differentiation does not work for
lax.while_loop or lax.fori_loop with dynamic start/stop values. Try using lax.scan, or using fori_loop with
static start/stop`. A `fori_loop` whose bounds are traced is a `while_loop`.

`jax.lax.scan` with the most steps that may be needed, in which `jnp.where` keeps the carry once it is done, has a
gradient. So has `fori_loop` where its bounds are static: Python numbers, shapes, static arguments. `jax.jacfwd` and `jax.jvp`
go through any loop. For a solver, `jax.custom_vjp` or `jax.lax.custom_root` give the derivative of the solution.

## Limits

A carry that does not depend on the differentiated argument is not reported. Where it does after a computation
whose derivative may be zero, it is reported as "may". Values that the loop's functions capture are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Certainty, Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for loop in unit.undifferentiable:
        what = f"`{loop.name}`"
        if loop.bound is not None:
            what += f" up to `{loop.bound}`, which is traced,"
        fails = "fails" if loop.certainty is Certainty.YES else "may fail"
        yield Finding(
            span=loop.span,
            message=(
                f"{what} has no reverse-mode derivative, so `{loop.function}` {fails}: its carry `{loop.carry}` "
                f"depends on `{loop.argument}`"
            ),
            certainty=loop.certainty,
            related=loop.related,
        )


RULE = Rule(
    name="grad-through-while",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    errors=(
        "ValueError: Reverse-mode differentiation does not work for lax.while_loop or lax.fori_loop with dynamic start/stop values",
    ),
    examples=(
        Example(
            """
            import jax
            from jax import lax

            def f(x, n):
                return lax.fori_loop(0, n, lambda i, c: c * 2.0, x)  # error: [grad-through-while]

            g = jax.jit(jax.grad(f))
            """,
        ),
        Example(
            """
            import jax
            from jax import lax

            def f(x):
                y, _ = lax.scan(lambda c, _: (c * 2.0, None), x, None, length=8)
                return y

            g = jax.jit(jax.grad(f))
            """
        ),
    ),
)

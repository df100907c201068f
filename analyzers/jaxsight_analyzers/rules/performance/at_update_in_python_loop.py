"""Updates an array element by element in a Python loop.

## Why is this bad?

Outside of compiled code `y = y.at[i].set(v)` copies all of `y`, so a loop that fills an array of n
elements copies n times n of them, one dispatch each. `jax.vmap` computes all elements at once;
`jax.lax.fori_loop` updates in place.

## Fix safety

Unsafe: what the loop carries keeps its shape and dtype in a loop of JAX, and the counter becomes an array.

## Limits

Only loops of host code with a known number of iterations, 16 or more, are reported;
`thresholds.at-update-in-python-loop` says another number. Filling a small array once does no harm, which is why this rule is
in preview. While tracing, see `python-loop-unroll`.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Finding, Fix, FixRef, Related, Severity
from jaxsight_analyzers.fixes import loop_plans
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.loop_streams import Loop


def check(unit: Unit) -> Iterator[Finding]:
    least = unit.threshold(RULE)
    for number, loop in enumerate(unit.loops):
        if loop.traced or loop.count is None or loop.count < least:
            continue
        for update in loop.updates:
            yield Finding(
                span=update.span,
                message=(
                    f"`{update.text}` copies all of `{update.name}` in each of {loop.count} iterations"
                ),
                related=(Related(loop.span, "the loop"),),
                fixes=_fixes(unit, loop, number),
            )


def _fixes(unit: Unit, loop: Loop, number: int) -> tuple[FixRef, ...]:
    plan = loop_plans.of_statement(unit, loop)
    if plan is None or plan.kind != "fori":
        return ()
    title = "Use `jax.lax.fori_loop`"
    return (FixRef("use-fori-loop", title, Applicability.UNSAFE, number),)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    plan = loop_plans.of_statement(unit, unit.loops[reference.data])
    if plan is None:
        return None
    from jaxsight_analyzers.rewrites import loops

    edited = loops.rewritten(unit, plan)
    return None if edited is None else Fix(reference.title, edited, reference.applicability)


RULE = Rule(
    name="at-update-in-python-loop",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    structural=frozenset({"use-fori-loop"}),
    threshold=16,
    preview=True,
    examples=(
        Example(
            """
            import jax.numpy as jnp

            y = jnp.zeros(500)
            for i in range(500):
                y = y.at[i].set(i * 1.0)  # error: [at-update-in-python-loop]
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            y = jnp.zeros(500)
            y = jax.lax.fori_loop(0, 500, lambda i, y: y.at[i].set(i * 1.0), y)
            """,
        ),
        Example(
            """
            import jax.numpy as jnp

            y = jnp.arange(500) * 1.0
            """
        ),
    ),
)

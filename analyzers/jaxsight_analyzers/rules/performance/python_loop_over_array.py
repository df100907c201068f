"""Loops in Python over the elements of an array.

## Why is this bad?

Outside of compiled code each operation of each iteration is sent to the device on its own, and taking the
elements of an array apart is one more: a loop over 1,000 elements takes 0.6 seconds, `jax.vmap` of the same
one millisecond. It makes a function of one element a function of all
of them; most functions of `jax.numpy` take whole arrays anyway. `jax.lax.scan` goes through an array where each
step needs the last one's result.

## Fix safety

Unsafe: `jax.vmap` runs a function once for all elements, so that it may not ask for their values. Offered where what is gathered is stacked at
once, and where a loop carries arrays and numbers.

## Limits

Reported where all that an iteration does is to compute with arrays of JAX: no loops that print,
plot, write files, call a model or a compiled step. Loops of less than 8 iterations are not reported;
`thresholds.python-loop-over-array` says another number. Where the length is not known it is reported
as "may". Lists of arrays may hold arrays of different shapes and are not reported. While tracing, see
`python-loop-unroll`.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Certainty,
    Finding,
    Severity,
)
from jaxsight_analyzers.fixes import loop_fixes
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.loop_streams import Loop


def check(unit: Unit) -> Iterator[Finding]:
    least = unit.threshold(RULE)
    for number, loop in enumerate(unit.loops):
        if loop.traced or not loop.over_array or (loop.count or least) < least:
            continue
        if not (loop.carries_arrays and loop.computes_only) or loop.leaves or loop.needs_number:
            continue
        yield Finding(
            span=loop.span,
            message=_message(loop),
            certainty=Certainty.MAYBE if loop.count is None else Certainty.YES,
            fixes=loop_fixes.offered(unit, loop, number),
        )


def _message(loop: Loop) -> str:
    often = "each element" if loop.count is None else f"each of {loop.count} elements"
    verb = "may take" if loop.count is None else "takes"
    return (
        f"`{loop.header}` sends every operation to the device anew for {often}, which {verb} many "
        "times as long as one operation on the whole array"
    )


RULE = Rule(
    name="python-loop-over-array",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=loop_fixes.fix,
    structural=frozenset({"use-scan", "use-vmap"}),
    threshold=8,
    examples=(
        Example(
            """
            import jax.numpy as jnp

            xs = jnp.arange(1000.0)
            ys = jnp.stack([jnp.sin(x) ** 2 for x in xs])  # error: [python-loop-over-array]
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            xs = jnp.arange(1000.0)
            ys = jax.vmap(lambda x: jnp.sin(x) ** 2)(xs)
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            xs = jnp.arange(1000.0)
            ys = jax.vmap(lambda x: jnp.sin(x) ** 2)(xs)
            """
        ),
    ),
)

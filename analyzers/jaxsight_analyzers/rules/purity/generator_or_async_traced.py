"""Traces a generator or a coroutine function.

## Why is this bad?

A call of a function that holds `yield`, or of an `async def`, runs none of its code: it makes a generator or a coroutine, and JAX has
nothing to trace. `jax.jit` and its kin raise `TypeError: Expected a function, got a generator function`, or
`TypeError: function traced for jit returned a value of type <class 'coroutine'>, which is not a valid JAX type`.

Trace the function that computes one step, and let the generator or the coroutine call that.

## Limits

A generator that traced code iterates over is fine: its code runs then.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit

_WHAT = {"generator": "a generator", "async": "a coroutine"}


def check(unit: Unit) -> Iterator[Finding]:
    for refusal in unit.refusals:
        if refusal.why in _WHAT:
            what = _WHAT[refusal.why]
            yield Finding(
                span=refusal.span,
                message=(
                    f"`{refusal.text}` returns {what} and runs nothing when it is called, so "
                    f"`{refusal.name}` fails to trace it"
                ),
                related=refusal.related,
            )


RULE = Rule(
    name="generator-or-async-traced",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    preview=True,
    errors=(
        "TypeError: Expected a function, got a generator function",
        "TypeError: returned a value of type <class 'coroutine'>, which is not a valid JAX type",
    ),
    examples=(
        Example(
            """
            import jax

            @jax.jit
            def steps(x):  # error: [generator-or-async-traced]
                for _ in range(3):
                    x = x * 2
                    yield x
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def step(x):
                return x * 2

            def steps(x):
                for _ in range(3):
                    x = step(x)
                    yield x
            """
        ),
    ),
)

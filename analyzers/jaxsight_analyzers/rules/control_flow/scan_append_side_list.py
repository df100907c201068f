"""Appends to a list from the body of a loop of JAX.

## Why is this bad?

`jax.lax.scan`, `jax.lax.fori_loop`, `jax.vmap` and their kin run the Python of a body once, while they trace it. So a list outside of it
gets one item, and that is a tracer: what uses it afterwards raises `UnexpectedTracerError: Encountered
an unexpected tracer. A function transformed by JAX had a side effect, allowing for a reference to an
intermediate value to escape`.

What each step of `jax.lax.scan` returns beside the carry comes back stacked: `return carry, y`.
What a function under `jax.vmap` or `jax.lax.map` returns comes back stacked, too.

## Limits

A list that the traced function itself makes, fills and uses is fine. Other objects that keep a tracer are
reported by `leaked-tracer`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Certainty, Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.effect_streams import Effect


def check(unit: Unit) -> Iterator[Finding]:
    for effect in unit.effects:
        certainty = min(effect.value, effect.certainty)
        if certainty is Certainty.NO or not _gathers(unit, effect):
            continue
        gets = "gets" if certainty is Certainty.YES else "may get"
        yield Finding(
            span=effect.span,
            message=(
                f"`{effect.name}` {gets} one tracer and not an item for each step, because `{effect.function}` "
                f"runs `{effect.enclosing}` once, and what uses it then raises `UnexpectedTracerError`"
            ),
            certainty=certainty,
            related=effect.related,
        )


def _gathers(unit: Unit, effect: Effect) -> bool:
    """Whether it fills a list of the enclosing function from a body that JAX traces once and runs often."""
    if effect.kind != "write" or not effect.traced or effect.legitimate or effect.copied:
        return False
    if not isinstance(effect.node, ast.Call) or effect.category != "nonlocal":
        return False
    facts = unit.knowledge.function(effect.function)
    return facts is not None and (facts.name == "jax.vmap" or bool(facts.body))


RULE = Rule(
    name="scan-append-side-list",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    examples=(
        Example(
            """
            import jax.numpy as jnp
            from jax import lax

            def run(xs):
                hist = []

                def body(c, x):
                    hist.append(c)  # error: [scan-append-side-list]
                    return c + x, None

                lax.scan(body, 0.0, xs)
                return jnp.stack(hist)
            """,
        ),
        Example(
            """
            from jax import lax

            def run(xs):
                def body(c, x):
                    return c + x, c

                _, hist = lax.scan(body, 0.0, xs)
                return hist
            """
        ),
    ),
)

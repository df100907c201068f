"""Keeps state in a function under `hk.transform`.

## Why is this bad?

`hk.get_state`, `hk.set_state` and modules such as `hk.BatchNorm` need a place for their state, which `hk.transform` has not: `NonEmptyStateError: If your transformed function
uses hk.{get,set}_state then use hk.transform_with_state.` With that one, `init` returns the parameters and the state, and `apply` takes both and returns the output and the new state.

## Limits

Only what the function itself always calls is seen: not what it does under a condition, nor what its modules do.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for applied in unit.haiku_applied:
        if applied.kind == "keeps":
            yield Finding(
                span=applied.span,
                message=f"`{applied.function}` keeps state with `{applied.used}`, for which `{applied.text}` has no place; use `hk.transform_with_state`",
                related=applied.related,
            )


RULE = Rule(
    name="haiku-state-without-transform",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    errors=(
        "NonEmptyStateError: If your transformed function uses `hk.{get,set}_state` then use `hk.transform_with_state`.",
    ),
    examples=(
        Example(
            """
            import haiku as hk
            import jax
            import jax.numpy as jnp

            def net(x):
                return hk.BatchNorm(True, True, 0.9)(x, is_training=True)

            model = hk.transform(net)
            params = model.init(jax.random.PRNGKey(0), jnp.ones((2, 4)))  # error: [haiku-state-without-transform]
            """
        ),
        Example(
            """
            import haiku as hk
            import jax
            import jax.numpy as jnp

            def net(x):
                return hk.BatchNorm(True, True, 0.9)(x, is_training=True)

            model = hk.transform_with_state(net)
            params, state = model.init(jax.random.PRNGKey(0), jnp.ones((2, 4)))
            """
        ),
    ),
)

"""Applies a Haiku function that draws numbers without a key.

## Why is this bad?

`hk.next_rng_key()` takes its keys from the one that `apply` is given. With None, or of what `hk.without_apply_rng` made, there is none:
`MissingRNGError: You must pass a non-None PRNGKey to init and/or apply if you make use of random numbers.`

## Limits

Only what the function itself always draws is seen: not what it draws under a condition, such as dropout in training, nor what its modules draw.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for applied in unit.haiku_applied:
        if applied.kind == "draws":
            yield Finding(
                span=applied.span,
                message=f"`{applied.function}` draws a key with `{applied.used}`, but `{applied.text}` gets none",
                related=applied.related,
            )


RULE = Rule(
    name="haiku-missing-rng",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    errors=(
        "MissingRNGError: You must pass a non-None PRNGKey to init and/or apply if you make use of random numbers.",
    ),
    examples=(
        Example(
            """
            import haiku as hk
            import jax
            import jax.numpy as jnp

            def net(x):
                return hk.dropout(hk.next_rng_key(), 0.5, hk.Linear(3)(x))

            model = hk.transform(net)
            params = model.init(jax.random.PRNGKey(0), jnp.ones((2, 4)))
            y = model.apply(params, None, jnp.ones((2, 4)))  # error: [haiku-missing-rng]
            """
        ),
        Example(
            """
            import haiku as hk
            import jax
            import jax.numpy as jnp

            def net(x):
                return hk.dropout(hk.next_rng_key(), 0.5, hk.Linear(3)(x))

            model = hk.transform(net)
            params = model.init(jax.random.PRNGKey(0), jnp.ones((2, 4)))
            y = model.apply(params, jax.random.PRNGKey(1), jnp.ones((2, 4)))
            """
        ),
    ),
)

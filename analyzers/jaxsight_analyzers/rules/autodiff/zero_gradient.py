"""Differentiates what has a derivative of zero everywhere.

## Why is this bad?

`jnp.round`, `jnp.sign`, `jnp.floor`, `jnp.argmax`, comparisons and conversions to integers are flat: their derivative
is zero, and a loss that depends on its parameters through them alone has a gradient of zeros. Nothing fails; training
does nothing. Use something smooth in their place (`jax.nn.sigmoid(k * x)` for `x > 0`, a softmax for an argmax), or a
straight-through estimator: `x + jax.lax.stop_gradient(jnp.round(x) - x)`.

## Limits

Reported where every way from the arguments to the result is known to be flat. What is returned beside the loss is
not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Related, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for derivative in unit.derivatives:
        if not derivative.is_flat or (derivative.items is not None and not derivative.has_aux):
            continue
        if derivative.returned is not None and derivative.returned.shape:
            continue  # it fails, which `grad-non-scalar` says
        if derivative.returns is not None and unit.is_being_typed(derivative.definition):
            continue  # what it returns is still to come
        yield Finding(
            span=derivative.span,
            message=(
                f"the gradient of `{derivative.function}` is zero everywhere: what it returns depends on its "
                "arguments through comparisons, rounding and the like alone"
            ),
            related=()
            if derivative.returns is None
            else (Related(derivative.returns, f"`{derivative.function}` is defined here"),),
        )


RULE = Rule(
    name="zero-gradient",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    aliases=("zero-gradient-op",),
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            def error_rate(w, x, y):
                predicted = jnp.where(x @ w > 0, 1.0, 0.0)
                return jnp.mean(jnp.where(predicted == y, 0.0, 1.0))

            gradient = jax.grad(error_rate)(jnp.ones(3), jnp.ones((2, 3)), jnp.ones(2))  # error: [zero-gradient]
            """
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            def error_rate(w, x, y):
                probability = jax.nn.sigmoid(x @ w)
                return jnp.mean(jnp.abs(probability - y))

            gradient = jax.grad(error_rate)(jnp.ones(3), jnp.ones((2, 3)), jnp.ones(2))
            """
        ),
    ),
)

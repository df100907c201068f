"""Calls `update` of an optimiser that needs the value of the loss, without it.

## Why is this bad?

Line searches, `lbfgs` with one, `polyak_sgd` and `reduce_on_plateau` decide by the loss how far to go. Without it: `TypeError: scale_by_zoom_linesearch.<locals>.update_fn() missing 3 required keyword-only
arguments: 'value', 'grad', and 'value_fn'`. `optax.value_and_grad_from_state(loss)` gives the first two without computing them twice.

## Limits

There is no fix: which value that is, only the author knows.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Finding,
    Severity,
)
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for step in unit.optimiser_steps:
        if step.missing and not step.lacks_params:
            names = ", ".join(f"`{name}`" for name in step.missing)
            yield Finding(
                span=step.span,
                message=f"`{step.text}` of `{step.optimiser}` fails without {names}",
            )


RULE = Rule(
    name="linesearch-extra-args",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    errors=(
        "TypeError: scale_by_zoom_linesearch.<locals>.update_fn() missing 3 required keyword-only arguments",
    ),
    examples=(
        Example(
            """
            import optax

            tx = optax.lbfgs()

            def step(params, state, grads):
                updates, state = tx.update(grads, state, params)  # error: [linesearch-extra-args]
                return optax.apply_updates(params, updates), state
            """
        ),
        Example(
            """
            import optax

            tx = optax.lbfgs()

            def step(loss, params, state):
                value, grads = optax.value_and_grad_from_state(loss)(params, state=state)
                updates, state = tx.update(grads, state, params, value=value, grad=grads, value_fn=loss)
                return optax.apply_updates(params, updates), state
            """
        ),
    ),
)

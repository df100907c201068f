"""Gives a schedule a number of epochs where it counts steps.

## Why is this bad?

An optimiser counts its own calls, and a schedule is asked once for each. With `decay_steps=num_epochs` the learning rate has decayed after as many batches as there are epochs, and the rest of the training hardly
changes anything. Nothing is raised. It has to be `num_epochs * steps_per_epoch`.

## Limits

In preview: told by the name of what is given. Training that makes one step per epoch, over all data at once, is right as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Certainty,
    Finding,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for schedule in unit.wrong_schedules:
        if schedule.epochs is not None:
            written = edits.source(unit, schedule.epochs)
            yield Finding(
                span=schedule.span,
                message=f"`{schedule.name}` counts steps, and `{written}` may be a number of epochs",
                certainty=Certainty.MAYBE,
            )


RULE = Rule(
    name="schedule-counts-epochs",
    severity=Severity.WARNING,
    since="0.2.0",
    preview=True,
    check=check,
    examples=(
        Example(
            """
            import optax

            def make(num_epochs):
                return optax.adam(optax.cosine_decay_schedule(1e-3, num_epochs))  # error: [schedule-counts-epochs]
            """
        ),
        Example(
            """
            import optax

            def make(num_epochs, steps_per_epoch):
                return optax.adam(optax.cosine_decay_schedule(1e-3, num_epochs * steps_per_epoch))
            """
        ),
    ),
)

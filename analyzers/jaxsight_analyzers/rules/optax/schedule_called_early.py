"""Calls a schedule where the optimiser is to call it, so that the learning rate never changes.

## Why is this bad?

`optax.adam(schedule(0))` gives the optimiser one number: the rate of the first step, which of a warmup is often zero, so that nothing is learnt at all. Given the schedule itself,
it counts steps in its state and asks for the rate of each.

## Fix safety

Unsafe: the learning rate changes from step to step, as it was written for.

## Limits

Reported is a schedule of Optax that is called with a constant right where an optimiser is made.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for number, rate in enumerate(unit.frozen_rates):
        fixes: tuple[FixRef, ...] = ()
        if rate.is_first:
            title = f"Pass `{rate.schedule}` itself"
            fixes = (FixRef("pass-schedule", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=rate.span,
            message=f"`{rate.text}` is one number: the learning rate of `{rate.optimiser}` never changes",
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    rate = unit.frozen_rates[reference.data]
    return Fix(reference.title, (Edit(rate.span, rate.schedule),), reference.applicability)


RULE = Rule(
    name="schedule-called-early",
    severity=Severity.WARNING,
    since="0.2.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import optax

            schedule = optax.warmup_cosine_decay_schedule(0.0, 1e-3, 100, 1000)
            tx = optax.adam(schedule(0))  # error: [schedule-called-early]
            """,
            fixed="""
            import optax

            schedule = optax.warmup_cosine_decay_schedule(0.0, 1e-3, 100, 1000)
            tx = optax.adam(schedule)
            """,
        ),
        Example(
            """
            import optax

            schedule = optax.warmup_cosine_decay_schedule(0.0, 1e-3, 100, 1000)
            tx = optax.adam(schedule)
            last = schedule(999)
            """
        ),
    ),
)

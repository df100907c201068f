"""Makes a schedule whose warmup leaves no step for the decay.

## Why is this bad?

`decay_steps` of `optax.warmup_cosine_decay_schedule` counts all steps, those of the warmup too: the cosine gets `decay_steps - warmup_steps`. Where that is not positive it raises
`ValueError: The cosine_decay_schedule requires positive decay_steps, got decay_steps=0.`

## Limits

There is no fix: how long training is to take, only the author knows.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Finding,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for schedule in unit.wrong_schedules:
        if schedule.warmup is not None:
            written = edits.source(unit, schedule.warmup)
            yield Finding(
                span=schedule.span,
                message=f"`{schedule.name}` fails: `decay_steps` counts the warmup of `{written}` steps too, and nothing is left",
            )


RULE = Rule(
    name="warmup-longer-than-decay",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    errors=(
        "ValueError: The cosine_decay_schedule requires positive decay_steps, got decay_steps=",
    ),
    examples=(
        Example(
            """
            import optax

            schedule = optax.warmup_cosine_decay_schedule(0.0, 1e-3, warmup_steps=1000, decay_steps=1000)  # error: [warmup-longer-than-decay]
            """
        ),
        Example(
            """
            import optax

            schedule = optax.warmup_cosine_decay_schedule(0.0, 1e-3, warmup_steps=1000, decay_steps=10_000)
            """
        ),
    ),
)

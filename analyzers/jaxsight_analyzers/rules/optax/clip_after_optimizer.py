"""Clips what an optimiser has scaled by the learning rate already.

## Why is this bad?

The parts of `optax.chain` run in their order. After `optax.adam(1e-3)` each update is about a thousandth, so that `clip_by_global_norm(1.0)` after it
leaves all but the wildest steps as they are, and gradients that explode have spoilt the moments by then. To clip gradients it has to come first.

## Fix safety

Unsafe: gradients are clipped from then on.

## Limits

Clipping after a part that does not scale by the learning rate, such as `scale_by_adam`, is not reported: that limits updates, which some recipes want.
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
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for number, clip in enumerate(unit.late_clips):
        yield Finding(
            span=clip.span,
            message=f"`{clip.name}` after `{clip.after_name}` clips updates that are scaled by the learning rate, not the gradients",
            fixes=(FixRef("clip-first", "Clip the gradients first", Applicability.UNSAFE, number),),
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    clip = unit.late_clips[reference.data]
    span = unit.model.module.span
    first, last = edits.source(unit, clip.after), edits.source(unit, clip.clip)
    swapped = (Edit(span(clip.after), last), Edit(span(clip.clip), first))
    return Fix(reference.title, swapped, reference.applicability)


RULE = Rule(
    name="clip-after-optimizer",
    severity=Severity.WARNING,
    since="0.2.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import optax

            tx = optax.chain(
                optax.adam(1e-3),
                optax.clip_by_global_norm(1.0),  # error: [clip-after-optimizer]
            )
            """,
            fixed="""
            import optax

            tx = optax.chain(
                optax.clip_by_global_norm(1.0),
                optax.adam(1e-3),
            )
            """,
        ),
        Example(
            """
            import optax

            tx = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))
            """
        ),
    ),
)

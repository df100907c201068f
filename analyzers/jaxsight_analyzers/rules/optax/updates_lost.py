"""Drops what an optimiser returns: updates that are never applied, or the state that the next step needs.

## Why is this bad?

`update` changes nothing; it returns updates and the next state. Updates that are not applied leave the parameters as they are. Without the new
state each step is the first one again: the moments of Adam never gather, momentum does nothing, schedules stay at step zero. And
`new_params = optax.apply_updates(params, updates)` is of no use where `params` is what goes on. Nothing is raised: the loss falls too slowly, or stays.

## Fix safety

Unsafe: training does what it was written for.

## Limits

Reported are results that nothing in the function reads, and in a loop the state of an optimiser that has one. A function that makes one step on purpose, such as
the inner step of meta learning, is told from others by its state: one that it makes itself is not missed. What it takes as an argument may be. Updates that are given the name `_` are not wanted.
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
from jaxsight_analyzers.semantic.optimiser_streams import Lost, Step


def check(unit: Unit) -> Iterator[Finding]:
    for number, step in enumerate(unit.optimiser_steps):
        if step.lost is not None:
            yield Finding(
                span=step.span,
                message=_message(unit, step, step.lost),
                certainty=step.lost.certainty,
                fixes=_fixes(unit, step.lost, number),
            )
    for applied in unit.applied_updates:
        if applied.lost is not None:
            name = edits.source(unit, applied.lost)
            params = edits.source(unit, applied.params)
            yield Finding(
                span=applied.span,
                message=f"`{name}` is never read, so that `{params}` stays as it is",
            )


def _message(unit: Unit, step: Step, lost: Lost) -> str:
    target = edits.source(unit, lost.target)
    if lost.what == "updates":
        return f"the updates that `{step.text}` returns as `{target}` are never applied"
    state = edits.source(unit, lost.state) if lost.state is not None else "it"
    if lost.what == "restart":
        return (
            f"each step starts from a new `{state}`, which forgets what `{step.text}` has gathered"
        )
    if lost.in_loop:
        return f"each step starts from the same `{state}`: the state that `{step.text}` returns is dropped"
    return f"the state that `{step.text}` returns as `{target}` may be missing in the next step: nothing hands it on"


def _fixes(unit: Unit, lost: Lost, number: int) -> tuple[FixRef, ...]:
    if not lost.in_loop or lost.state is None or lost.what == "restart":
        return ()
    title = f"Assign to `{edits.source(unit, lost.state)}`"
    return (FixRef("carry-state", title, Applicability.UNSAFE, number),)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    lost = unit.optimiser_steps[reference.data].lost
    if lost is None or lost.state is None:
        return None
    edit = Edit(unit.model.module.span(lost.target), edits.source(unit, lost.state))
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="updates-lost",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    fix=fix,
    aliases=("updates-not-applied-or-state-dropped", "optimizer-rebuilt-each-step"),
    examples=(
        Example(
            """
            import optax

            def fit(params, batches, grad):
                tx = optax.adam(1e-3)
                state = tx.init(params)
                for batch in batches:
                    updates, _ = tx.update(grad(params, batch), state)  # error: [updates-lost]
                    params = optax.apply_updates(params, updates)
                return params
            """,
            fixed="""
            import optax

            def fit(params, batches, grad):
                tx = optax.adam(1e-3)
                state = tx.init(params)
                for batch in batches:
                    updates, state = tx.update(grad(params, batch), state)
                    params = optax.apply_updates(params, updates)
                return params
            """,
        ),
        Example(
            """
            import optax

            def fit(params, batches, grad):
                tx = optax.sgd(1e-3)
                state = tx.init(params)
                for batch in batches:
                    updates, _ = tx.update(grad(params, batch), state)
                    params = optax.apply_updates(params, updates)
                return params
            """
        ),
    ),
)

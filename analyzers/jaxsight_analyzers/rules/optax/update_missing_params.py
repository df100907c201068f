"""Calls `update` of an optimiser that needs the parameters, without them.

## Why is this bad?

Weight decay, trust ratios and updates that are relative to the parameters are computed from them: `adamw`, `lamb`, `lars`, `lion`, `adafactor`,
`add_decayed_weights` and every chain that holds one of these. Without the third argument the call raises `ValueError: You are using a
transformation that requires the current value of parameters, but you are not passing `params` when calling `update`.`

## Fix safety

Safe where the updates are applied further down to what is added: the old code raises whenever it runs. Otherwise unsafe: what the state was
made for is added, which may be the parameters before the first step.

## Limits

Optimisers are followed through names, attributes of `self`, `chain` and what wraps them, `inject_hyperparams`, and functions that return them.
What a function is given as a parameter is known where its calls are seen. Passing the parameters to an optimiser that does not need them is harmless.
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
    Span,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.optimiser_streams import Step


def check(unit: Unit) -> Iterator[Finding]:
    for number, step in enumerate(unit.optimiser_steps):
        if step.lacks_params:
            part = (
                "" if step.lacks_params == step.optimiser else f" because of `{step.lacks_params}`"
            )
            yield Finding(
                span=step.span,
                message=f"`{step.text}` needs the parameters{part} and fails without them",
                fixes=_fixes(unit, step, number),
            )


def _fixes(unit: Unit, step: Step, number: int) -> tuple[FixRef, ...]:
    if step.params is None or len(step.node.args) != 2 or step.node.keywords:
        return ()
    applicability = Applicability.SAFE if step.applied_next else Applicability.UNSAFE
    title = f"Pass `{edits.source(unit, step.params)}`"
    return (FixRef("pass-params", title, applicability, number),)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    step = unit.optimiser_steps[reference.data]
    if step.params is None:
        return None
    end = unit.model.module.span(step.node.args[-1]).end
    edit = Edit(Span(end, end), f", {edits.source(unit, step.params)}")
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="update-missing-params",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    fix=fix,
    errors=(
        "ValueError: You are using a transformation that requires the current value of parameters",
    ),
    raising=r"\.update\(",
    examples=(
        Example(
            """
            import optax

            tx = optax.adamw(1e-3)

            def step(params, opt_state, grads):
                updates, opt_state = tx.update(grads, opt_state)  # error: [update-missing-params]
                return optax.apply_updates(params, updates), opt_state
            """,
            fixed="""
            import optax

            tx = optax.adamw(1e-3)

            def step(params, opt_state, grads):
                updates, opt_state = tx.update(grads, opt_state, params)
                return optax.apply_updates(params, updates), opt_state
            """,
        ),
        Example(
            """
            import optax

            tx = optax.adam(1e-3)

            def step(params, opt_state, grads):
                updates, opt_state = tx.update(grads, opt_state)
                return optax.apply_updates(params, updates), opt_state
            """
        ),
    ),
)

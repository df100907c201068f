"""Gives `update` of an optimiser something else than gradients, its state and the parameters, in that order.

## Why is this bad?

`tx.update(grads, opt_state, params)` takes its arguments by position. With the gradients for the parameters nothing is raised, and the parameters shrink or grow whatever the loss is. With the state first, or
with the pair that `jax.value_and_grad` returns, the trees do not fit: `ValueError: Dict key mismatch`, `Expected tuple, got`, or an `AttributeError` from inside of the optimiser.

## Fix safety

Unsafe: training does what it was written for.

## Limits

Reported are gradients that `jax.grad` and its kin returned in the same function, and a state that `init` returned.
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

_SWAPPED = {"params": (0, 2), "state": (0, 1)}
_MESSAGES = {
    "value": "`{given}` is the value and the gradients, and `{text}` takes the gradients alone",
    "aux": "`{given}` is the gradients and what else the function returns, and `{text}` takes the gradients alone",
    "params": "`{text}` takes the gradients first and the parameters last: here it is the other way round",
    "state": "`{text}` takes the gradients first, and then the state",
}


def check(unit: Unit) -> Iterator[Finding]:
    for number, step in enumerate(unit.optimiser_steps):
        if step.wrong not in _MESSAGES or not step.node.args:
            continue
        given = edits.source(unit, step.node.args[0])
        fixes: tuple[FixRef, ...] = ()
        if step.wrong in _SWAPPED and len(step.node.args) > _SWAPPED[step.wrong][1]:
            fixes = (FixRef("swap-arguments", "Swap them", Applicability.UNSAFE, number),)
        yield Finding(
            span=step.span,
            message=_MESSAGES[step.wrong].format(given=given, text=step.text),
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    step = unit.optimiser_steps[reference.data]
    one, other = (step.node.args[index] for index in _SWAPPED[step.wrong])
    span = unit.model.module.span
    swapped = (
        Edit(span(one), edits.source(unit, other)),
        Edit(span(other), edits.source(unit, one)),
    )
    return Fix(reference.title, swapped, reference.applicability)


RULE = Rule(
    name="update-arguments-mismatch",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax
            import optax

            tx = optax.adamw(1e-3)

            def loss(params, x):
                return ((x @ params) ** 2).mean()

            def step(params, state, x):
                grads = jax.grad(loss)(params, x)
                updates, state = tx.update(params, state, grads)  # error: [update-arguments-mismatch]
                return optax.apply_updates(params, updates), state
            """,
            fixed="""
            import jax
            import optax

            tx = optax.adamw(1e-3)

            def loss(params, x):
                return ((x @ params) ** 2).mean()

            def step(params, state, x):
                grads = jax.grad(loss)(params, x)
                updates, state = tx.update(grads, state, params)
                return optax.apply_updates(params, updates), state
            """,
        ),
        Example(
            """
            import jax
            import optax

            tx = optax.adamw(1e-3)

            def loss(params, x):
                return ((x @ params) ** 2).mean()

            def step(params, state, x):
                value, grads = jax.value_and_grad(loss)(params, x)
                updates, state = tx.update(grads, state, params)
                return optax.apply_updates(params, updates), state, value
            """
        ),
    ),
)

"""Adds gradients, or updates that point as the gradients do, to the parameters.

## Why is this bad?

`optax.apply_updates(params, updates)` adds. Gradients point to where the loss grows, so that each step makes it worse; it is the optimiser that turns
them around. The parts that optimisers are made of do not: `scale_by_adam` alone makes a step of size one uphill, `scale(learning_rate)` keeps the sign.
`scale_by_learning_rate(learning_rate)`, or `scale(-learning_rate)`, has to be the last part of a chain. Nothing is raised: the loss grows.

## Fix safety

Unsafe: the parameters move the other way.

## Limits

Of updates only those are reported that surely point as the gradients do, and as a warning: who maximises means it. A function with a name such as `reward`, `objective` or `elbo` is
taken for one to maximise. An optimiser that is
given to a `TrainState` or an `nnx.Optimizer` is reported there. Gradients that were averaged, clipped or negated by hand before are not followed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
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
from jaxsight_analyzers.semantic.optimisers import Part

_TITLE = "Scale by the learning rate, which turns the gradients around"


def check(unit: Unit) -> Iterator[Finding]:
    for number, applied in enumerate(unit.applied_updates):
        if applied.gradient is not None:
            params = edits.source(unit, applied.params)
            yield Finding(
                span=applied.span,
                message=f"adds the gradient of `{applied.gradient}` to `{params}`, which climbs: an optimiser makes updates of it",
            )
        elif applied.optimiser is not None:
            updates = edits.source(unit, applied.updates)
            yield Finding(
                span=applied.span,
                message=f"`{updates}` may climb: `{applied.optimiser}` does not turn the gradients around, as `scale_by_learning_rate` does",
                certainty=Certainty.MAYBE,
                fixes=()
                if _scale(unit, applied.chain) is None
                else (FixRef("scale-by-learning-rate", _TITLE, Applicability.UNSAFE, number),),
            )
    for number, held in enumerate(unit.climbing):
        yield Finding(
            span=held.span,
            message=f"`{held.by}` may climb with `{held.text}`: `{held.optimiser}` does not turn the gradients around, as `scale_by_learning_rate` does",
            certainty=Certainty.MAYBE,
            fixes=()
            if _scale(unit, held.chain) is None
            else (FixRef("scale-in-state", _TITLE, Applicability.UNSAFE, number),),
        )


def _scale(unit: Unit, chain: Sequence[Part]) -> ast.Attribute | None:
    """`optax.scale` of the one part of the chain that only scales."""
    found = [
        part.node.func
        for part in chain
        if part.optimiser is not None
        and part.optimiser.name in ("optax.scale", "optax.scale_by_schedule")
        and isinstance(part.node, ast.Call)
    ]
    is_one = len(found) == 1 and unit.model.module.owns(found[0])
    return found[0] if is_one and isinstance(found[0], ast.Attribute) else None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    is_held = reference.kind == "scale-in-state"
    found = unit.climbing if is_held else unit.applied_updates
    scale = _scale(unit, found[reference.data].chain)
    if scale is None:
        return None
    end = unit.model.module.span(scale).end
    edit = Edit(Span(end - len(scale.attr), end), "scale_by_learning_rate")
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="grads-applied-directly",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax
            import optax

            tx = optax.chain(optax.scale_by_adam(), optax.scale(1e-3))

            def loss(params, x):
                return ((x @ params) ** 2).mean()

            def step(params, opt_state, x):
                grads = jax.grad(loss)(params, x)
                updates, opt_state = tx.update(grads, opt_state)
                return optax.apply_updates(params, updates), opt_state  # error: [grads-applied-directly]
            """,
            fixed="""
            import jax
            import optax

            tx = optax.chain(optax.scale_by_adam(), optax.scale_by_learning_rate(1e-3))

            def loss(params, x):
                return ((x @ params) ** 2).mean()

            def step(params, opt_state, x):
                grads = jax.grad(loss)(params, x)
                updates, opt_state = tx.update(grads, opt_state)
                return optax.apply_updates(params, updates), opt_state
            """,
        ),
        Example(
            """
            import jax
            import optax

            tx = optax.chain(optax.scale_by_adam(), optax.scale(-1e-3))

            def loss(params, x):
                return ((x @ params) ** 2).mean()

            def step(params, opt_state, x):
                grads = jax.grad(loss)(params, x)
                updates, opt_state = tx.update(grads, opt_state)
                return optax.apply_updates(params, updates), opt_state
            """
        ),
    ),
)

"""Differentiates a function that returns a loss for each example.

## Why is this bad?

Losses of Optax are one number for each example, or for each element. `jax.grad` takes functions that return one number: `TypeError: Gradient only defined for scalar-output functions. Output had
shape: (32,).` The mean of a batch is what most learning rates are made for.

## Fix safety

Unsafe: `.mean()` is one way to make one number of many; where examples are padded, their number counts.

## Limits

Of a single example the loss is one number, which is why it says "may". Functions that `vmap` runs for each example are not reported, nor losses such as `l2_loss` that are often given two numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

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
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for number, derivative in enumerate(unit.derivatives):
        if derivative.losses is None or not derivative.is_of_scalar:
            continue
        if derivative.has_aux is not False or (
            derivative.returned is not None and derivative.returned.shape is not None
        ):
            continue
        yield Finding(
            span=derivative.span,
            message=f"`{derivative.name}` may fail because `{derivative.function}` returns a loss for each example",
            certainty=Certainty.MAYBE,
            fixes=(FixRef("take-mean", "Take the mean", Applicability.UNSAFE, number),),
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    losses = unit.derivatives[reference.data].losses
    if losses is None:
        return None
    end = unit.model.module.span(losses).end
    edit = Edit(Span(end, end), ".mean()")
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="loss-not-reduced",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    fix=fix,
    errors=("TypeError: Gradient only defined for scalar-output functions. Output had shape",),
    raising=r"grad",
    examples=(
        Example(
            """
            import jax
            import optax

            def loss(w, x, y):
                return optax.softmax_cross_entropy(x @ w, y)

            def step(w, x, y):
                return w - 0.1 * jax.grad(loss)(w, x, y)  # error: [loss-not-reduced]
            """,
            fixed="""
            import jax
            import optax

            def loss(w, x, y):
                return optax.softmax_cross_entropy(x @ w, y).mean()

            def step(w, x, y):
                return w - 0.1 * jax.grad(loss)(w, x, y)
            """,
        ),
        Example(
            """
            import jax
            import optax

            def loss(w, x, y):
                return optax.softmax_cross_entropy(x @ w, y)

            def step(w, x, y):
                return jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))(w, x, y)
            """
        ),
    ),
)

"""Changes an NNX module in a function that a transformation of JAX traces.

## Why is this bad?

`jax.jit`, `jax.grad` and `jax.vmap` hand the function a copy of its arguments. What it does to the variables of a module, be it an update by the
optimizer, batch statistics or a counter, stays in the copy and is lost: nothing raises, and with `jax.jit` around a train step the model never
learns. `nnx.jit` and its kin hand changes back.

## Fix safety

Unsafe: with `nnx.jit` in the place of `jax.jit` the module changes, which later code may not expect, and `nnx.grad` returns an `nnx.State`.

## Limits

Functions that return the module, or its state by `nnx.split` or `nnx.state`, keep the change and are not reported; neither are modules that the function makes itself
with `nnx.merge`. What layers such as `nnx.BatchNorm` and `nnx.Dropout` change is reported only where gradients are taken, for else the model may
be in evaluation mode, and as likely.
Nothing is reported in files that speak of `hijax` or of variables with `ref=`: every trace shares these.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.nnx_streams import StateLost

_COUNTERPARTS = {
    f"jax.{name}": f"flax.nnx.{name}" for name in ("jit", "grad", "value_and_grad", "vmap", "pmap")
}


def check(unit: Unit) -> Iterator[Finding]:
    found = unit.nnx_lost
    if not found or unit.may_share_variables:
        return
    for number, lost in enumerate(found):
        if lost.changed_by == "a layer" and not lost.learns:
            continue
        is_sure = lost.changed_by == "the optimizer" and lost.certainty is Certainty.YES
        fixes: tuple[FixRef, ...] = ()
        new = _COUNTERPARTS.get(lost.transformation) if lost.is_applied_here else None
        if new is not None and _reference(unit, lost) is not None:
            title = f"Use `{new.removeprefix('flax.')}`, which hands it back"
            fixes = (FixRef("use-nnx", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=lost.span,
            message=_message(lost),
            certainty=Certainty.YES if is_sure else Certainty.MAYBE,
            related=lost.related,
            fixes=fixes,
        )


def _message(lost: StateLost) -> str:
    copy = f"`{lost.by}` hands `{lost.function}` a copy of `{lost.root}`"
    if lost.changed_by == "the optimizer":
        return f"{copy}, so the update by the optimizer is lost"
    if lost.changed_by == "a layer":
        return f"{copy}, so what the layer `{lost.what}` may change in itself is lost"
    return f"{copy}, so the change of `{lost.what}` may be lost"


def _reference(unit: Unit, lost: StateLost) -> ast.expr | None:
    """Where the transformation is named: in a decorator, a call or a `partial`."""
    inside = set(ast.walk(lost.node))
    for reference in unit.references:
        if reference.qualified == lost.transformation and reference.node in inside:
            return reference.node if isinstance(reference.node, ast.expr) else None
    return None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    lost = unit.nnx_lost[reference.data]
    named = _reference(unit, lost)
    if named is None:
        return None
    new = edits.spell(unit, _COUNTERPARTS[lost.transformation])
    edit = Edit(unit.model.module.span(named), new.text)
    return Fix(reference.title, (edit, *new.edits), reference.applicability)


RULE = Rule(
    name="jax-transform-loses-state",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax
            import optax
            from flax import nnx

            @jax.jit  # error: [jax-transform-loses-state]
            def train_step(model, optimizer, x):
                grads = nnx.grad(lambda model: (model(x) ** 2).mean())(model)
                optimizer.update(model, grads)

            def main(x):
                model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
                optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
                train_step(model, optimizer, x)
            """,
            fixed="""
            import jax
            import optax
            from flax import nnx

            @nnx.jit
            def train_step(model, optimizer, x):
                grads = nnx.grad(lambda model: (model(x) ** 2).mean())(model)
                optimizer.update(model, grads)

            def main(x):
                model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
                optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
                train_step(model, optimizer, x)
            """,
        ),
        Example(
            """
            import jax
            import optax
            from flax import nnx

            @jax.jit
            def train_step(model, optimizer, x):
                grads = nnx.grad(lambda model: (model(x) ** 2).mean())(model)
                optimizer.update(model, grads)
                return model, optimizer

            def main(x):
                model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
                optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
                model, optimizer = train_step(model, optimizer, x)
            """
        ),
    ),
)

"""Gives a module of NNX random numbers that are not an `nnx.Param`.

## Why is this bad?

What is trained of a module are its parameters. `self.w = jax.random.normal(rngs.params(), (2, 3))` is data of the module, it is saved and traced, but `nnx.state(model, nnx.Param)` lacks it, `nnx.Optimizer(model, tx, wrt=nnx.Param)` never
changes it, and `nnx.grad` has no gradient for it. Nothing is raised. In Equinox every array is trained.

## Fix safety

Unsafe: the array is trained then, and changes name in checkpoints.

## Limits

In preview: random features that are to stay as they are look the same. Only values that `jax.random` draws in the constructor are reported.
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
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for number, raw in enumerate(unit.nnx_raw):
        title = "Make it an `nnx.Param`"
        yield Finding(
            span=raw.span,
            message=f"`{raw.name}` is a plain array of `{raw.owner}` and may be meant to be trained, as an `nnx.Param` is",
            certainty=Certainty.MAYBE,
            fixes=(FixRef("wrap-in-param", title, Applicability.UNSAFE, number),),
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    raw = unit.nnx_raw[reference.data]
    param = edits.spell(unit, "flax.nnx.Param")
    edit = Edit(raw.span, f"{param.text}({raw.text})")
    return Fix(reference.title, (edit, *param.edits), reference.applicability)


RULE = Rule(
    name="raw-array-attribute-untrained",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    preview=True,
    examples=(
        Example(
            """
            import jax
            from flax import nnx

            class Scale(nnx.Module):
                def __init__(self, rngs: nnx.Rngs):
                    self.w = jax.random.normal(rngs.params(), (2,))  # error: [raw-array-attribute-untrained]

                def __call__(self, x):
                    return self.w * x
            """,
            fixed="""
            import jax
            from flax import nnx

            class Scale(nnx.Module):
                def __init__(self, rngs: nnx.Rngs):
                    self.w = nnx.Param(jax.random.normal(rngs.params(), (2,)))

                def __call__(self, x):
                    return self.w * x
            """,
        ),
        Example(
            """
            import jax.numpy as jnp
            from flax import nnx

            class Shift(nnx.Module):
                def __init__(self, rngs: nnx.Rngs):
                    self.table = jnp.arange(3.0)

                def __call__(self, x):
                    return self.table + x
            """
        ),
    ),
)

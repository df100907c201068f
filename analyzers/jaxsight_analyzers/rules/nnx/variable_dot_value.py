"""Reads or sets what an NNX variable holds through `.value`.

## Why is this bad?

Since Flax 0.12.1 that warns: ``DeprecationWarning: '.value' access is now deprecated. For Variable[Array] instances use: variable[...]``, and it will
go. A variable is used like the array that it holds, `variable[...]` is the array itself, and `variable[...] = array` changes
it. What is no array is read by `variable.get_value()` and set by `variable.set_value(value)`.

## Fix safety

Safe where the variable surely holds an array and is read, or set as a whole. Otherwise unsafe: `[...]` is an index of what it
holds.

## Limits

Reported where the project is known to have Flax 0.12.1 or later, and where the object is a variable of NNX for sure: made by
`nnx.Param(...)` or another class of variables, an attribute that `__init__` gives one, a parameter that is annotated so, or one of the parameters of NNX's own layers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
    Span,
    Tag,
)
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.nnx_streams import ObjectRead


def check(unit: Unit) -> Iterator[Finding]:
    if not unit.is_at_least("flax", "0.12.1"):
        return
    for number, read in enumerate(unit.nnx_reads):
        if read.node.attr != "value":
            continue
        safe = Applicability.SAFE if read.holds_array else Applicability.UNSAFE
        fixes = [FixRef("use-index", f"Use `{read.base}[...]`", safe, number)]
        if not read.holds_array and isinstance(read.node.ctx, ast.Load):
            title = f"Use `{read.base}.get_value()`"
            fixes.append(FixRef("use-get-value", title, Applicability.UNSAFE, number))
        yield Finding(
            span=Span(read.span.end - len("value"), read.span.end),
            message=f"`.value` of the variable `{read.base}` is deprecated since Flax 0.12.1; `{read.base}[...]` takes its place",
            fixes=tuple(fixes),
            tag=Tag.DEPRECATED,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    read = unit.nnx_reads[reference.data]
    text = "[...]" if reference.kind == "use-index" else ".get_value()"
    span = Span(_end_of_base(unit, read), read.span.end)
    return Fix(reference.title, (Edit(span, text),), reference.applicability)


def _end_of_base(unit: Unit, read: ObjectRead) -> int:
    return unit.model.module.span(read.node.value).end


RULE = Rule(
    name="variable-dot-value",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax.numpy as jnp
            from flax import nnx

            class Scale(nnx.Module):
                def __init__(self):
                    self.w = nnx.Param(jnp.ones(2))

                def __call__(self, x):
                    return x * self.w.value  # error: [variable-dot-value]
            """,
            fixed="""
            import jax.numpy as jnp
            from flax import nnx

            class Scale(nnx.Module):
                def __init__(self):
                    self.w = nnx.Param(jnp.ones(2))

                def __call__(self, x):
                    return x * self.w[...]
            """,
            versions=(("flax", "0.12.8"),),
        ),
        Example(
            """
            import enum

            import jax.numpy as jnp
            from flax import nnx

            class Mode(enum.Enum):
                TRAIN = 1

            class Scale(nnx.Module):
                def __init__(self):
                    self.w = nnx.Param(jnp.ones(2))

                def __call__(self, x, mode):
                    return x * self.w + mode.value + Mode.TRAIN.value
            """,
            versions=(("flax", "0.12.8"),),
        ),
    ),
)

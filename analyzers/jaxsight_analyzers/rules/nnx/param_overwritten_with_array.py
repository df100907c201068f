"""Puts an array, or a number, in the place of a variable of an NNX module.

## Why is this bad?

`module.w = array` does not change the `nnx.Param` in `module.w`: it takes it out, and the array comes in its place. Nothing raises. From then
on `nnx.state(module, nnx.Param)` lacks it, the optimizer does not train it, gradients do not have it, and a
checkpoint misses it. `module.w[...] = array` changes what the variable holds. `module.w += 1` raises `NotImplementedError: In-place operations are no
longer supported for Variable. Use variable[...] += x instead` on Flax 0.12.

## Fix safety

Safe where the attribute holds a variable of arrays and the value is an array: the variable stays what it is and gets the
value. Unsafe for Python's numbers, which become arrays then. Where the project has Flax before 0.12 the fix is `module.w.value = array`.

## Limits

Reported where the class of the object gives the attribute a variable in `__init__`, and the new value is an array for sure. Another
variable in its place, such as `module.w = nnx.Param(array)`, is right. In `__init__` itself only what it was given before there counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Span
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.nnx_streams import Overwritten


def check(unit: Unit) -> Iterator[Finding]:
    inside = _inside(unit)
    for number, overwritten in enumerate(unit.nnx_overwritten):
        in_place = isinstance(overwritten.statement, ast.AugAssign)
        if in_place and inside != "[...]":
            continue  # which changed what the variable holds
        is_safe = overwritten.is_array or in_place
        applicability = Applicability.SAFE if is_safe else Applicability.UNSAFE
        title = f"Change what it holds: `{overwritten.name}{inside}`"
        yield Finding(
            span=overwritten.span,
            message=_message(overwritten),
            fixes=(FixRef("assign-inside", title, applicability, number),),
        )


def _inside(unit: Unit) -> str:
    """What stands for what a variable holds: Flax before 0.12 takes no `variable[...] = array`."""
    is_new = unit.version("flax") is None or unit.is_at_least("flax", "0.12.0")
    return "[...]" if is_new else ".value"


def _message(overwritten: Overwritten) -> str:
    name, kind = overwritten.name, overwritten.variable
    if isinstance(overwritten.statement, ast.AugAssign):
        return f"`{name}` is an `{kind}`, which is not changed in place like that; its value is `{name}[...]`"
    what = "an array" if overwritten.is_array else "a value"
    consequence = "which is not trained any more" if overwritten.trained else "which is lost"
    return f"{what[0].upper()}{what[1:]} takes the place of the `{kind}` in `{name}`, {consequence}"


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    end = unit.nnx_overwritten[reference.data].span.end
    return Fix(reference.title, (Edit(Span(end, end), _inside(unit)),), reference.applicability)


RULE = Rule(
    name="param-overwritten-with-array",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("NotImplementedError: In-place operations are no longer supported for Variable",),
    raising=r"(\+|-|\*|/)=",
    examples=(
        Example(
            """
            import jax.numpy as jnp
            from flax import nnx

            class Scale(nnx.Module):
                def __init__(self):
                    self.w = nnx.Param(jnp.ones(2))

            model = Scale()
            model.w = jnp.zeros(2)  # error: [param-overwritten-with-array]
            """,
            fixed="""
            import jax.numpy as jnp
            from flax import nnx

            class Scale(nnx.Module):
                def __init__(self):
                    self.w = nnx.Param(jnp.ones(2))

            model = Scale()
            model.w[...] = jnp.zeros(2)
            """,
        ),
        Example(
            """
            import jax.numpy as jnp
            from flax import nnx

            class Scale(nnx.Module):
                def __init__(self):
                    self.w = nnx.Param(jnp.ones(2))

            model = Scale()
            model.w = nnx.Param(jnp.zeros(2))
            model.w[...] = jnp.zeros(2)
            """
        ),
    ),
)

"""Uses a variable of NNX where the array in it is needed.

## Why is this bad?

`nnx.Param` and other variables stand for their array in arithmetic and in functions of `jax.numpy`, but not everywhere. They have no order: `param > 0` raises
`TypeError: '>' not supported between instances of 'Param' and 'int'`, in `jnp.where(param > 0, ...)` as well. Functions of `jax.lax` take arrays alone in newer releases of JAX:
`ValueError: Triggering __jax_array__() during abstractification is no longer supported.`
`param[...]` is the array; before Flax 0.12 `param.value` was the usual spelling.

## Fix safety

Safe where the variable is known to hold an array: the old code raises. Unsafe otherwise.

## Limits

Variables of the library's own classes that are seen to be made, or are annotated as such. With an array of JAX on the other side the comparison works and is silent. Functions of `jax.lax` are reported
where the project surely has JAX 0.10 or later, or its version is not known.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Span
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.nnx_streams import VariableUsed
from jaxsight_analyzers.semantic.spelling import display


def check(unit: Unit) -> Iterator[Finding]:
    for number, used in enumerate(unit.nnx_used):
        of_lax = used.by.startswith("jax.")
        if of_lax and unit.version("jax") is not None and not unit.is_at_least("jax", "0.10.0"):
            continue
        sure = Applicability.SAFE if used.holds_array else Applicability.UNSAFE
        title = f"Take the array: `{used.text}[...]`"
        yield Finding(
            span=used.span,
            message=_message(used, of_lax),
            fixes=(FixRef("take-array", title, sure, number),),
        )


def _message(used: VariableUsed, of_lax: bool) -> str:
    what = f"`{used.text}` is an `nnx.{used.variable}`"
    if of_lax:
        return f"{what}, which `{display(used.by)}` does not take for an array"
    return f"{what}, for which `{used.by}` raises"


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    end = unit.nnx_used[reference.data].span.end
    is_new = unit.version("flax") is None or unit.is_at_least("flax", "0.12.0")
    edit = Edit(Span(end, end), "[...]" if is_new else ".value")
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="nnx-variable-as-array",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "TypeError: '>' not supported between instances of 'Param' and 'int'",
        "ValueError: Triggering __jax_array__() during abstractification is no longer supported",
    ),
    raising=r"[<>]|lax\.",
    examples=(
        Example(
            """
            import jax.numpy as jnp
            from flax import nnx

            class Gate(nnx.Module):
                def __init__(self):
                    self.w = nnx.Param(jnp.ones(2))

                def __call__(self, x):
                    return jnp.where(self.w > 0, x, 0.0)  # error: [nnx-variable-as-array]
            """,
            fixed="""
            import jax.numpy as jnp
            from flax import nnx

            class Gate(nnx.Module):
                def __init__(self):
                    self.w = nnx.Param(jnp.ones(2))

                def __call__(self, x):
                    return jnp.where(self.w[...] > 0, x, 0.0)
            """,
        ),
        Example(
            """
            import jax.numpy as jnp
            from flax import nnx

            class Gate(nnx.Module):
                def __init__(self):
                    self.w = nnx.Param(jnp.ones(2))

                def __call__(self, x):
                    return jnp.maximum(self.w, 0.0) * x + self.w
            """
        ),
    ),
)

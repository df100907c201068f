"""Updates an array with a value that its dtype cannot hold.

## Why is this bad?

`x.at[i].set(1.5)` of an array of integers sets 1: the result has the dtype of the array, whatever is set. JAX warns, and will refuse: `FutureWarning:
scatter inputs have incompatible types: cannot safely cast value from dtype=float32 to dtype=int32 with jax_numpy_dtype_promotion=standard.
In future JAX releases this will result in an error.`

## Fix safety

Unsafe: casting the value says what happens today. Where the fraction counts, make the array one of floats where it is made.

## Limits

In preview. Reported where both dtypes are known, and the kinds differ: floats into integers or booleans, complex numbers into floats.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit

_SAY = {"int": "int32", "float": "float32", "complex": "complex64"}


def check(unit: Unit) -> Iterator[Finding]:
    for number, cast in enumerate(unit.scatter_casts):
        value = edits.source(unit, cast.value)
        array = edits.source(unit, _array(cast.function))
        into, dtype = _SAY.get(cast.into, cast.into), _SAY.get(cast.dtype, cast.dtype)
        title = f"Cast the value to the dtype of `{array}`"
        yield Finding(
            span=unit.model.module.span(cast.value),
            message=f"`{value}` is `{dtype}` and is cut to the `{into}` of `{array}`",
            fixes=(FixRef("cast-value", title, Applicability.UNSAFE, number),),
        )


def _array(function: ast.Attribute) -> ast.expr:
    """`x` of `x.at[i].set`."""
    item = function.value
    assert isinstance(item, ast.Subscript) and isinstance(item.value, ast.Attribute)
    return item.value.value


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    cast = unit.scatter_casts[reference.data]
    function = edits.spell(unit, "jax.numpy.asarray")
    value = edits.as_argument(unit, cast.value)
    text = f"{function.text}({value}).astype({edits.source(unit, _array(cast.function))}.dtype)"
    edit = Edit(unit.model.module.span(cast.value), text)
    return Fix(reference.title, (edit, *function.edits), reference.applicability)


RULE = Rule(
    name="unsafe-scatter-cast",
    severity=Severity.WARNING,
    since="0.1.0",
    preview=True,
    check=check,
    fix=fix,
    errors=("FutureWarning: scatter inputs have incompatible types: cannot safely cast value",),
    examples=(
        Example(
            """
            import jax.numpy as jnp

            x = jnp.zeros(2, int)
            y = x.at[0].set(1.5)  # error: [unsafe-scatter-cast]
            """,
            fixed="""
            import jax.numpy as jnp

            x = jnp.zeros(2, int)
            y = x.at[0].set(jnp.asarray(1.5).astype(x.dtype))
            """,
        ),
        Example(
            """
            import jax.numpy as jnp

            x = jnp.zeros(2)
            y = x.at[0].set(1.5)
            """
        ),
    ),
)

"""Combines an array of half precision with a scalar of NumPy's.

## Why is this bad?

Python's numbers take the dtype of the array they meet, NumPy's scalars have one of their own: `x * 0.5` of a `bfloat16` array
is `bfloat16`, `x * np.sqrt(0.25)` is `float32`. From there on everything takes twice the memory and bandwidth, and
matrix units run at a fraction of their speed. Nothing is said.

## Fix safety

Unsafe: what follows is computed in half precision then, as the array was; results differ in their last digits.

## Limits

Reported where the dtype of the array is known: it is named in the function, or in what it is made of. Silent where the result is cast at once,
`(x * np.sqrt(d)).astype(...)`, and for scalars whose dtype the array keeps, such as `np.pi`, which is a Python number.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit

_IN_MATH = frozenset(
    [
        "sqrt",
        "exp",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "sin",
        "cos",
        "tan",
        "tanh",
        "sinh",
        "cosh",
        "cbrt",
        "hypot",
    ]
)
_CASTS = ("astype", "asarray", "array", "convert_element_type", "float32")


def check(unit: Unit) -> Iterator[Finding]:
    for number, promotion in enumerate(unit.promotions):
        if _is_cast(unit, promotion.node):
            continue
        array, scalar = (edits.source(unit, n) for n in (promotion.array, promotion.scalar))
        name = _in_math(unit, promotion.scalar)
        title = "Make it a Python number" if name is None else f"Use `math.{name}`"
        yield Finding(
            span=unit.model.module.span(promotion.scalar),
            message=f"`{scalar}` is a NumPy scalar, which makes `float32` of `{array}`, "
            f"an array of `{promotion.dtype}`",
            fixes=(FixRef("python-number", title, Applicability.UNSAFE, number),),
        )


def _is_cast(unit: Unit, node: ast.BinOp | ast.AugAssign) -> bool:
    """Whether the result is given another dtype where it stands."""
    if isinstance(node, ast.AugAssign):
        return False
    for outer in edits.parents_of(unit, node):
        function = outer.func if isinstance(outer, ast.Call) else outer
        if isinstance(function, ast.Attribute) and function.attr in _CASTS:
            return True
        if not isinstance(outer, (ast.BinOp, ast.UnaryOp, ast.Call)):
            return False
    return False


def _in_math(unit: Unit, node: ast.expr) -> str | None:
    """The function of `math` that computes a scalar as a Python number."""
    call = unit.call_at(node)
    if call is None or call.node.keywords or not call.canonical.startswith("numpy."):
        return None
    name = call.canonical.rpartition(".")[2]
    return name if name in _IN_MATH else None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    scalar = unit.promotions[reference.data].scalar
    name = _in_math(unit, scalar)
    if name is None:
        text = f"float({edits.source(unit, scalar)})"
        edit = Edit(unit.model.module.span(scalar), text)
        return Fix(reference.title, (edit,), reference.applicability)
    assert isinstance(scalar, ast.Call)
    function = edits.spell(unit, f"math.{name}")
    edit = Edit(unit.model.module.span(scalar.func), function.text)
    return Fix(reference.title, (edit, *function.edits), reference.applicability)


RULE = Rule(
    name="numpy-scalar-promotes-bf16",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import math

            import jax.numpy as jnp
            import numpy as np

            h = jnp.ones(4, jnp.bfloat16) / np.sqrt(64)  # error: [numpy-scalar-promotes-bf16]
            """,
            fixed="""
            import math

            import jax.numpy as jnp
            import numpy as np

            h = jnp.ones(4, jnp.bfloat16) / math.sqrt(64)
            """,
        ),
        Example(
            """
            import math

            import jax.numpy as jnp

            h = jnp.ones(4, jnp.bfloat16) / math.sqrt(64)
            """
        ),
    ),
)

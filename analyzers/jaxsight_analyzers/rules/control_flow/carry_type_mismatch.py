"""A loop hands on a carry of another type than the one it starts with.

## Why is this bad?

The carry of `jax.lax.scan`, `jax.lax.while_loop` and `jax.lax.fori_loop` lies in one place of memory for all steps,
so its structure, shapes and dtypes stay what they are. A body that returns something else raises `TypeError: scan body
function carry input and carry output must have equal types, but they differ`, or `must have the same pytree
structure`: a counter that starts as `jnp.zeros((), jnp.int32)` and to which a float is added, a `float32` state that comes
back as `bfloat16`, an array that `jnp.append` makes longer.

## Fix safety

Unsafe: the loop then starts with the dtype that the body returns. Where the dtype of the start is the right one,
cast in the body instead.

## Limits

Reported where the text says both types. A Python number or `jnp.array(0.0)` to start with takes the dtype that the body
returns, and is not reported; neither is what depends on the arguments of a function, nor a tuple that comes back as a list.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.body_streams import BodyTypes
from jaxsight_analyzers.semantic.spelling import display

_PYTHON = ("bool", "int", "float", "complex")


def check(unit: Unit) -> Iterator[Finding]:
    for number, types in enumerate(unit.body_types):
        if types.argument is None:
            continue
        fixes: tuple[FixRef, ...] = ()
        if types.kind == "dtype" and _start(types) is not None:
            title = f"Start with `{types.other}`"
            fixes = (FixRef("cast-start", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=types.span,
            message=f"`{display(types.name)}` fails: {_says(types)}",
            related=types.related,
            fixes=fixes,
        )


def _says(types: BodyTypes) -> str:
    carry = f"`carry{''.join(f'[{part!r}]' for part in types.path)}`"
    name = types.functions[0]
    body = "its body" if name == "<lambda>" else f"`{name}`"
    how = "with shape" if types.kind == "shape" else "as"
    return f"{carry} starts {how} {types.one}, and {body} returns it {how} {types.other}"


def _start(types: BodyTypes) -> ast.expr | None:
    """Where the part of the carry is written that has another dtype."""
    node = types.argument
    for part in types.path:
        if not isinstance(node, (ast.Tuple, ast.List)) or not isinstance(part, int):
            return None
        if any(isinstance(item, ast.Starred) for item in node.elts):
            return None
        node = node.elts[part]
    return node


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    types = unit.body_types[reference.data]
    start = _start(types)
    if start is None:
        return None
    if types.other in _PYTHON:
        dtype, more = types.other, ()
    else:
        spelling = edits.spell(unit, f"jax.numpy.{types.other}")
        dtype, more = spelling.text, spelling.edits
    edit = Edit(unit.model.module.span(start), f"{edits.as_operand(unit, start)}.astype({dtype})")
    return Fix(reference.title, (edit, *more), reference.applicability)


RULE = Rule(
    name="carry-type-mismatch",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("TypeError: carry input and carry output must have equal types",),
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            def body(total, x):
                return total + 0.5 * jnp.ones(()), None

            total, _ = jax.lax.scan(body, jnp.zeros((), jnp.int32), jnp.ones(3))  # error: [carry-type-mismatch]
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            def body(total, x):
                return total + 0.5 * jnp.ones(()), None

            total, _ = jax.lax.scan(body, jnp.zeros((), jnp.int32).astype(float), jnp.ones(3))
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            def body(total, x):
                return total + x, None

            total, _ = jax.lax.scan(body, 0, jnp.ones(3))
            """
        ),
    ),
)

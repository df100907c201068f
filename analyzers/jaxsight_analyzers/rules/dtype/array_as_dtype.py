"""Passes an array where a dtype is wanted.

## Why is this bad?

`x.astype(y)` and `jnp.zeros(3, dtype=y)` once took the dtype of the array `y`. Since JAX 0.8 they raise
`ValueError: Passing an array as a dtype argument is no longer supported; instead of dtype=arr use
dtype=arr.dtype`, or `Non-hashable static arguments are not supported` where the function is compiled.

## Fix safety

Safe: the old code cannot have worked, and `y.dtype` is what it meant.

## Limits

Silent where the project has JAX before 0.8, which only warned. What may be an array or a dtype, such as a
parameter that nobody is seen to pass an array to, is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.knowledge.facts import release
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Argument, Call
from jaxsight_analyzers.semantic.transfer_streams import MethodCall
from jaxsight_analyzers.semantic.values import Kind

_PARAMETERS = ("dtype", "new_dtype")


def check(unit: Unit) -> Iterator[Finding]:
    version = unit.version("jax")
    if version is not None and release(version) < release("0.8"):
        return
    for number, call in unit.calls_from("jax"):
        argument = (
            _dtype(call) if call.facts is not None and call.facts.returns == "array" else None
        )
        if argument is not None:
            title = f"Use `{argument.text}.dtype`"
            yield _found(argument, FixRef("use-dtype", title, Applicability.SAFE, number))
    for number, method in enumerate(unit.methods):
        argument = _dtype(method) if method.base_kind is Kind.ARRAY else None
        if argument is not None:
            title = f"Use `{argument.text}.dtype`"
            yield _found(argument, FixRef("use-dtype-method", title, Applicability.SAFE, number))


def _found(argument: Argument, fix: FixRef) -> Finding:
    return Finding(
        span=argument.span,
        message=f"`{argument.text}` is an array, which is no longer taken for its dtype",
        fixes=(fix,),
    )


def _dtype(call: Call | MethodCall) -> Argument | None:
    """The array that stands for a dtype."""
    return next(
        (
            argument
            for argument in call.arguments
            if argument.parameter in _PARAMETERS
            and argument.kind is Kind.ARRAY
            and not argument.is_starred
            and "type"
            not in argument.text  # `dtype: jnp.ndarray`, which its annotation is wrong about
        ),
        None,
    )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    calls = unit.methods if reference.kind == "use-dtype-method" else unit.calls
    argument = _dtype(calls[reference.data])
    if argument is None:
        return None
    edit = Edit(argument.span, f"{edits.as_operand(unit, argument.node)}.dtype")
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="array-as-dtype",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("ValueError: Passing an array as a dtype argument is no longer supported",),
    examples=(
        Example(
            """
            import jax.numpy as jnp

            x, y = jnp.ones(3), jnp.ones(3, int)
            z = x.astype(y)  # error: [array-as-dtype]
            """,
            fixed="""
            import jax.numpy as jnp

            x, y = jnp.ones(3), jnp.ones(3, int)
            z = x.astype(y.dtype)
            """,
        ),
        Example(
            """
            import jax.numpy as jnp

            x, y = jnp.ones(3), jnp.ones(3, int)
            z = x.astype(y.dtype)
            """
        ),
    ),
)

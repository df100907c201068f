"""Takes the gradient of a function that does not return one number.

## Why is this bad?

`jax.grad` differentiates scalars. A function that returns a pair of a loss and something else raises `TypeError:
Gradient only defined for scalar-output functions. Output was (...)` unless `has_aux=True` says that the second is only
handed on; one that returns a loss per example raises the same with the shape of the array. With `has_aux=True` a
function that returns one array raises `TypeError: grad with has_aux=True requires...`. An integer has no derivative: `TypeError: grad requires
real- or complex-valued inputs`.

## Fix safety

Unsafe: with `has_aux=True` what the transformed function returns has another structure, and its callers have to
unpack it.

## Limits

Only functions whose return values are understood on every path are reported. What `jax.grad` is given as a parameter is not.
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
    Related,
    Severity,
    Span,
)
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.derivative_streams import Derivative


def check(unit: Unit) -> Iterator[Finding]:
    for number, derivative in enumerate(unit.derivatives):
        if not derivative.is_of_scalar:
            continue
        wrong = _wrong(derivative)
        if wrong is None or _is_being_typed(unit, derivative):
            continue
        fixes: tuple[FixRef, ...] = ()
        if _is_pair(derivative) and _insertion(unit, derivative) is not None:
            fixes = (FixRef("has-aux", "Add `has_aux=True`", Applicability.UNSAFE, number),)
        yield Finding(
            span=derivative.span,
            message=f"`{derivative.name}` {wrong}",
            related=(Related(derivative.returns, f"`{derivative.function}` is defined here"),)
            if derivative.returns is not None
            else (),
            fixes=fixes,
        )


def _is_being_typed(unit: Unit, derivative: Derivative) -> bool:
    """Whether what the function returns is still to come."""
    return derivative.returns is not None and unit.is_being_typed(derivative.definition)


def _wrong(derivative: Derivative) -> str | None:
    function, items = derivative.function, derivative.items
    if derivative.whole_numbers:
        name = derivative.whole_numbers[0]
        return f"differentiates `{function}` by `{name}`, which is passed an integer, and fails"
    if items is not None and derivative.has_aux is False:
        hint = "; `has_aux=True` hands on the second" if _is_pair(derivative) else ""
        return f"fails because `{function}` returns a tuple of {items}{hint}"
    if derivative.has_aux and (derivative.is_array or items not in (None, 2)):
        what = "one array" if derivative.is_array else f"a tuple of {items}"
        return f"with `has_aux=True` fails because `{function}` returns {what} and no pair"
    shape = None if derivative.returned is None else derivative.returned.shape
    if shape and (derivative.is_array or derivative.has_aux):
        written = ", ".join("?" if one is None else str(one) for one in shape)
        return f"fails because `{function}` returns an array of shape ({written}), and no scalar"
    return None


def _is_pair(derivative: Derivative) -> bool:
    return derivative.items == 2 and derivative.has_aux is False and derivative.first_is_array


def _insertion(unit: Unit, derivative: Derivative) -> Edit | None:
    """`has_aux=True` as the last argument of the call."""
    node = derivative.node
    if not isinstance(node, ast.Call) or any(k.arg in (None, "has_aux") for k in node.keywords):
        return None
    last = max([*node.args, *node.keywords], key=lambda one: unit.model.module.span(one).end)
    end = unit.model.module.span(last).end
    return Edit(Span(end, end), ", has_aux=True")


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    edit = _insertion(unit, unit.derivatives[reference.data])
    return None if edit is None else Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="grad-non-scalar",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    aliases=("grad-non-scalar-or-aux",),
    errors=(
        "TypeError: Gradient only defined for scalar-output functions. Output",
        "TypeError: expected function with aux output to return a two-element tuple",
        "TypeError: grad requires real- or complex-valued inputs",
    ),
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            def loss(w, x):
                y = x @ w
                return jnp.mean(y**2), y

            def step(w, x):
                gradient, y = jax.grad(loss)(w, x)  # error: [grad-non-scalar]
                return w - gradient, y
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            def loss(w, x):
                y = x @ w
                return jnp.mean(y**2), y

            def step(w, x):
                gradient, y = jax.grad(loss, has_aux=True)(w, x)
                return w - gradient, y
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            def loss(w, x):
                y = x @ w
                return jnp.mean(y**2), y

            def step(w, x):
                (value, y), gradient = jax.value_and_grad(loss, has_aux=True)(w, x)
                return w - gradient, y
            """
        ),
    ),
)

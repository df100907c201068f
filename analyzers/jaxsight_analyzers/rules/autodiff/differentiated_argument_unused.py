"""Differentiates a function by an argument that it does not use.

## Why is this bad?

`jax.grad(loss)(params)` differentiates by the parameter of `loss`. Where the function computes with something else, the
`params` of the function around it or `self.params`, that is a constant to JAX: the gradient is zero everywhere. Nothing fails;
training does nothing.

## Fix safety

Unsafe: the gradient changes, which is the purpose. The function uses its parameter in the place of what the caller passes
for it.

## Limits

Reported where the text of the function does not mention the parameter at all. A parameter whose name begins with `_` is meant
to be unused, and a function with a derivative of its own (`jax.custom_vjp`) may do with it what it likes. Not in tests.
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
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.derivative_streams import Derivative, Unused
from jaxsight_analyzers.semantic.trees import walk


def check(unit: Unit) -> Iterator[Finding]:
    for number, derivative in enumerate(unit.derivatives):
        if derivative.in_test or derivative.is_flat or _fails(derivative):
            continue  # which other rules say
        if derivative.unused and unit.is_being_typed(derivative.definition):
            continue  # what uses the argument is still to come
        for place, unused in enumerate(derivative.unused):
            name = unused.parameter.arg
            fixes: tuple[FixRef, ...] = ()
            if place == 0 and _instead(unit, derivative, unused):
                title = f"Use `{name}` in `{derivative.function}`"
                fixes = (FixRef("use-parameter", title, Applicability.UNSAFE, number),)
            yield Finding(
                span=derivative.span,
                message=(
                    f"`{derivative.function}` does not use `{name}`, by which `{derivative.name}` differentiates it, "
                    "so that the gradient is zero"
                ),
                related=(Related(unused.span, f"`{name}` is not used"),),
                fixes=fixes,
            )


def _fails(derivative: Derivative) -> bool:
    """Whether it is no scalar that is differentiated."""
    is_array = derivative.returned is not None and bool(derivative.returned.shape)
    return is_array or (derivative.items is not None and not derivative.has_aux)


def fix(unit: Unit, reference: FixRef) -> Fix:
    derivative = unit.derivatives[reference.data]
    unused = derivative.unused[0]
    span = unit.model.module.span
    found = _instead(unit, derivative, unused)
    changed = tuple([Edit(span(node), unused.parameter.arg) for node in found])
    return Fix(reference.title, changed, reference.applicability)


def _instead(unit: Unit, derivative: Derivative, unused: Unused) -> list[ast.expr]:
    """What the function uses that the caller passes for the parameter: `params` of the function around it."""
    if unused.passed is None or not isinstance(unused.passed, (ast.Name, ast.Attribute)):
        return []
    passed = edits.source(unit, unused.passed)
    found = [
        node
        for node in walk(derivative.definition)
        if isinstance(node, (ast.Name, ast.Attribute)) and edits.source(unit, node) == passed
    ]
    return list(found) if all(isinstance(one.ctx, ast.Load) for one in found) else []


RULE = Rule(
    name="differentiated-argument-unused",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax

            def train(params, x):
                def loss(p):
                    return ((params * x) ** 2).sum()

                return jax.grad(loss)(params)  # error: [differentiated-argument-unused]
            """,
            fixed="""
            import jax

            def train(params, x):
                def loss(p):
                    return ((p * x) ** 2).sum()

                return jax.grad(loss)(params)
            """,
        ),
        Example(
            """
            import jax

            def train(params, x):
                def loss(p):
                    return ((p * x) ** 2).sum()

                return jax.grad(loss)(params)
            """
        ),
    ),
)

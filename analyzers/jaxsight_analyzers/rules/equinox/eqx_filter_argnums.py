"""Gives `argnums=` to Equinox's filtered gradients.

## Why is this bad?

`eqx.filter_grad` and `eqx.filter_value_and_grad` differentiate by the arrays in the first argument, and by nothing else: ``ValueError: `argnums` should not be
passed. If you need to differentiate multiple objects then collect them into a tuple and pass that as the first argument.``

## Fix safety

`argnums=0` is what they do without it, and is safe to leave out. Other numbers have no fix: the arguments have to be put into another order, or into a tuple.

## Limits

None.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit

_GRADIENTS = ("equinox.filter_grad", "equinox.filter_value_and_grad")


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(_GRADIENTS):
        given = next((one for one in call.node.keywords if one.arg == "argnums"), None)
        if given is None:
            continue
        is_first = isinstance(given.value, ast.Constant) and given.value.value == 0
        fixes: tuple[FixRef, ...] = ()
        if is_first and edits.remove_argument(unit, call.node, given) is not None:
            fixes = (FixRef("drop-argnums", "Leave `argnums` out", Applicability.SAFE, number),)
        yield Finding(
            span=unit.model.module.span(given.value),
            message=f"`{edits.text(unit, call.function_span)}` takes no `argnums`: it differentiates by its first argument, which may be a tuple",
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    node = unit.calls[reference.data].node
    given = next(one for one in node.keywords if one.arg == "argnums")
    edit = edits.remove_argument(unit, node, given)
    return None if edit is None else Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="eqx-filter-argnums",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("ValueError: `argnums` should not be passed",),
    examples=(
        Example(
            """
            import equinox as eqx

            def loss(model, x):
                return model(x).sum()

            gradient = eqx.filter_grad(loss, argnums=0)  # error: [eqx-filter-argnums]
            """,
            fixed="""
            import equinox as eqx

            def loss(model, x):
                return model(x).sum()

            gradient = eqx.filter_grad(loss)
            """,
        ),
        Example(
            """
            import equinox as eqx
            import jax

            def loss(model, x):
                return model(x).sum()

            gradient = eqx.filter_grad(loss)
            by_input = jax.grad(loss, argnums=1)
            """
        ),
    ),
)

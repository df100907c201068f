"""Gives a module of Equinox that holds functions to what takes arrays alone.

## Why is this bad?

A module is a pytree, and everything in it that is not marked static is a leaf: activations, too. `eqx.nn.MLP`, `eqx.nn.Lambda` and a list such as `[eqx.nn.Linear(...), jax.nn.relu]` hold functions.
`optax.adam(...).init(model)` makes an array for each leaf: `TypeError: zeros_like requires ndarray or scalar arguments, got <class 'jax._src.custom_derivatives.custom_jvp'> at position 0.`
`jax.jit(loss)(model)` is `TypeError: Error interpreting argument to <function loss> as an abstract array`, `jax.grad(loss)(model)` is `TypeError: Argument ... is not a valid JAX type`,
`optax.apply_updates(model, updates)` is `TypeError: unsupported operand type(s) for +: 'custom_jvp' and 'NoneType'`.
Equinox has its own: `optim.init(eqx.filter(model, eqx.is_array))`, `eqx.filter_jit`, `eqx.filter_grad`, `eqx.apply_updates`.

## Fix safety

Unsafe: `eqx.is_array` lets whole numbers through as well, and a field that never changes may be meant to be static.

## Limits

Functions are seen in modules of the library, in what the constructor of a class gives its fields, and behind fields annotated as such modules. A field annotated as `Callable` may hold another module, so it is "may", and only
for optimisers. Plain SGD keeps no state like the parameters and takes any module.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.equinox_streams import Unfiltered

_APPLY = "optax.apply_updates"
_FILTERED = {
    "jax.jit": "equinox.filter_jit",
    "jax.grad": "equinox.filter_grad",
    "jax.value_and_grad": "equinox.filter_value_and_grad",
    _APPLY: "equinox.apply_updates",
}
_KEPT = ("has_aux",)


def check(unit: Unit) -> Iterator[Finding]:
    for number, given in enumerate(unit.unfiltered):
        is_init = given.applied is None and given.qualified != _APPLY
        if given.certainty is not Certainty.YES and not is_init:
            continue
        yield Finding(
            span=given.span,
            message=_message(given, is_init),
            certainty=given.certainty,
            fixes=tuple(_fixes(unit, given, number, is_init)),
        )


def _message(given: Unfiltered, is_init: bool) -> str:
    sure = given.certainty is Certainty.YES
    where = f" in `{given.field}`" if given.field else ""
    holds = f"`{given.text}` {'holds' if sure else 'may hold'} functions{where}"
    if is_init:
        return (
            f"{holds}, for which `{given.by}` can make no state: `eqx.filter` takes the arrays out"
        )
    return f"{holds}, which `{given.by}` does not take: Equinox has a function of its own for it"


def _fixes(unit: Unit, given: Unfiltered, number: int, is_init: bool) -> Iterator[FixRef]:
    if is_init:
        title = "Give it the arrays alone: `eqx.filter`"
        yield FixRef("filter-arrays", title, Applicability.UNSAFE, number)
    elif _function(unit, given) is not None:
        title = f"Use `{_FILTERED[given.qualified].replace('equinox', 'eqx')}`"
        yield FixRef("use-filtered", title, Applicability.UNSAFE, number)


def _function(unit: Unit, given: Unfiltered) -> ast.expr | None:
    """What is written for the function, where another can take its place."""
    if given.qualified == _APPLY:
        calls = (one.node for _, one in unit.calls_of((_APPLY,)))
        return next((one.func for one in calls if one.args[:1] == [given.argument]), None)
    node = given.applied
    if node is None or given.qualified not in _FILTERED or not unit.model.module.owns(node):
        return None
    if isinstance(node, ast.Call):
        plain = len(node.args) == 1 and all(one.arg in _KEPT for one in node.keywords)
        return node.func if plain else None
    return node if isinstance(node, (ast.Name, ast.Attribute)) else None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    given = unit.unfiltered[reference.data]
    if reference.kind == "filter-arrays":
        keep, arrays = edits.spell(unit, "equinox.filter"), edits.spell(unit, "equinox.is_array")
        text = f"{keep.text}({edits.as_argument(unit, given.argument)}, {arrays.text})"
        made = (Edit(given.span, text), *dict.fromkeys((*keep.edits, *arrays.edits)))
        return Fix(reference.title, made, reference.applicability)
    function = _function(unit, given)
    if function is None:
        return None
    name = edits.spell(unit, _FILTERED[given.qualified])
    edit = Edit(unit.model.module.span(function), name.text)
    return Fix(reference.title, (edit, *name.edits), reference.applicability)


RULE = Rule(
    name="eqx-unfiltered-module",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "TypeError: zeros_like requires ndarray or scalar arguments",
        "TypeError: Error interpreting argument to",
        "TypeError: Argument ... is not a valid JAX type",
        "TypeError: unsupported operand type(s) for +: 'custom_jvp' and 'NoneType'",
    ),
    raising=r"init\(|apply_updates\(|\bmodel\b|MLP|Lambda",
    examples=(
        Example(
            """
            import equinox as eqx
            import jax
            import optax

            model = eqx.nn.MLP(2, 1, 8, 2, key=jax.random.key(0))
            optim = optax.adam(1e-3)
            opt_state = optim.init(model)  # error: [eqx-unfiltered-module]
            """,
            fixed="""
            import equinox as eqx
            import jax
            import optax

            model = eqx.nn.MLP(2, 1, 8, 2, key=jax.random.key(0))
            optim = optax.adam(1e-3)
            opt_state = optim.init(eqx.filter(model, eqx.is_array))
            """,
        ),
        Example(
            """
            import equinox as eqx
            import jax
            import optax

            model = eqx.nn.Linear(2, 1, key=jax.random.key(0))
            optim = optax.adam(1e-3)
            opt_state = optim.init(model)
            """
        ),
    ),
)

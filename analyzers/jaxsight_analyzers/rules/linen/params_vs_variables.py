"""Applies a Flax Linen module to its bare parameters, to its variables one level too deep, or calls it unbound.

## Why is this bad?

`init` returns all variables of a module, a dict of collections: `{"params": ..., "batch_stats": ...}`. `apply` takes such a
dict. With the parameters alone it finds no collection `params` (`ScopeCollectionNotFound: Tried to access "kernel" from
collection "params" in "/Dense_0" but the collection is empty`), with
`{"params": variables}` one that holds another (`ApplyScopeInvalidVariablesStructureError`).

A module has no variables of its own, so that `model(x)` fails where no module around it provides them:
`CallCompactUnboundModuleError: Can't call compact methods on unbound modules`.

## Fix safety

Safe where the module reads nothing but parameters: the call cannot have worked, and there is one cure. Unsafe where it reads other
collections too, which remain to be passed.

## Limits

What `init` returned, its `["params"]`, and what a training state holds of it is followed through names, functions and files.
A module that a function calls is taken for unbound where the same function applies it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.linen_streams import Misapplied


def check(unit: Unit) -> Iterator[Finding]:
    for number, wrong in enumerate(unit.linen_misapplied):
        fixes: tuple[FixRef, ...] = ()
        safety = Applicability.SAFE if wrong.is_all else Applicability.UNSAFE
        if wrong.kind == "bare" and isinstance(
            wrong.argument, (ast.Name, ast.Attribute, ast.Subscript)
        ):
            title = f'Pass `{{"params": {wrong.text}}}`'
            fixes = (FixRef("wrap-parameters", title, safety, number),)
        elif wrong.kind == "nested" and _only_entry(wrong) is not None:
            fixes = (FixRef("pass-variables", "Pass the variables as they are", safety, number),)
        yield Finding(span=wrong.span, message=_message(wrong), fixes=fixes)


def _message(wrong: Misapplied) -> str:
    if wrong.kind == "bare":
        return f'`{wrong.text}` holds the parameters alone, but `apply` takes a dict of collections: `{{"params": {wrong.text}}}`'
    if wrong.kind == "nested":
        return f"`apply` gets the variables of `{wrong.module}` one level too deep: they have a `params` of their own"
    return f"`{wrong.text}` is called without its variables: `{wrong.module}` is bound to none outside of `apply` and `init`"


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    wrong = unit.linen_misapplied[reference.data]
    if wrong.argument is None:
        return None
    if reference.kind == "wrap-parameters":
        text = f'{{"params": {edits.source(unit, wrong.argument)}}}'
    else:
        entry = _only_entry(wrong)
        if entry is None:
            return None
        text = edits.source(unit, entry)
    edit = Edit(unit.model.module.span(wrong.argument), text)
    return Fix(reference.title, (edit,), reference.applicability)


def _only_entry(wrong: Misapplied) -> ast.expr | None:
    """The variables in `{"params": variables}`; None where the dict is written elsewhere, or holds more."""
    written = wrong.argument
    if not isinstance(written, ast.Dict) or len(written.values) != 1 or written.keys[0] is None:
        return None
    return written.values[0]


RULE = Rule(
    name="params-vs-variables",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "ApplyScopeInvalidVariablesStructureError: Expect the `variables` (first argument) passed to apply() to be a dict",
        "CallCompactUnboundModuleError: Can't call compact methods on unbound modules",
        'ScopeCollectionNotFound: Tried to access ... from collection "params" in ... but the collection is empty',
    ),
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp
            import flax.linen as nn

            net = nn.Dense(3)
            params = net.init(jax.random.key(0), jnp.ones((1, 2)))["params"]
            y = net.apply(params, jnp.ones((1, 2)))  # error: [params-vs-variables]
            """,
            fixed="""
            import jax
            import jax.numpy as jnp
            import flax.linen as nn

            net = nn.Dense(3)
            params = net.init(jax.random.key(0), jnp.ones((1, 2)))["params"]
            y = net.apply({"params": params}, jnp.ones((1, 2)))
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp
            import flax.linen as nn

            net = nn.Dense(3)
            variables = net.init(jax.random.key(0), jnp.ones((1, 2)))
            y = net.apply(variables, jnp.ones((1, 2)))
            """
        ),
    ),
)

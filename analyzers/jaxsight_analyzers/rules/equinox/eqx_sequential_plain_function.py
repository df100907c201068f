"""Puts a plain function among the layers of `eqx.nn.Sequential`.

## Why is this bad?

`eqx.nn.Sequential` calls each layer with `key=`, which functions such as `jax.nn.relu` do not take: ``TypeError: ... got an unexpected keyword argument
'key'``, though only when the model is called. `eqx.nn.Lambda(jax.nn.relu)` is a layer that calls it.

## Fix safety

Safe for functions of JAX: the model cannot have been called. Unsafe for lambdas.

## Limits

Reported for functions of JAX and for lambdas without `key` that are written in the call. Functions that have a parameter `key`, and layers, are right.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit

_FUNCTIONS = ("jax.nn.", "jax.numpy.", "jax.lax.")


def check(unit: Unit) -> Iterator[Finding]:
    for number, layer in enumerate(_plain_functions(unit)):
        is_lambda = isinstance(layer, ast.Lambda)
        safe = Applicability.UNSAFE if is_lambda else Applicability.SAFE
        what = "This lambda" if is_lambda else f"`{edits.source(unit, layer)}`"
        title = "Make it a layer: `eqx.nn.Lambda`"
        yield Finding(
            span=unit.model.module.span(layer),
            message=f"{what} takes no `key`, with which `eqx.nn.Sequential` calls each layer",
            fixes=(FixRef("use-lambda-layer", title, safe, number),),
        )


def _plain_functions(unit: Unit) -> list[ast.expr]:
    return [
        layer
        for _, call in unit.calls_of(("equinox.nn.Sequential",))
        for layer in _layers(call.node)
        if (_takes_no_key(layer) if isinstance(layer, ast.Lambda) else _is_of_jax(unit, layer))
    ]


def _layers(node: ast.Call) -> list[ast.expr]:
    first = node.args[0] if node.args else None
    return first.elts if isinstance(first, (ast.List, ast.Tuple)) else []


def _takes_no_key(node: ast.Lambda) -> bool:
    arguments = node.args
    named = {one.arg for one in (*arguments.args, *arguments.kwonlyargs)}
    return arguments.kwarg is None and "key" not in named


def _is_of_jax(unit: Unit, node: ast.expr) -> bool:
    if not isinstance(node, (ast.Name, ast.Attribute)):
        return False
    return any(
        reference.node is node and reference.qualified.startswith(_FUNCTIONS)
        for reference in unit.references
    )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    layer = _plain_functions(unit)[reference.data]
    spelled = edits.spell(unit, "equinox.nn.Lambda")
    text = f"{spelled.text}({edits.source(unit, layer)})"
    edit = Edit(unit.model.module.span(layer), text)
    return Fix(reference.title, (edit, *spelled.edits), reference.applicability)


RULE = Rule(
    name="eqx-sequential-plain-function",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("TypeError: ... got an unexpected keyword argument 'key'",),
    examples=(
        Example(
            """
            import equinox as eqx
            import jax

            def make(key):
                return eqx.nn.Sequential(
                    [
                        eqx.nn.Linear(2, 2, key=key),
                        jax.nn.relu,  # error: [eqx-sequential-plain-function]
                    ]
                )
            """,
            fixed="""
            import equinox as eqx
            import jax

            def make(key):
                return eqx.nn.Sequential(
                    [
                        eqx.nn.Linear(2, 2, key=key),
                        eqx.nn.Lambda(jax.nn.relu),
                    ]
                )
            """,
        ),
        Example(
            """
            import equinox as eqx
            import jax

            def make(key):
                return eqx.nn.Sequential(
                    [eqx.nn.Linear(2, 2, key=key), eqx.nn.Lambda(jax.nn.relu)]
                )
            """
        ),
    ),
)

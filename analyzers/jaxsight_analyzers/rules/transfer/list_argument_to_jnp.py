"""Gives a list or tuple to a function of `jnp` that wants an array.

## Why is this bad?

NumPy makes arrays of lists wherever it meets them. `jax.numpy` does not, since that would copy and trace item by item
without being seen: `TypeError: sum requires ndarray or scalar arguments, got <class 'list'> at position 0`.

Make an array first, with `jnp.array([...])`. Arrays in a list become one with `jnp.stack`.

## Fix safety

Safe where the list is written out or certainly is one: the call cannot have worked.

## Limits

Functions that take sequences of arrays (`jnp.stack`, `jnp.concatenate`, `jnp.array` ...) are right, and not reported.
Only the first argument is looked at.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Argument, Call

_WRITTEN = (ast.List, ast.Tuple, ast.ListComp)


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_from("jax"):
        argument = _list(unit, call)
        if argument is None:
            continue
        title = (
            f"Use `jnp.array({argument.text})`" if len(argument.text) < 30 else "Use `jnp.array`"
        )
        yield Finding(
            span=argument.span,
            message=f"`{call.name}` fails on `{argument.text}`: it takes arrays, and no lists or tuples",
            fixes=(FixRef("make-array", title, Applicability.SAFE, number),),
        )


def _list(unit: Unit, call: Call) -> Argument | None:
    """The first argument, where that is written as a list or tuple and must not be one."""
    if not unit.knowledge.refuses_lists(call.canonical) or not call.arguments:
        return None
    argument = call.arguments[0]
    is_written = isinstance(argument.node, _WRITTEN) and not argument.is_starred
    return argument if is_written else None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    argument = _list(unit, unit.calls[reference.data])
    if argument is None:
        return None
    function = edits.spell(unit, "jax.numpy.array")
    written = edits.as_argument(unit, argument.node)
    edit = Edit(argument.span, f"{function.text}({written})")
    return Fix(reference.title, (edit, *function.edits), reference.applicability)


RULE = Rule(
    name="list-argument-to-jnp",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    preview=True,
    errors=("TypeError: ... requires ndarray or scalar arguments, got <class 'list'>",),
    examples=(
        Example(
            """
            import jax.numpy as jnp

            total = jnp.sum([1, 2, 3])  # error: [list-argument-to-jnp]
            """,
            fixed="""
            import jax.numpy as jnp

            total = jnp.sum(jnp.array([1, 2, 3]))
            """,
        ),
        Example(
            """
            import jax.numpy as jnp

            both = jnp.stack([jnp.ones(3), jnp.zeros(3)]).sum()
            """
        ),
    ),
)

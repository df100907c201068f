"""Compares a `PartitionSpec` with a tuple.

## Why is this bad?

A `PartitionSpec` was a tuple once. Since JAX 0.10 it is none, and `P("x") == ("x",)` is False whatever is in it. Nothing is said.

## Fix safety

Unsafe: the comparison then does what it says.

## Limits

In preview. Reported where the specification is made in sight and the tuple is written there, unless the project has JAX before 0.10.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.knowledge.facts import release
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    version = unit.version("jax")
    if version is not None and release(version) < release("0.10"):
        return
    for number, compared in enumerate(unit.specs_compared):
        outcome = "False" if isinstance(compared.node.ops[0], ast.Eq) else "True"
        title = "Compare with a `PartitionSpec`"
        yield Finding(
            span=unit.model.module.span(compared.node),
            message=f"a `PartitionSpec` is no tuple: `{edits.source(unit, compared.node)}` is {outcome}",
            fixes=(FixRef("use-spec", title, Applicability.UNSAFE, number),),
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    other = unit.specs_compared[reference.data].other
    if not isinstance(other, ast.Tuple):
        return None
    function = edits.spell(unit, "jax.sharding.PartitionSpec")
    items = ", ".join([edits.source(unit, item) for item in other.elts])
    edit = Edit(unit.model.module.span(other), f"{function.text}({items})")
    return Fix(reference.title, (edit, *function.edits), reference.applicability)


RULE = Rule(
    name="pspec-tuple-compare",
    severity=Severity.WARNING,
    since="0.1.0",
    preview=True,
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            from jax.sharding import PartitionSpec as P

            same = P("x") == ("x",)  # error: [pspec-tuple-compare]
            """,
            fixed="""
            from jax.sharding import PartitionSpec as P

            same = P("x") == P("x")
            """,
        ),
        Example(
            """
            from jax.sharding import PartitionSpec as P

            same = P("x") == P("x")
            """
        ),
    ),
)

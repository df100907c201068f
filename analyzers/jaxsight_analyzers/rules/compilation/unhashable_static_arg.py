"""Passes a list, a dict, an array or another value without a hash for a static argument.

## Why is this bad?

What `jax.jit` compiled is found again by the values of the static arguments, so these must have a hash. JAX raises
`ValueError: Non-hashable static arguments are not supported`. A traced value has none either: nothing that is
computed while tracing can be static.

## Fix safety

Safe for a list that is written out: the call cannot have worked, and a tuple is a list that has a hash. Unsafe for a
list that a name holds and for sets.

## Limits

Calls of compiled functions of the workspace are looked at. A list that was changed or copied after it was made may
not be recognised.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.compilation_streams import Passed

_KINDS = {
    "list": "a list, which has no hash",
    "dict": "a dict, which has no hash",
    "set": "a set, which has no hash",
    "array": "an array, which has no hash",
    "tracer": "traced, and a tracer has no hash",
    "dataclass": "an instance of a dataclass that can be changed, which has no hash",
    "object": "an instance of a class with `__eq__` and no `__hash__`",
}


def check(unit: Unit) -> Iterator[Finding]:
    for number, passed in enumerate(unit.passed):
        if not passed.static or passed.kind not in _KINDS:
            continue
        name = "a static argument" if passed.parameter is None else f"static `{passed.parameter}`"
        yield Finding(
            span=passed.span,
            message=(
                f"`{passed.text}` is {_KINDS[passed.kind]}, "
                f"so `{passed.by}` fails when `{passed.called}` gets it as {name}"
            ),
            related=passed.related,
            fixes=_fixes(passed, number),
        )


def _fixes(passed: Passed, number: int) -> tuple[FixRef, ...]:
    if isinstance(passed.node, ast.List):
        return (FixRef("use-tuple", "Pass a tuple", Applicability.SAFE, number),)
    if passed.kind == "list":
        return (FixRef("make-tuple", "Pass a tuple", Applicability.UNSAFE, number),)
    if passed.kind == "set":
        return (FixRef("make-frozenset", "Pass a `frozenset`", Applicability.UNSAFE, number),)
    return ()


def fix(unit: Unit, reference: FixRef) -> Fix:
    passed = unit.passed[reference.data]
    if reference.kind == "use-tuple":
        edited = _as_tuple(unit, passed)
    else:
        made = "tuple" if reference.kind == "make-tuple" else "frozenset"
        inner = passed.text
        if isinstance(passed.node, (ast.ListComp, ast.SetComp)):
            inner = inner[1:-1]  # a generator is all that it needs
        edited = (Edit(passed.span, f"{made}({inner})"),)
    return Fix(reference.title, edited, reference.applicability)


def _as_tuple(unit: Unit, passed: Passed) -> tuple[Edit, ...]:
    """Parentheses in the place of the brackets; a single item needs a comma."""
    assert isinstance(passed.node, ast.List)
    start, end = passed.span.start, passed.span.end
    opening, closing = Edit(Span(start, start + 1), "("), Edit(Span(end - 1, end), ")")
    items = passed.node.elts
    if len(items) != 1:
        return opening, closing
    after = unit.model.module.span(items[0]).end
    rest = edits.text(unit, Span(after, end - 1))
    comma = () if "," in rest else (Edit(Span(after, after), ","),)
    return opening, *comma, closing


RULE = Rule(
    name="unhashable-static-arg",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("ValueError: Non-hashable static arguments are not supported",),
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            total = jax.jit(lambda x, axes: x.sum(axes), static_argnums=1)
            total(jnp.ones((2, 2)), [0, 1])  # error: [unhashable-static-arg]
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            total = jax.jit(lambda x, axes: x.sum(axes), static_argnums=1)
            total(jnp.ones((2, 2)), (0, 1))
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            total = jax.jit(lambda x, axes: x.sum(tuple(axes)), static_argnums=1)
            total(jnp.ones((2, 2)), range(2))
            """
        ),
    ),
)

"""Branches in Python on a value that JAX traces.

## Why is this bad?

While `jax.jit`, `jax.vmap`, `jax.lax.scan` and their kin trace a function, its arguments are stand-ins
without a value. `if` asks for the truth of one and JAX raises `TracerBoolConversionError`. The
same goes for a ternary, for the condition of a comprehension and for a `match` against a literal.

`jnp.where` picks between two values element by element; `jax.lax.cond` runs one of two functions.

## Fix safety

Unsafe. `jnp.where` evaluates both sides, which must have compatible shapes and dtypes. It is offered first
where both sides are plain expressions in which nothing can divide by zero, leave a domain or have an
effect, because `jnp.where` lets a NaN of the side that it does not pick into the gradient.

`jax.lax.cond` needs a single truth, and sides with the same shapes and dtypes: `0` is none for a float. It is offered
where both sides do nothing but give values to names, or return: no `raise`, no `break`, nothing that outlives the call.
Under `jax.vmap` it runs both sides.

## Limits

What is static while tracing may be branched on and is not reported: shapes, dtypes, `len`,
`is None`, `isinstance`, static arguments, defaults that no caller passes, attributes of modules.
Under `jax.grad` alone a Python branch works and is not reported either. Of more than 40 branches in one function
the first ones come with a fix; the others do once these are mended.
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
from jaxsight_analyzers.fixes import alternatives, branching, edits, truths
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit

_MOST = 12  # branches that a chain of conditionals is still read with
# Branches of one unit for which a cure is worked out: for each, all of its function is read.
_MANY = 40
_KINDS = ("if", "elif", "ternary", "comprehension", "match")


def check(unit: Unit) -> Iterator[Finding]:
    for number, branch in enumerate(unit.branches):
        if branch.kind not in _KINDS or branch.given is not None:
            continue  # a number to its callers: `missing-static-for-flag` reports that
        verb = "is" if branch.traced is Certainty.YES else "may be"
        fails = "fails" if branch.traced is Certainty.YES else "then fails"
        yield Finding(
            span=branch.span,
            message=f"`{branch.test}` {verb} traced by `{branch.function}`, so Python {fails} to branch on it",
            certainty=branch.traced,
            related=branch.related,
            fixes=_fixes(unit, branch.node, number) if number < _MANY else (),
        )


def _fixes(unit: Unit, node: ast.AST, number: int) -> tuple[FixRef, ...]:
    """`jnp.where` first, where that is as good for values and gradients."""
    found: list[FixRef] = []
    if _choices(node) > _MOST:
        return ()
    if alternatives.of(unit, node) is not None:
        found.append(FixRef("use-where", "Use `jnp.where`", Applicability.UNSAFE, number))
    if isinstance(node, ast.If) and branching.of(unit, node) is not None:
        found.append(FixRef("use-cond", "Use `jax.lax.cond`", Applicability.UNSAFE, number))
    if isinstance(node, ast.IfExp) and branching.as_lambdas(unit, node, "") is not None:
        found.append(FixRef("use-lambdas", "Use `jax.lax.cond`", Applicability.UNSAFE, number))
    return tuple(found)


def _choices(node: ast.AST) -> int:
    """How many branches an `if` has with its `elif`s."""
    count = 1
    while isinstance(node, ast.If) and len(node.orelse) == 1:
        node, count = node.orelse[0], count + 1
    return count


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    node = unit.branches[reference.data].node
    changes: tuple[Edit, ...] | None = None
    if reference.kind == "use-where":
        changes = _where(unit, node)
    elif isinstance(node, ast.IfExp):
        changes = _lambdas(unit, node)
    elif isinstance(node, ast.If):
        from jaxsight_analyzers.rewrites import branches

        changes = branches.as_cond(unit, node)
    return None if changes is None else Fix(reference.title, changes, reference.applicability)


def _where(unit: Unit, node: ast.AST) -> tuple[Edit, ...] | None:
    found = alternatives.of(unit, node)
    if found is None:
        return None
    where = edits.spell(unit, "jax.numpy.where")
    edit = Edit(found.span, found.written(where.text))
    return (edit, *dict.fromkeys((*where.edits, *found.edits)))


def _lambdas(unit: Unit, node: ast.IfExp) -> tuple[Edit, ...] | None:
    cond, test = edits.spell(unit, "jax.lax.cond"), truths.written(unit, node.test)
    written = branching.as_lambdas(unit, node, cond.text)
    if written is None or test is None:
        return None
    edit = Edit(unit.model.module.span(node), written)
    return (edit, *dict.fromkeys((*cond.edits, *test.edits)))


RULE = Rule(
    name="traced-if",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    structural=frozenset(("use-cond",)),
    errors=(
        "TracerBoolConversionError: Attempted boolean conversion of traced array with shape",
        "ValueError: The truth value of an array with more than one element is ambiguous",
    ),
    raising=r"\b(el)?if\b|^\s*(match|case)\b",
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def step(x):
                if x.sum() > 0:  # error: [traced-if]
                    return x * 2
                return x
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            @jax.jit
            def step(x):
                return jnp.where(x.sum() > 0, x * 2, x)
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def step(x, mask=None):
                if mask is None and x.ndim == 2:
                    return x * 2
                return x
            """
        ),
    ),
)

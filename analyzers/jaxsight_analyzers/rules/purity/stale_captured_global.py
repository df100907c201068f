"""Reads a variable that changes after the function was compiled.

## Why is this bad?

A compiled function keeps what it found when it was traced. A global or a variable of the function around that
changes later changes nothing in it: calls go on with the old value, silently, until another shape or
another static argument makes JAX trace it anew. What changes belongs among the arguments.

## Fix safety

Unsafe: the function gets one more parameter. Offered where the file shows all of its calls, and where it computes with the
variable alone: calls from other files have to pass it as well.

## Limits

A variable that is bound once is a constant and not reported; neither is one that changes when nothing is left to
run that read it, as far as the names in the file tell; neither are functions, classes and modules. Where
the change is in a branch, in a function that may be called later, or within a list or dict, the finding says "may".
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
from jaxsight_analyzers.fixes.afterwards import may_run_after
from jaxsight_analyzers.fixes.passed_arguments import passed
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.effect_streams import Effect


def check(unit: Unit) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for number, effect in enumerate(unit.effects):
        if effect.kind != "read" or not effect.later or effect.legitimate:
            continue
        place = effect.enclosing, effect.what
        if place in seen or not _matters(unit, effect):
            continue
        seen.add(place)
        fixes: tuple[FixRef, ...] = ()
        if _passed(unit, effect) is not None:
            title = f"Pass `{effect.name}` as an argument"
            fixes = (FixRef("pass-argument", title, Applicability.UNSAFE, number),)
        keeps = "keeps" if effect.certainty is Certainty.YES else "may keep"
        yield Finding(
            span=effect.span,
            message=(
                f"`{effect.enclosing}` {keeps} the `{effect.name}` that it read when `{effect.function}` "
                "traced it, although that changes later"
            ),
            certainty=effect.certainty,
            related=(*effect.later, *effect.related),
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    edited = _passed(unit, unit.effects[reference.data])
    return None if edited is None else Fix(reference.title, edited, reference.applicability)


def _passed(unit: Unit, effect: Effect) -> tuple[Edit, ...] | None:
    is_variable = effect.category in ("global", "nonlocal") and effect.name.isidentifier()
    return passed(unit, effect.span, effect.name) if is_variable else None


def _matters(unit: Unit, effect: Effect) -> bool:
    """Whether something runs after one of the changes and does not notice it."""
    if not effect.changes:
        return True  # in another file
    assert unit.whole is not None  # what follows depends on all of the file
    if effect.category == "global" and len(effect.changes) == 1 and _starts_empty(unit, effect):
        return False
    return may_run_after(unit, effect.span, effect.changes)


def _starts_empty(unit: Unit, effect: Effect) -> bool:
    """Whether a global is nothing, or None, until a function sets it: what reads it runs after that."""
    given = [
        statement.value
        for statement in unit.whole.tree.body
        if isinstance(statement, (ast.Assign, ast.AnnAssign))
        and effect.name in edits.names_bound_in(statement)
    ]
    change = effect.changes[0]
    sets = any(
        isinstance(node, ast.FunctionDef)
        and unit.model.module.span(node).start <= change.start < unit.model.module.span(node).end
        for node in unit.whole.tree.body
    )
    return sets and all(value is None or _is_none(value) for value in given)


def _is_none(value: ast.expr) -> bool:
    if isinstance(value, ast.Tuple):
        return all(_is_none(part) for part in value.elts)
    return isinstance(value, ast.Constant) and value.value is None


RULE = Rule(
    name="stale-captured-global",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax

            scale = 1.0

            @jax.jit
            def f(x):
                return x * scale  # error: [stale-captured-global]

            f(2.0)
            scale = 5.0
            f(2.0)
            """,
            fixed="""
            import jax

            scale = 1.0

            @jax.jit
            def f(x, scale):
                return x * scale

            f(2.0, scale)
            scale = 5.0
            f(2.0, scale)
            """,
        ),
        Example(
            """
            import jax

            scale = 1.0

            @jax.jit
            def f(x, scale):
                return x * scale

            f(2.0, scale)
            """
        ),
    ),
)

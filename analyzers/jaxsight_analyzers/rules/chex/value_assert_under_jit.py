"""Asserts something about the values of a tracer with Chex.

## Why is this bad?

A tracer has no value to look at. `chex.assert_tree_all_finite`, `assert_trees_all_close` and `assert_trees_all_equal` fail under `jax.jit`, `grad` and `vmap`:
`RuntimeError: Value assertions can only be called from functions wrapped with @chex.chexify. See the docs.` Under `chex.chexify` they become checks that the compiled
function carries with it. `assert_equal` asks for a truth (`TracerBoolConversionError`), `assert_scalar` and its kin want a Python number, and `assert_tree_is_on_device` asks where an array lies: these fail with `chexify`, too.
Assertions about shapes, ranks, dtypes and structures look at what a tracer does have.

## Fix safety

Unsafe: `chexify` goes around the compiled function, which then finds out more and is slower. `async_check=False` has it say at once
what it found; without it somebody has to wait for that with `chex.block_until_chexify_assertions_complete()`.

## Limits

A function is taken for wrapped if a call that runs it is. What `chex.disable_asserts()` turns off is not looked at.
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
from jaxsight_analyzers.semantic.chex_streams import ValueAssert


def check(unit: Unit) -> Iterator[Finding]:
    for number, one in enumerate(unit.value_asserts):
        fixes: tuple[FixRef, ...] = ()
        if one.helped and _edits(unit, one):
            title = "Wrap the compiled function by `chex.chexify`"
            fixes = (FixRef("chexify", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=one.span,
            message=_message(one),
            certainty=one.traced,
            related=one.related,
            fixes=fixes,
        )


def _message(one: ValueAssert) -> str:
    verb, fails = ("is", "fails") if one.traced is Certainty.YES else ("may be", "then fails")
    message = f"`{one.name}` {fails}: `{one.argument}` {verb} a tracer under `{one.function}`, without a value to look at"
    return f"{message}, unless `chex.chexify` wraps the function" if one.helped else message


def _edits(unit: Unit, one: ValueAssert) -> tuple[Edit, ...]:
    """What wraps the compiled function: a decorator above the others, or a call around the one that compiles."""
    module, by, owner = unit.model.module, one.compiled_by, one.definition
    if by is None or not module.owns(by):
        return ()
    chexify = edits.spell(unit, "chex.chexify")
    partial = edits.spell(unit, "functools.partial")
    decorators = getattr(owner, "decorator_list", [])
    if by in decorators:
        place = edits.place_at(unit, module.span(decorators[0]).start)
        line_text = f"@{partial.text}({chexify.text}, async_check=False)"
        line = None if place is None else edits.insert_before(unit, place, line_text)
        return () if line is None else (line, *chexify.edits, *partial.edits)
    if not isinstance(by, ast.Call) or not by.args or isinstance(by.args[0], ast.Starred):
        return ()
    text = f"{chexify.text}({edits.source(unit, by)}, async_check=False)"
    return (Edit(module.span(by), text), *chexify.edits)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    found = _edits(unit, unit.value_asserts[reference.data])
    return Fix(reference.title, found, reference.applicability) if found else None


RULE = Rule(
    name="value-assert-under-jit",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "RuntimeError: Value assertions can only be called from functions wrapped with `@chex.chexify`",
        "AssertionError: [Chex] Assertion assert_scalar_positive failed:  The argument ...Tracer",
    ),
    examples=(
        Example(
            """
            from functools import partial

            import chex
            import jax

            @jax.jit
            def step(x):
                chex.assert_tree_all_finite(x)  # error: [value-assert-under-jit]
                return 2 * x
            """,
            fixed="""
            from functools import partial

            import chex
            import jax

            @partial(chex.chexify, async_check=False)
            @jax.jit
            def step(x):
                chex.assert_tree_all_finite(x)
                return 2 * x
            """,
        ),
        Example(
            """
            import chex
            import jax

            @jax.jit
            def step(x):
                chex.assert_rank(x, 2)
                chex.assert_shape(x, (None, 3))
                return 2 * x
            """
        ),
    ),
)

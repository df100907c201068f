"""Makes a key from a constant where it is used again and again.

## Why is this bad?

The same seed makes the same key, and the same key the same numbers. A compiled function that makes its own key
from a constant draws the same at every call: a dropout mask that never changes. So does a loop that makes
the key anew in each iteration. Make the key once, outside, and hand one in that is split or folded each time.

## Fix safety

Unsafe: the numbers drawn change, which is the purpose. The loop's counter is folded into the key. A compiled function gets a
key as an argument, where the file shows all of its calls, and these are counted.

## Limits

Keys that only initialise (`model.init(jax.random.key(0), x)`, functions with `init` in their name), tests,
and keys that are made from an argument are not reported. Of loops outside of compiled code only those that count are: one
over settings may want the same numbers for each.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.fixes.passed_arguments import key_passed
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.key_streams import ConstantKey


def check(unit: Unit) -> Iterator[Finding]:
    for number, key in enumerate(unit.constant_keys):
        if key.in_test or "init" in key.enclosing:
            continue
        counter = _counter(unit, key)
        # Others go through settings, each with the same numbers on purpose.
        in_loop = counter is not None
        if not in_loop and (not key.compiled or _loop_around(unit, key) is not None):
            continue
        fixes: tuple[FixRef, ...] = ()
        if counter is not None:
            title = f"Fold `{counter}` into the key"
            fixes = (FixRef("fold-in", title, Applicability.UNSAFE, number),)
        elif key_passed(unit, key.span, key.text) is not None:
            title = f"Give `{key.enclosing}` the key as an argument"
            fixes = (FixRef("pass-key", title, Applicability.UNSAFE, number),)
        when = "in each iteration" if in_loop else f"at each call of `{key.enclosing}`"
        yield Finding(
            span=key.span,
            message=f"`{key.text}` is the same key {when}, so that {key.by} gives the same numbers",
            related=() if in_loop else key.related,
            fixes=fixes,
        )


def _loop_around(unit: Unit, key: ConstantKey) -> ast.stmt | None:
    """The innermost loop of the function that makes the key in each iteration."""
    place = edits.place_at(unit, key.span.start)
    found: ast.stmt | None = None
    for parent in () if place is None else place.parents:
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found = None
        elif isinstance(parent, (ast.For, ast.While)):
            found = parent
    return found


def _counter(unit: Unit, key: ConstantKey) -> str | None:
    place = edits.place_at(unit, key.span.start)
    if place is None or _loop_around(unit, key) is None:
        return None
    return edits.loop_counter(place)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    key = unit.constant_keys[reference.data]
    if reference.kind == "pass-key":
        passed = key_passed(unit, key.span, key.text)
        return None if passed is None else Fix(reference.title, passed, reference.applicability)
    counter = _counter(unit, key)
    if counter is None:
        return None
    fold_in = edits.spell(unit, "jax.random.fold_in")
    edit = Edit(key.span, f"{fold_in.text}({key.text}, {counter})")
    return Fix(reference.title, (edit, *fold_in.edits), reference.applicability)


RULE = Rule(
    name="constant-key-in-function",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax

            @jax.jit
            def dropout(x):
                key = jax.random.key(0)  # error: [constant-key-in-function]
                return x * jax.random.bernoulli(key, 0.9, x.shape)
            """
        ),
        Example(
            """
            import jax

            def sample(n):
                out = []
                for i in range(n):
                    key = jax.random.key(0)  # error: [constant-key-in-function]
                    out.append(jax.random.normal(key))
                return out
            """,
            fixed="""
            import jax

            def sample(n):
                out = []
                for i in range(n):
                    key = jax.random.fold_in(jax.random.key(0), i)
                    out.append(jax.random.normal(key))
                return out
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def dropout(x, key):
                return x * jax.random.bernoulli(key, 0.9, x.shape)
            """
        ),
    ),
)

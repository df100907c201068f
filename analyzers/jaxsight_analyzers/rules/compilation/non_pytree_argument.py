"""Passes a compiled function an object that JAX takes for neither an array nor a container of arrays.

## Why is this bad?

`jax.jit` takes its arguments apart into arrays. It knows tuples, lists, dicts, NamedTuples, None and registered classes; anything
else is a leaf and must be an array. An instance of a class that is not registered, a generator, a `zip` or
the view `d.values()` is none: `TypeError: Error interpreting argument to <function ...> as an abstract array. The
problematic value is of type <class 'Batch'>`.

## Fix safety

Safe for a dataclass of arrays, which `register_dataclass` makes a container of its fields; the call cannot have
worked. Unsafe where a field may be no array: then it is to be marked static. `list(d.values())` is safe.

## Limits

A class is not reported where it may be registered by a call, or by a base or decorator of a library. Strings, functions and
members of enums have to be static: `missing-static-for-flag` reports them.
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
    Related,
    Severity,
    Span,
)
from jaxsight_analyzers.fixes import edits, registration
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.compilation_streams import Passed

_OBJECTS = ("object", "dataclass", "frozen dataclass")
_LEAVES = {"generator": "a generator", "view": "a view of a dict", "set": "a set"}
_STATIC = ("str", "bytes", "enum", "function", "class", "module")


def check(unit: Unit) -> Iterator[Finding]:
    for number, passed in enumerate(unit.passed):
        if passed.static or passed.kind in _STATIC:
            continue
        if passed.kind in _OBJECTS and unit.registers_classes:
            continue
        yield Finding(
            span=passed.span,
            message=(
                f"`{passed.text}` is {_what(passed)}, "
                f"which `{passed.by}` cannot take as an argument of `{passed.called}`"
            ),
            related=(*passed.related, *_class(unit, passed)),
            fixes=_fixes(unit, passed, number),
        )


def _what(passed: Passed) -> str:
    if passed.owner is not None and passed.kind in _OBJECTS:
        return f"no pytree: `{passed.owner.name}` is not registered as one"
    return _LEAVES.get(passed.kind, f"a `{passed.kind}` object")


def _class(unit: Unit, passed: Passed) -> tuple[Related, ...]:
    if passed.owner is None or passed.kind not in _OBJECTS:
        return ()
    return (
        unit.model.places.related_at(passed.owner.node, f"`{passed.owner.name}` is defined here"),
    )


def _fixes(unit: Unit, passed: Passed, number: int) -> tuple[FixRef, ...]:
    if passed.kind in _OBJECTS:
        if registration.register(unit, passed.owner) is None or passed.owner is None:
            return ()
        title = f"Register `{passed.owner.name}` as a pytree"
        sure = Applicability.SAFE if passed.of_arrays else Applicability.UNSAFE
        return (FixRef("register", title, sure, number),)
    if passed.kind == "set":
        return ()
    return (FixRef("use-list", "Pass a list", Applicability.SAFE, number),)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    passed = unit.passed[reference.data]
    if reference.kind == "register":
        edited = registration.register(unit, passed.owner)
        return None if edited is None else Fix(reference.title, edited, reference.applicability)
    return Fix(reference.title, (_as_list(unit, passed),), reference.applicability)


def _as_list(unit: Unit, passed: Passed) -> Edit:
    if not isinstance(passed.node, ast.GeneratorExp):
        return Edit(passed.span, f"list({passed.text})")
    before = edits.text(unit, Span(0, passed.span.start)).rstrip()[-1:]
    is_argument = before in ("(", ",", "=")  # else its parentheses are those of the call
    made = f"list({passed.text[1:-1]})"
    return Edit(passed.span, made if is_argument else f"({made})")


RULE = Rule(
    name="non-pytree-argument",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("TypeError: Error interpreting argument to ... as an abstract array",),
    examples=(
        Example(
            """
            import dataclasses

            import jax
            import jax.numpy as jnp

            @dataclasses.dataclass
            class Batch:
                x: jax.Array

            total = jax.jit(lambda batch: batch.x.sum())
            total(Batch(jnp.ones(3)))  # error: [non-pytree-argument]
            """,
            fixed="""
            import dataclasses

            import jax
            import jax.numpy as jnp

            @jax.tree_util.register_dataclass
            @dataclasses.dataclass
            class Batch:
                x: jax.Array

            total = jax.jit(lambda batch: batch.x.sum())
            total(Batch(jnp.ones(3)))
            """,
        ),
        Example(
            """
            from typing import NamedTuple

            import jax
            import jax.numpy as jnp

            class Batch(NamedTuple):
                x: jax.Array

            total = jax.jit(lambda batch, rest: batch.x.sum())
            total(Batch(jnp.ones(3)), {"y": [jnp.ones(3), None]})
            """
        ),
    ),
)

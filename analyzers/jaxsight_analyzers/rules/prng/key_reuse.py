"""Uses a PRNG key that is already used up.

## Why is this bad?

JAX's random functions are pure: the same key gives the same numbers. A key that is used twice gives
identical or correlated samples, silently. `jax.random.split` uses a key up as well: its result
replaces the key.

## Fix safety

Unsafe: the numbers drawn change, which is the purpose. The key is split once, before its first use:
one half for that use, the other for the next.

## Limits

Keys are followed through names, attributes, containers, elements and slices of arrays of keys, and functions
of the same file. Two uses on paths that exclude each other are not a reuse. `fold_in`, `clone` and `key_data`
do not use a key up; the same data folded in twice give the same key. Flax folds names into the keys that
`init` and `apply` are given: only the same call again is reported, and says "may". So does what is found in a
test, and a key that `partial` binds. What an unknown function does with a key is not guessed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers import edits
from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Related,
    Severity,
)
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import KeyReuse


def check(unit: Unit) -> Iterator[Finding]:
    for number, reuse in enumerate(unit.key_reuses):
        if reuse.in_loop:
            continue
        maybe = "" if reuse.certainty is Certainty.YES else "may be "
        again = "used again" if not maybe else "used again here"
        fixes: tuple[FixRef, ...] = ()
        if _split(unit, reuse) is not None:
            title = f"Split `{reuse.key}` between the two uses"
            fixes = (FixRef("split", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=reuse.span,
            message=(
                f"`{reuse.key}` {maybe or 'is '}{again} by {reuse.by} after {reuse.earlier_by} "
                "used it up, so both get the same random numbers"
            ),
            certainty=reuse.certainty,
            related=(
                Related(reuse.earlier, f"`{reuse.key}` is used up by {reuse.earlier_by} here"),
            ),
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    edited = _split(unit, unit.key_reuses[reference.data])
    return None if edited is None else Fix(reference.title, edited, reference.applicability)


def _split(unit: Unit, reuse: KeyReuse) -> tuple[Edit, ...] | None:
    """The edits that split a key before its first use; None where the two are not in one function."""
    earlier = _argument_named(reuse.earlier_node, reuse.key)
    if earlier is None or not isinstance(reuse.argument, ast.Name):
        return None
    first = unit.model.module.span(earlier)
    place = edits.first_of_two(unit, first.start, reuse.span.start)
    if place is None or not edits.runs_once_in(place.node, earlier):
        return None
    split = edits.spell(unit, "jax.random.split")
    subkey = edits.fresh_name(unit, "subkey")
    line = edits.insert_before(unit, place, f"{reuse.key}, {subkey} = {split.text}({reuse.key})")
    return None if line is None else (line, Edit(first, subkey), *split.edits)


def _argument_named(node: ast.AST, name: str) -> ast.Name | None:
    """The argument of a call that is just that name."""
    if not isinstance(node, ast.Call):
        return None
    arguments = (*node.args, *(keyword.value for keyword in node.keywords))
    return next((a for a in arguments if isinstance(a, ast.Name) and a.id == name), None)


RULE = Rule(
    name="key-reuse",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax

            def init(key):
                w = jax.random.normal(key, (4, 4))
                b = jax.random.uniform(key, (4,))  # error: [key-reuse]
                return w, b
            """,
            fixed="""
            import jax

            def init(key):
                key, subkey = jax.random.split(key)
                w = jax.random.normal(subkey, (4, 4))
                b = jax.random.uniform(key, (4,))
                return w, b
            """,
        ),
        Example(
            """
            import jax

            def init(key):
                kw, kb = jax.random.split(key)
                w = jax.random.normal(kw, (4, 4))
                b = jax.random.uniform(kb, (4,))
                return w, b
            """
        ),
    ),
)

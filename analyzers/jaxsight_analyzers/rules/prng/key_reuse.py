"""Uses a PRNG key that is already used up.

## Why is this bad?

JAX's random functions are pure: the same key gives the same numbers. A key that is used twice gives
identical or correlated samples, silently. `jax.random.split` uses a key up as well: its result
replaces the key.

## Fix safety

Unsafe: the numbers drawn change, which is the purpose. The key is split once, before its first use:
into a key for each of its uses, where these are in one block. In a loop the cure of `key-reuse-in-loop` serves them all.

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

from jaxsight_analyzers import body_keys, edits
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
        if (found := _split(unit, reuse)) is not None:
            count = found[0]
            title = f"Split `{reuse.key}` between the {_COUNTS.get(count, count)} uses"
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
    found = _split(unit, unit.key_reuses[reference.data])
    return None if found is None else Fix(reference.title, found[1], reference.applicability)


_COUNTS = {2: "two", 3: "three", 4: "four"}
_MOST = 8  # more keys of one split than a reader tells apart


def _later_uses(unit: Unit, reuse: KeyReuse) -> list[KeyReuse]:
    """All uses of a key after its first one, as far as one split can serve them."""
    return sorted(
        (
            other
            for other in unit.key_reuses
            if other.key == reuse.key and other.earlier == reuse.earlier and not other.in_loop
        ),
        key=lambda other: other.span,
    )


def _split(unit: Unit, reuse: KeyReuse) -> tuple[int, tuple[Edit, ...]] | None:
    """For how many uses a key is split before its first, and the edits; None where these are not in one block."""
    if _cured_with_loop(unit, reuse):
        return None
    later = _later_uses(unit, reuse)
    for uses in (later, [reuse]) if len(later) < _MOST else ([reuse],):
        edited = _split_between(unit, reuse, uses)
        if edited:
            return len(uses) + 1, edited
    return None


def _cured_with_loop(unit: Unit, reuse: KeyReuse) -> bool:
    """Whether the uses are in a loop whose own cure gives each of them a key."""
    if reuse.argument is None:
        return False
    span = unit.model.module.span(reuse.argument)
    return any(
        edit.span == span
        for other in unit.key_reuses
        if other.in_loop and (other.key == reuse.key or other.earlier_node is reuse.earlier_node)
        for cure in body_keys.cures(unit, other)
        for edit in cure.edits
    )


def _split_between(unit: Unit, reuse: KeyReuse, later: list[KeyReuse]) -> tuple[Edit, ...] | None:
    """A key for each use; the last one keeps the name."""
    earlier = _argument_named(reuse.earlier_node, reuse.key)
    if earlier is None or not all(isinstance(use.argument, ast.Name) for use in later):
        return None
    first = unit.model.module.span(earlier)
    places = [edits.first_of_two(unit, first.start, use.span.start) for use in later]
    place = places[0]
    if place is None or any(one is None or one.node is not place.node for one in places):
        return None
    uses = [earlier, *(use.argument for use in later[:-1] if use.argument is not None)]
    if not all(_runs_once(unit, place.block, use) for use in uses):
        return None
    split = edits.spell(unit, "jax.random.split")
    names = edits.fresh_names(unit, "subkey", len(later), first.start)
    width = "" if len(later) == 1 else f", {len(later) + 1}"
    text = f"{reuse.key}, {', '.join(names)} = {split.text}({reuse.key}{width})"
    line = edits.insert_before(unit, place, text)
    if line is None:
        return None
    spans = [first, *(use.span for use in later[:-1])]
    return (line, *(Edit(span, name) for span, name in zip(spans, names)), *split.edits)


def _runs_once(unit: Unit, block: tuple[ast.stmt, ...], use: ast.expr) -> bool:
    """Whether the statement of a block that an expression is in evaluates it once."""
    start = unit.model.module.span(use).start
    holders = (one for one in block if unit.model.module.span(one).end >= start)
    return edits.runs_once_in(next(holders), use)


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

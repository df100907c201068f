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
test, and a key that `partial` binds. A target network that is initialised like the one that it follows is meant. What an unknown function does with a key is not guessed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Related,
    Severity,
    Span,
)
from jaxsight_analyzers.fixes import body_keys, edits, loop_keys, wider_splits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.key_streams import KeyReuse


def check(unit: Unit) -> Iterator[Finding]:
    cured = _cured_with_loops(unit)
    for number, reuse in enumerate(unit.key_reuses):
        if reuse.in_loop or _is_copy(unit, reuse):
            continue
        maybe = "" if reuse.certainty is Certainty.YES else "may be "
        again = "used again" if not maybe else "used again here"
        fixes: tuple[FixRef, ...] = ()
        if (found := _split(unit, reuse, cured)) is not None:
            count = found[0]
            title = f"Split `{_key(unit, reuse)}` between the {_COUNTS.get(count, count)} uses"
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


def _is_copy(unit: Unit, reuse: KeyReuse) -> bool:
    """Whether a target network is made like the one it follows: `target_params=net.init(key, x)`."""
    if not isinstance(reuse.node, ast.Call) or "`jax.random." in reuse.by:
        return False
    parents = edits.parents_of(unit, reuse.node)
    names = [parents[0].arg or ""] if parents and isinstance(parents[0], ast.keyword) else []
    for statement in parents:
        if isinstance(statement, ast.Assign):
            names += [edits.source(unit, one) for one in statement.targets]
    return any(not _COPIES.isdisjoint(re.split(r"\W|_", name)) for name in names)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    found = _split(unit, unit.key_reuses[reference.data], _cured_with_loops(unit))
    return None if found is None else Fix(reference.title, found[1], reference.applicability)


_COPIES = {"target", "ema", "teacher"}
"""Words in the names of networks that start as another one does."""

_COUNTS = {2: "two", 3: "three", 4: "four"}
_MOST = 8  # more keys of one split than a reader tells apart


def _later_uses(unit: Unit, reuse: KeyReuse, key: str) -> list[KeyReuse]:
    """All uses of a key after its first one that one split can serve; of more than it can, that one alone."""
    alike = [
        other
        for other in unit.key_reuses
        if other.earlier_node is reuse.earlier_node and not other.in_loop
    ]
    if len(alike) >= 2 * _MOST:
        return [reuse]
    return sorted((o for o in alike if _key(unit, o) == key), key=lambda other: other.span)


def _key(unit: Unit, reuse: KeyReuse) -> str | None:
    """The key as the use of it writes it."""
    node = None if reuse.argument is None else loop_keys.key_in(reuse.argument)
    return None if node is None else edits.source(unit, node)


def _split(unit: Unit, reuse: KeyReuse, cured: set[Span]) -> tuple[int, tuple[Edit, ...]] | None:
    """For how many uses a key is split before its first, and the edits; None where these are not in one block."""
    key = _key(unit, reuse)
    if key is None or reuse.span in cured:
        return None
    later = _later_uses(unit, reuse, key)
    for uses in (later, [reuse]) if len(later) < _MOST else ([reuse],):
        edited = _split_between(unit, reuse, uses, key)
        if edited:
            return len(uses) + 1, edited
    return None


def _cured_with_loops(unit: Unit) -> set[Span]:
    """The uses that get a key of their own with the cure of the loop that they are in."""
    return {
        edit.span
        for reuse in unit.key_reuses
        if reuse.in_loop
        for cure in body_keys.cures(unit, reuse)
        for edit in cure.edits
    }


def _split_between(
    unit: Unit, reuse: KeyReuse, later: list[KeyReuse], key: str
) -> tuple[Edit, ...] | None:
    """A key for each use; the last one keeps the name, where it is a variable's."""
    first = loop_keys.argument_with(unit, reuse.earlier_node, key)
    if first is None or loop_keys.may_be_several(unit, reuse.earlier_node, first):
        return None
    others = [loop_keys.key_in(use.argument) for use in later if use.argument is not None]
    uses: list[ast.expr] = [first, *(use for use in others if use is not None)]
    span = unit.model.module.span
    places = [edits.first_of_two(unit, span(first).start, use.span.start) for use in later]
    place = places[0]
    if place is None or any(one is None or one.node is not place.node for one in places):
        return None
    is_variable = isinstance(first, ast.Name)
    if is_variable and len(later) == 1 and place.node is _statement(unit, first):
        wider = wider_splits.widened(unit, first)
        if wider is not None:
            return wider
    given = _given(unit, place, uses) if is_variable else uses
    if not all(_runs_once(unit, place, use) for use in given):
        return None
    names = edits.fresh_names(unit, "subkey", len(given), span(first).start)
    made = [key, *names] if is_variable else names
    width = "" if len(made) == 2 else f", {len(made)}"
    split = edits.spell(unit, "jax.random.split")
    line = edits.insert_before(unit, place, f"{', '.join(made)} = {split.text}({key}{width})")
    if line is None:
        return None
    return (line, *(Edit(span(use), name) for use, name in zip(given, names)), *split.edits)


def _statement(unit: Unit, node: ast.expr) -> ast.stmt | None:
    place = edits.place_at(unit, unit.model.module.span(node).start)
    return None if place is None else place.node


def _given(unit: Unit, place: edits.Place, uses: list[ast.expr]) -> list[ast.expr]:
    """The uses that get a key of their own: all but the last, or but the first if other branches use it as well."""
    first = uses[0]
    if _statement(unit, first) is place.node or not isinstance(first, ast.Name):
        return uses[:-1]
    inside = [n for n in ast.walk(place.node) if isinstance(n, ast.Name) and n.id == first.id]
    return uses[1:] if len(inside) > 1 else uses[:-1]


def _runs_once(unit: Unit, place: edits.Place, use: ast.expr) -> bool:
    """Whether the statement of the block at a place that an expression is in evaluates it once."""
    start = unit.model.module.span(use).start
    places = edits.places_at(unit, start)
    holder = places[len(edits.places_at(unit, place.span.start)) - 1]
    return edits.runs_once_in(holder.node, use)


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

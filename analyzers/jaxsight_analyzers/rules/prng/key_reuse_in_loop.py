"""Uses the same PRNG key in every iteration.

## Why is this bad?

The same key gives the same numbers. A key that is made outside a loop and used inside gives each
iteration the numbers of the first, silently. The body of `jax.lax.scan`, `jax.lax.fori_loop` or a
function under `jax.vmap` is such a loop: a key that it captures is the same for each run.

## Fix safety

Unsafe: the numbers drawn change, which is the purpose. `jax.random.fold_in` derives a key from the
loop's counter where there is one; otherwise the key is split at the head of the iteration.

## Limits

Experiments that want the same numbers in each iteration (common random numbers) are reported
too: say so with `# jaxsight: ignore[key-reuse-in-loop] why`. A loop whose body always leaves it after
one iteration is not reported.
A key that `jax.vmap` does not map gives all rows one draw, which JAX's own checker
accepts: that is reported as "may", and not at all where `in_axes` says `None` for it.
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
    Severity,
)
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import KeyReuse


def check(unit: Unit) -> Iterator[Finding]:
    for number, reuse in enumerate(unit.key_reuses):
        if not reuse.in_loop:
            continue
        fixes: tuple[FixRef, ...] = ()
        if isinstance(reuse.argument, ast.Name) and fix_kind(unit, number) is not None:
            kind, title = fix_kind(unit, number) or ("", "")
            fixes = (FixRef(kind, title, Applicability.UNSAFE, number),)
        yield Finding(
            span=reuse.span,
            message=_message(reuse),
            certainty=reuse.certainty,
            fixes=fixes,
        )


def _message(reuse: KeyReuse) -> str:
    sure = reuse.certainty is Certainty.YES
    if reuse.earlier_node is not reuse.node and reuse.repeated_by is None:
        verb = "is used again by" if sure else "may be used again by"
        return (
            f"`{reuse.key}` {verb} {reuse.by} after {reuse.earlier_by} used it up in the iteration "
            "before, so both get the same random numbers"
        )
    repeated = (
        f"each run of this body under `{reuse.repeated_by}`"
        if reuse.repeated_by
        else "each iteration"
    )
    verb = "uses" if sure else "may use"
    return (
        f"{repeated} {verb} the same key `{reuse.key}` for {reuse.by}, "
        "so all get the same random numbers"
    )


def fix_kind(unit: Unit, number: int) -> tuple[str, str] | None:
    """The fix for a reuse: fold the counter in where there is one, else split."""
    reuse = unit.key_reuses[number]
    place = edits.place_at(unit, reuse.span.start)
    if place is None or reuse.argument is None:
        return None
    if (counter := edits.loop_counter(place)) is not None:
        return "fold-in", f"Fold `{counter}` into `{reuse.key}`"
    loops = [p for p in place.parents if isinstance(p, (ast.For, ast.While))]
    return ("split", f"Split `{reuse.key}` in each iteration") if loops else None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    reuse = unit.key_reuses[reference.data]
    place = edits.place_at(unit, reuse.span.start)
    if place is None:
        return None
    if reference.kind == "fold-in":
        fold_in = edits.spell(unit, "jax.random.fold_in")
        edit = Edit(reuse.span, f"{fold_in.text}({reuse.key}, {edits.loop_counter(place)})")
        return Fix(reference.title, (edit, *fold_in.edits), reference.applicability)
    split = edits.spell(unit, "jax.random.split")
    subkey = edits.fresh_name(unit, "subkey")
    line = edits.insert_before(unit, place, f"{reuse.key}, {subkey} = {split.text}({reuse.key})")
    if line is None:
        return None
    return Fix(
        reference.title, (line, Edit(reuse.span, subkey), *split.edits), reference.applicability
    )


RULE = Rule(
    name="key-reuse-in-loop",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax

            def sample(key, n):
                out = []
                for i in range(n):
                    out.append(jax.random.normal(key))  # error: [key-reuse-in-loop]
                return out
            """,
            fixed="""
            import jax

            def sample(key, n):
                out = []
                for i in range(n):
                    out.append(jax.random.normal(jax.random.fold_in(key, i)))
                return out
            """,
        ),
        Example(
            """
            import jax

            def sample(key, n):
                out = []
                for _ in range(n):
                    key, subkey = jax.random.split(key)
                    out.append(jax.random.normal(subkey))
                return out
            """
        ),
    ),
)

"""Uses the same PRNG key in every iteration.

## Why is this bad?

The same key gives the same numbers. A key that is made outside a loop and used inside gives each
iteration the numbers of the first, silently. The body of `jax.lax.scan`, `jax.lax.fori_loop` or a
function under `jax.vmap` is such a loop: a key that it captures is the same for each run.

## Fix safety

Unsafe: the numbers drawn change, which is the purpose. `jax.random.fold_in` derives a key from the
loop's counter where there is one; otherwise the key is split at the head of the iteration. The body of
`jax.lax.scan` and its kin splits a key that it has in its carry and hands the new one on. One that captures its key is
run over `jax.random.split(key, n)` as well.

## Limits

Experiments that want the same numbers in each iteration (common random numbers) are reported
too: say so with `# jaxsight: ignore[key-reuse-in-loop] why`. A loop whose body always leaves it after
one iteration is not reported.
A key that `jax.vmap` does not map gives all rows one draw, which JAX's own checker
accepts: that is reported as "may", and not at all where `in_axes` says `None` for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import body_keys
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.key_streams import KeyReuse


def check(unit: Unit) -> Iterator[Finding]:
    for number, reuse in enumerate(unit.key_reuses):
        if not reuse.in_loop:
            continue
        fixes = tuple(
            FixRef(cure.kind, cure.title, Applicability.UNSAFE, number)
            for cure in body_keys.cures(unit, reuse)
        )
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


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    cures = body_keys.cures(unit, unit.key_reuses[reference.data])
    found = next((cure for cure in cures if cure.kind == reference.kind), None)
    return None if found is None else Fix(reference.title, found.edits, reference.applicability)


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

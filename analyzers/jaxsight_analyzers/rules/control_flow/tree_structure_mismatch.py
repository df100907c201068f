"""Maps a function over trees that are not built alike.

## Why is this bad?

`jax.tree.map(f, tree, *rest)` goes down the first tree, and the others have to have the same containers there, with the same keys and
lengths: else it raises `ValueError: pytree structure error: different types at key path`, `different lengths of tuple`, or `different pytree metadata`.
Of these, None is the surprise: it is no leaf but a tree without leaves, so that `{"w": None}` fits nothing but None there. Up to JAX 0.4.33 it was let pass
in some places. With `is_leaf=lambda leaf: leaf is None` it is a leaf, and the function is handed it.

A leaf of the first tree may be anything in the others: `jax.tree.map(f, {"w": 1}, {"w": None})` calls `f(1, None)`.

## Fix safety

Unsafe: the function is called with None then.

## Limits

Reported where both trees are written out, or made from what is. Calls with `is_leaf` are not, nor is a list where a tuple is.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.body_streams import UnlikeTrees
from jaxsight_analyzers.semantic.spelling import display


def check(unit: Unit) -> Iterator[Finding]:
    takes_none = unit.version("jax") is not None and not unit.is_at_least("jax", "0.4.34")
    for number, trees in enumerate(unit.unlike_trees):
        if trees.is_none and takes_none:
            continue
        fixes: tuple[FixRef, ...] = ()
        if trees.is_none:
            title = "Take None for a leaf"
            fixes = (FixRef("none-is-leaf", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=trees.span,
            message=f"`{display(trees.name)}` fails: {_says(trees)}",
            related=trees.related,
            fixes=fixes,
        )


def _says(trees: UnlikeTrees) -> str:
    place = "".join(f"[{part!r}]" for part in trees.path)
    where = f"at `{place}` the first tree has" if place else "the first tree is"
    return f"{where} {trees.one}, and `{trees.text}` {'has' if place else 'is'} {trees.other}"


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    trees = unit.unlike_trees[reference.data]
    edit = edits.add_keyword(unit, trees.node, "is_leaf=lambda leaf: leaf is None")
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="tree-structure-mismatch",
    aliases=("tree-map-none-or-structure",),
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    fix=fix,
    errors=(
        "ValueError: pytree structure error: different types at key path",
        "ValueError: pytree structure error: different lengths of ... at key path",
    ),
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            params = {"w": jnp.ones(3), "b": None}
            decay = {"w": 0.1, "b": 0.0}
            decayed = jax.tree.map(lambda p, d: p if p is None else p * (1 - d), params, decay)  # error: [tree-structure-mismatch]
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            params = {"w": jnp.ones(3), "b": None}
            decay = {"w": 0.1, "b": 0.0}
            decayed = jax.tree.map(lambda p, d: p if p is None else p * (1 - d), params, decay, is_leaf=lambda leaf: leaf is None)
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            params = {"w": jnp.ones(3), "b": jnp.zeros(3)}
            decay = {"w": 0.1, "b": 0.0}
            decayed = jax.tree.map(lambda p, d: p * (1 - d), params, decay)
            """
        ),
    ),
)

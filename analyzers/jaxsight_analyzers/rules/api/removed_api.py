"""Uses a name that a release removed.

## Why is this bad?

The name raises `AttributeError`, or `ImportError` where it is imported, as soon as the line runs. JAX
keeps a deprecated name for about three months, so code that is a year old often meets one.

## Fix safety

Safe where another name does the same: the old one cannot have worked. Unsafe where the call or its
meaning may need a change too. An import is mended with the uses of what it imports; a file that
does not use it may be imported from by others, and keeps the name.

## Limits

The project's version of the library decides, and the newest known one where that cannot be found.
A name is not reported where its absence is provided for: in `try` with `except ImportError` or
`except AttributeError`, under `hasattr` or under a check of the version. Methods of arrays and
keyword arguments that were removed are not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import renames
from jaxsight_analyzers.knowledge import ApiChange
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Reference


def check(unit: Unit) -> Iterator[Finding]:
    return renames.findings(unit, _removal, _says)


def _removal(unit: Unit, reference: Reference) -> ApiChange | None:
    change = unit.knowledge.api(reference.qualified)
    if change is None:
        return None
    return change if change.removed_at(unit.version(change.library)) else None


def _says(change: ApiChange) -> str:
    return f"was removed in {renames.display(change.library)} {change.removed_in}"


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    return renames.fix(unit, reference, _removal)


RULE = Rule(
    name="removed-api",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    aliases=("removed-device-put-sharded",),
    errors=(
        "AttributeError: module 'jax...' has no attribute '...'",
        "ModuleNotFoundError: No module named 'jax...'",
        "ImportError: cannot import name '...' from 'jax...'",
    ),
    examples=(
        Example(
            """
            import jax

            def double(tree):
                return jax.tree_map(lambda leaf: 2 * leaf, tree)  # error: [removed-api]
            """,
            fixed="""
            import jax

            def double(tree):
                return jax.tree.map(lambda leaf: 2 * leaf, tree)
            """,
            versions=(("jax", "0.6.0"),),
        ),
        Example(
            """
            import jax

            def double(tree):
                return jax.tree_util.tree_map(lambda leaf: 2 * leaf, tree)
            """
        ),
    ),
)

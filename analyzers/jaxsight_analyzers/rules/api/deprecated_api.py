"""Uses a name, or a keyword argument, that a release warns of and that the next ones remove.

## Why is this bad?

The line works and warns: `DeprecationWarning: jax.experimental.shard_map is deprecated`. JAX keeps a
deprecated name for about three months; then it is gone, and the line raises `AttributeError`.

## Fix safety

Safe where another name does the same and exists in the project's version of the library. The calls
are mended too where the new function takes its arguments by other names. Unsafe where the meaning may differ.

## Limits

The project's version of the library decides. What a person has to rewrite is reported without a fix.
A name is not reported in `try` with `except ImportError` or `except AttributeError`, under `hasattr`
or under a check of the version.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Fix, FixRef, Severity, Tag
from jaxsight_analyzers.fixes import renames
from jaxsight_analyzers.knowledge import ApiChange, KeywordChange
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Reference


def check(unit: Unit) -> Iterator[Finding]:
    yield from renames.findings(unit, _deprecation, _says, Tag.DEPRECATED)
    yield from renames.keyword_findings(unit, _deprecated_keyword, _says, Tag.DEPRECATED)


def _deprecation(unit: Unit, reference: Reference) -> ApiChange | None:
    change = unit.knowledge.api(reference.qualified)
    if change is None:
        return None
    return change if change.deprecated_at(unit.version(change.library)) else None


def _deprecated_keyword(unit: Unit, change: KeywordChange) -> bool:
    return change.deprecated_at(unit.version(change.library))


def _says(change: ApiChange | KeywordChange) -> str:
    return f"is deprecated since {renames.display(change.library)} {change.deprecated_in}"


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    if reference.kind == "rename-keyword":
        return renames.fix_of_keyword(unit, reference)
    return renames.fix(unit, reference, _deprecation)


RULE = Rule(
    name="deprecated-api",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    aliases=("shard-map-experimental-import",),
    errors=("DeprecationWarning: jax... is deprecated",),
    examples=(
        Example(
            """
            from jax.experimental.shard_map import shard_map  # error: [deprecated-api]

            def double(mesh, spec, x):
                return shard_map(lambda part: 2 * part, mesh, spec, spec, check_rep=False)(x)
            """,
            fixed="""
            from jax import shard_map

            def double(mesh, spec, x):
                return shard_map(lambda part: 2 * part, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)(x)
            """,
            versions=(("jax", "0.8.0"),),
        ),
        Example(
            """
            import jax

            def double(mesh, spec, x):
                return jax.shard_map(lambda part: 2 * part, mesh=mesh, in_specs=spec, out_specs=spec)(x)
            """,
            versions=(("jax", "0.8.0"),),
        ),
    ),
)

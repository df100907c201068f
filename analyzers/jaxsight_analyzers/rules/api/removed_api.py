"""Uses a name that the project's version of a library does not have.

## Why is this bad?

JAX and the libraries around it remove names a few releases after they deprecate them. Using one raises
`AttributeError`, importing one `ImportError`: often only on the branch, or on the machine, with the
newer version.

## Fix safety

Safe where the new name means the same and takes the same arguments. Otherwise unsafe: read what the
release notes say of it. An import is mended where it stands, so that its uses keep their name.

## Limits

The version comes from the project's environment, its lock file or its requirements; `versions` in the
settings overrides it, and where nothing tells, the newest known release counts. A use under a
version check, `hasattr`, or a `try` that catches the failure is not reported, nor are removed
keyword arguments.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers import edits
from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Tag
from jaxsight_analyzers.knowledge.loader import ApiChange
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Reference

_NAMES = {"jax": "JAX", "flax": "Flax", "optax": "Optax", "numpyro": "NumPyro", "chex": "Chex"}


def check(unit: Unit) -> Iterator[Finding]:
    for number, reference in enumerate(unit.references):
        change = unit.removed(reference)
        if change is None:
            continue
        fixes: tuple[FixRef, ...] = ()
        if _edits(unit, reference, change) is not None:
            safe = change.applicability == "safe" and reference.qualified == change.old
            level = Applicability.SAFE if safe else Applicability.UNSAFE
            fixes = (FixRef("rename", f"Use `{change.new}`", level, number),)
        yield Finding(
            span=reference.span, message=_message(change), fixes=fixes, tag=Tag.DEPRECATED
        )


def _message(change: ApiChange) -> str:
    library = _NAMES.get(change.library, change.library)
    text = f"`{change.old}` was removed in {library} {change.removed_in}"
    if change.new is not None:
        return f"{text}; use `{change.new}`"
    return f"{text}; {change.note}" if change.note else text


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    used = unit.references[reference.data]
    change = unit.removed(used)
    edited = None if change is None else _edits(unit, used, change)
    return None if edited is None else Fix(reference.title, edited, reference.applicability)


def _edits(unit: Unit, reference: Reference, change: ApiChange) -> tuple[Edit, ...] | None:
    """The edits that use the new name; None where there is none that is just a name."""
    new = change.new
    if new is None or change.applicability == "none" or reference.qualified != change.old:
        return None
    if not all(part.isidentifier() for part in new.split(".")):
        return None
    if reference.kind != "import":
        spelled = edits.spell(unit, new)
        return (Edit(reference.span, spelled.text), *spelled.edits)
    if not isinstance(reference.statement, ast.ImportFrom):
        return None
    return _import(unit, reference, reference.statement, new)


def _import(
    unit: Unit, reference: Reference, statement: ast.ImportFrom, new: str
) -> tuple[Edit, ...] | None:
    """`from old import name` as `from new import name`, under the name that the file uses."""
    alias = next(alias for alias in statement.names if alias is reference.node)
    bound = alias.asname or alias.name
    module, _, name = new.rpartition(".")
    line = f"from {module} import {name}" + ("" if name == bound else f" as {bound}")
    place = edits.place_at(unit, reference.span.start)
    if place is None or not module:
        return None
    if len(statement.names) == 1:
        return (Edit(place.span, line),)
    others = ", ".join(edits.source(unit, other) for other in statement.names if other is not alias)
    rest = f"from {statement.module} import {others}"
    return (Edit(place.span, f"{rest}{edits.newline(unit)}{place.indent}{line}"),)


RULE = Rule(
    name="removed-api",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax

            y = jax.tree_map(lambda v: v + 1, {"a": 1})  # error: [removed-api]
            """,
            fixed="""
            import jax

            y = jax.tree.map(lambda v: v + 1, {"a": 1})
            """,
            versions=(("jax", "0.10.2"),),
        ),
        Example(
            """
            import jax

            if hasattr(jax, "tree_map"):
                y = jax.tree_map(lambda v: v + 1, {"a": 1})
            else:
                y = jax.tree.map(lambda v: v + 1, {"a": 1})
            """,
            versions=(("jax", "0.10.2"),),
        ),
    ),
)

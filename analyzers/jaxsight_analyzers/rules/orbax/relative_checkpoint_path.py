"""Gives Orbax a path that depends on the working directory.

## Why is this bad?

Orbax writes and reads with TensorStore, which takes absolute paths only: `ValueError: Checkpoint path should be absolute. Got checkpoints...`. A manager takes a
relative directory and fails when it saves, in the background, so that the error appears with the next save or where something waits, or nowhere.

## Fix safety

Safe: the old code raises, and `os.path.abspath` gives the path that was meant where the program is started as before.

## Limits

Reported are texts that are written out, also through names, what begins with such a text, and `os.path.join` and `Path` of them. Paths with a scheme, such as `gs://`, are right.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.checkpoint_streams import Relative


def check(unit: Unit) -> Iterator[Finding]:
    for number, relative in enumerate(unit.relative_paths):
        yield Finding(
            span=relative.span,
            message=f"Orbax fails with `{relative.text}`: it is no absolute path",
            fixes=_fixes(relative, number),
        )


def _fixes(relative: Relative, number: int) -> tuple[FixRef, ...]:
    if relative.text.lstrip("rf").startswith(("'~", '"~')):
        return ()
    return (FixRef("make-absolute", "Make the path absolute", Applicability.SAFE, number),)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    relative = unit.relative_paths[reference.data]
    if relative.path.is_object:
        text = f"{edits.as_operand(unit, relative.path.node)}.resolve()"
        return Fix(reference.title, (Edit(relative.span, text),), reference.applicability)
    spelling = edits.spell(unit, "os.path.abspath")
    edit = Edit(relative.span, f"{spelling.text}({relative.text})")
    return Fix(reference.title, (edit, *spelling.edits), reference.applicability)


RULE = Rule(
    name="relative-checkpoint-path",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    fix=fix,
    aliases=("relative-path",),
    errors=("ValueError: Checkpoint path should be absolute. Got",),
    raising=r"save|restore|wait|close",
    examples=(
        Example(
            """
            import os

            import orbax.checkpoint as ocp

            manager = ocp.CheckpointManager("checkpoints")  # error: [relative-checkpoint-path]
            """,
            fixed="""
            import os

            import orbax.checkpoint as ocp

            manager = ocp.CheckpointManager(os.path.abspath("checkpoints"))
            """,
        ),
        Example(
            """
            import orbax.checkpoint as ocp

            manager = ocp.CheckpointManager("gs://bucket/checkpoints")
            """
        ),
    ),
)

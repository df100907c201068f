"""Saves a checkpoint in the background, and nothing waits for it.

## Why is this bad?

`StandardCheckpointer`, `AsyncCheckpointer` and `CheckpointManager` return from `save` when the arrays are copied, and write in the background to a folder with another name,
which is renamed when all is there. A program that ends before leaves `checkpoint.orbax-checkpoint-tmp` and `RuntimeError: cannot schedule new futures after interpreter shutdown`, and the checkpoint
is lost; who reads it at once does not find it; and what fails while writing is raised by whoever waits, or by nobody.

## Fix safety

Unsafe: the program waits for the disk.

## Limits

Reported is the last save of a checkpointer that a name holds and that is not handed to anybody: `wait_until_finished()`, `close()`, `restore()` and a `with` statement wait, anywhere in the file.
What attributes hold may be waited for elsewhere. Notebooks are left alone: their process goes on.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
    Span,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.checkpoint_streams import Unawaited


def check(unit: Unit) -> Iterator[Finding]:
    for number, save in enumerate(unit.unawaited_saves):
        if unit.whole.source.path.endswith(".ipynb"):
            continue
        yield Finding(
            span=save.span,
            message=f"what `{save.text}` saves in the background may be lost: nothing waits for it",
            certainty=Certainty.MAYBE,
            fixes=_fixes(save, number),
        )


def _fixes(save: Unawaited, number: int) -> tuple[FixRef, ...]:
    if save.name is None or save.after is None:
        return ()
    title = f"Wait with `{save.name}.wait_until_finished()`"
    return (FixRef("wait", title, Applicability.UNSAFE, number),)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    save = unit.unawaited_saves[reference.data]
    if save.after is None:
        return None
    span = unit.model.module.span(save.after)
    line = f"{save.name}.wait_until_finished()"
    text = f"{edits.newline(unit)}{edits.indent_of(unit, span.start)}{line}"
    return Fix(reference.title, (Edit(Span(span.end, span.end), text),), reference.applicability)


RULE = Rule(
    name="async-save-not-awaited",
    severity=Severity.WARNING,
    since="0.2.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import orbax.checkpoint as ocp

            def export(path, params):
                checkpointer = ocp.StandardCheckpointer()
                checkpointer.save(path, params)  # error: [async-save-not-awaited]
            """,
            fixed="""
            import orbax.checkpoint as ocp

            def export(path, params):
                checkpointer = ocp.StandardCheckpointer()
                checkpointer.save(path, params)
                checkpointer.wait_until_finished()
            """,
        ),
        Example(
            """
            import orbax.checkpoint as ocp

            def export(path, params):
                with ocp.StandardCheckpointer() as checkpointer:
                    checkpointer.save(path, params)
            """
        ),
    ),
)

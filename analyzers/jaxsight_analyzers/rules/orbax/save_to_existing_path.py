"""Saves to the same path, or under the same step, in each pass of a loop.

## Why is this bad?

A checkpointer does not write over what is there: from the second pass on it raises `ValueError: Destination ... already exists.` A manager keeps what it has under a step and does not save again: `save` returns False,
nothing is raised, and the checkpoint stays that of the first pass.

## Fix safety

Unsafe: `force=True` removes what was saved before. Where each checkpoint is to be kept, the path has to hold the number of the step.

## Limits

Reported is a path or step that the loop does not change, unless the loop may end after it or removes files.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in enumerate(unit.checkpoint_calls):
        if call.path is None:
            continue
        again = edits.source(unit, call.path)
        if call.mistake == "step again":
            yield Finding(
                span=call.span,
                message=f"`{call.text}` saves in the first pass only: the step is `{again}` in each",
            )
        elif call.mistake == "again":
            yield Finding(
                span=call.span,
                message=f"`{call.text}` fails in the second pass: `{again}` exists by then",
                fixes=(
                    FixRef(
                        "overwrite", "Write over it with `force=True`", Applicability.UNSAFE, number
                    ),
                ),
            )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = unit.checkpoint_calls[reference.data]
    edit = edits.add_keyword(unit, call.node, "force=True")
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="save-to-existing-path",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    fix=fix,
    aliases=("save-to-existing-or-unsupported-leaf",),
    errors=("ValueError: Destination ... already exists.",),
    examples=(
        Example(
            """
            import orbax.checkpoint as ocp

            def train(params, step, steps):
                with ocp.StandardCheckpointer() as checkpointer:
                    for _ in range(steps):
                        params = step(params)
                        checkpointer.save("/tmp/latest", params)  # error: [save-to-existing-path]
            """,
            fixed="""
            import orbax.checkpoint as ocp

            def train(params, step, steps):
                with ocp.StandardCheckpointer() as checkpointer:
                    for _ in range(steps):
                        params = step(params)
                        checkpointer.save("/tmp/latest", params, force=True)
            """,
        ),
        Example(
            """
            import orbax.checkpoint as ocp

            def train(params, step, steps):
                with ocp.StandardCheckpointer() as checkpointer:
                    for number in range(steps):
                        params = step(params)
                        checkpointer.save(f"/tmp/{number}", params)
            """
        ),
    ),
)

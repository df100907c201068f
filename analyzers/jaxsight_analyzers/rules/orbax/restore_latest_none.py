"""Restores the latest checkpoint without asking whether there is one.

## Why is this bad?

Before the first save `latest_step()` is None, and `restore(None)` raises `FileNotFoundError: No steps found in ...`: the program cannot be started anew.

## Limits

In preview: who only reads what surely is there need not ask. Reported in functions that neither ask for steps elsewhere nor save.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Certainty, Finding, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for call in unit.checkpoint_calls:
        if call.mistake == "no step" and call.path is not None:
            written = edits.source(unit, call.path)
            yield Finding(
                span=call.span,
                message=f"`{call.text}` may fail: `{written}` is None where nothing was saved yet",
                certainty=Certainty.MAYBE,
            )


RULE = Rule(
    name="restore-latest-none",
    severity=Severity.WARNING,
    since="0.2.0",
    preview=True,
    check=check,
    errors=("FileNotFoundError: No steps found in",),
    examples=(
        Example(
            """
            import orbax.checkpoint as ocp

            def resume(directory):
                with ocp.CheckpointManager(directory) as manager:
                    return manager.restore(manager.latest_step())  # error: [restore-latest-none]
            """
        ),
        Example(
            """
            import orbax.checkpoint as ocp

            def resume(directory, state):
                with ocp.CheckpointManager(directory) as manager:
                    if manager.latest_step() is None:
                        return state
                    return manager.restore(manager.latest_step())
            """
        ),
    ),
)

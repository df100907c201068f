"""Saves without metrics through a manager that keeps the best checkpoints by their metrics.

## Why is this bad?

With `best_fn` a `CheckpointManager` ranks checkpoints by the `metrics` that `save` is given. One that comes without any is kept for good by default, whatever `max_to_keep` says, and `best_step()` is None: the
disk fills, and nothing is chosen. Nothing is raised.

## Limits

Options are followed through names and functions.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for call in unit.checkpoint_calls:
        if call.lacks_metrics:
            yield Finding(
                span=call.span,
                message=f"`{call.text}` passes no `metrics`, by which `best_fn` is to rank what is kept",
            )


RULE = Rule(
    name="best-without-metrics",
    severity=Severity.WARNING,
    since="0.2.0",
    check=check,
    examples=(
        Example(
            """
            import orbax.checkpoint as ocp

            def save(directory, step, params):
                options = ocp.CheckpointManagerOptions(max_to_keep=3, best_fn=lambda m: m["loss"], best_mode="min")
                with ocp.CheckpointManager(directory, options=options) as manager:
                    manager.save(step, args=ocp.args.StandardSave(params))  # error: [best-without-metrics]
            """
        ),
        Example(
            """
            import orbax.checkpoint as ocp

            def save(directory, step, params, loss):
                options = ocp.CheckpointManagerOptions(max_to_keep=3, best_fn=lambda m: m["loss"], best_mode="min")
                with ocp.CheckpointManager(directory, options=options) as manager:
                    manager.save(step, args=ocp.args.StandardSave(params), metrics={"loss": loss})
            """
        ),
    ),
)

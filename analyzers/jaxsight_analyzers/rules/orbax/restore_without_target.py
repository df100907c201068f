"""Restores what was a training state without saying what to make of it.

## Why is this bad?

A checkpoint holds arrays and their names, no classes. `checkpointer.restore(path)` makes dicts of what were `TrainState`, dataclasses and the states of optimisers, and lists of tuples: `state.params` is
`AttributeError: 'dict' object has no attribute 'params'`, and `optimizer.update(grads, state["opt_state"])` fails. The arrays lie on the devices that the file names, which may be others than those that are there:
`UserWarning: Sharding info not provided when restoring`.

Give it what it is to be like: `checkpointer.restore(path, target)`, `manager.restore(step, args=ocp.args.StandardRestore(target))`, where `target` is a state as the program makes it, or `jax.eval_shape` of what makes it.

## Limits

In preview: who takes the dict apart on purpose needs no target. Reported in files that save an instance of a class in the same way. There is no fix: what the target is, only the program knows.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Certainty, Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for restore in unit.bare_restores:
        yield Finding(
            span=restore.span,
            message=f"`{restore.text}` may give a dict where `{restore.owner}` was saved: nothing says what it is to be like",
            certainty=Certainty.MAYBE,
        )


RULE = Rule(
    name="restore-without-target",
    severity=Severity.WARNING,
    since="0.2.0",
    preview=True,
    check=check,
    errors=("AttributeError: 'dict' object has no attribute 'params'",),
    examples=(
        Example(
            """
            import orbax.checkpoint as ocp
            from flax.training.train_state import TrainState

            def save(path, model, params, tx):
                state = TrainState.create(apply_fn=model.apply, params=params, tx=tx)
                with ocp.StandardCheckpointer() as checkpointer:
                    checkpointer.save(path, state)

            def load(path):
                with ocp.StandardCheckpointer() as checkpointer:
                    return checkpointer.restore(path)  # error: [restore-without-target]
            """
        ),
        Example(
            """
            import orbax.checkpoint as ocp
            from flax.training.train_state import TrainState

            def save(path, model, params, tx):
                state = TrainState.create(apply_fn=model.apply, params=params, tx=tx)
                with ocp.StandardCheckpointer() as checkpointer:
                    checkpointer.save(path, state)

            def load(path, target):
                with ocp.StandardCheckpointer() as checkpointer:
                    return checkpointer.restore(path, target)
            """
        ),
    ),
)

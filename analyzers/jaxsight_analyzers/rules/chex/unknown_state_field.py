"""Gives a training state, or a frozen dataclass, a field that it does not have.

## Why is this bad?

`TrainState` has the fields `step`, `apply_fn`, `params`, `tx` and `opt_state`. Statistics of batches, a key for dropout, or averaged parameters need a class that derives from it. Without one,
`TrainState.create(..., batch_stats=stats)`, `state.replace(batch_stats=stats)` and `state.apply_gradients(grads=grads, batch_stats=stats)` raise: `TypeError: TrainState.__init__() got an unexpected keyword argument 'batch_stats'`.
It is the same for `replace` of a class under `flax.struct.dataclass`. Type checkers do not see it, because these methods take any keywords.

## Limits

Classes that derive from one class, whose bases and decorators are all known, and that have no such method of their own. What is known by an annotation alone may be
of a class that derives from that one: there it is a warning. There is no fix: the field belongs into a class.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Certainty, Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.frozen_streams import UnknownField


def check(unit: Unit) -> Iterator[Finding]:
    for given in unit.unknown_fields:
        if not given.is_sure and _derived_has(unit, given):
            continue
        raises = "raises" if given.is_sure else "may raise"
        yield Finding(
            span=given.span,
            message=f"`{given.method}` {raises}: `{given.owner}` has no field `{given.field}`",
            certainty=Certainty.YES if given.is_sure else Certainty.MAYBE,
        )


def _derived_has(unit: Unit, given: UnknownField) -> bool:
    """Whether a class of the file that derives from it has the field: such a state may be given."""
    return any(
        isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == given.field
        for node in unit.whole.tree.body
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).rpartition(".")[2] == given.owner for base in node.bases)
        for statement in node.body
    )


RULE = Rule(
    name="unknown-state-field",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    errors=("TypeError: TrainState.__init__() got an unexpected keyword argument",),
    raising=r"create\(|replace\(|apply_gradients\(",
    examples=(
        Example(
            """
            import optax
            from flax.training.train_state import TrainState

            def start(model, variables):
                return TrainState.create(
                    apply_fn=model.apply,
                    params=variables["params"],
                    tx=optax.adam(1e-3),
                    batch_stats=variables["batch_stats"],  # error: [unknown-state-field]
                )
            """
        ),
        Example(
            """
            from typing import Any

            import optax
            from flax.training import train_state

            class TrainState(train_state.TrainState):
                batch_stats: Any

            def start(model, variables):
                return TrainState.create(
                    apply_fn=model.apply,
                    params=variables["params"],
                    tx=optax.adam(1e-3),
                    batch_stats=variables["batch_stats"],
                )
            """
        ),
    ),
)

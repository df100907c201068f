"""What losses are given: predictions of another kind than they take, or labels of another."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.semantic import avals

if TYPE_CHECKING:
    from jaxsight_analyzers.knowledge.facts import FunctionFacts
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.run import Run

_PREDICTIONS = ("logits", "log_predictions")


class LossInputSeen(NamedTuple):
    """A loss that is given something else than it takes."""

    node: ast.Call
    name: str  # of the loss
    argument: ast.expr
    takes: str  # "logits", "log-probabilities", "distributions", "integers"
    given: str  # what it is: "softmax", "sigmoid", "one_hot", "argmax"
    guards: tuple[str, ...]


def note(run: Run, node: ast.Call, facts: FunctionFacts, arguments: Arguments) -> None:
    """Record predictions and labels that a loss does not take."""
    if run.frame.state.dead or facts.loss is None:
        return
    predictions, labels = facts.loss.split()
    for parameter, argument, value in arguments.named(facts):
        known = avals.aval_of(value)
        if argument is None or known is None or known.made is None:
            continue
        takes = predictions if parameter in _PREDICTIONS else labels
        if parameter not in (*_PREDICTIONS, "labels"):
            continue
        if (takes, known.made) in _WRONG:
            seen = LossInputSeen(node, facts.name, argument, takes, known.made, run.guards)
            run.events.loss_inputs.append(seen)


_WRONG = frozenset(
    (
        ("logits", "softmax"),
        ("logits", "sigmoid"),
        ("logits", "one_hot"),
        ("logits", "argmax"),
        ("log-probabilities", "softmax"),
        ("log-probabilities", "sigmoid"),
        ("distributions", "argmax"),
        ("integers", "one_hot"),
        ("integers", "softmax"),
    )
)

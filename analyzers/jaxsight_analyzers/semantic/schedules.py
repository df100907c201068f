"""Schedules of Optax as values: functions of the step that an optimiser calls."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic.described import Described
from jaxsight_analyzers.semantic.values import MISSING, Kind, Value, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.run import Run


@dataclass(frozen=True, slots=True, eq=False)
class Schedule(Described):
    """A function of the step. `sign` is 1 or -1 where all of its values have that sign."""

    name: str
    node: ast.AST
    sign: int | None

    @property
    def words(self) -> str:
        """It in words, for the specifications of the model."""
        return f"schedule {self.name}"

    @property
    def signature(self) -> object:
        """What tells it from others."""
        return self.name, self.sign


class ScheduleSeen(NamedTuple):
    """A schedule that fails when it is made, or counts something else than steps."""

    node: ast.Call
    name: str
    warmup: ast.expr | None  # that leaves no step for the decay
    epochs: ast.expr | None  # a number of epochs, given as one of steps
    guards: tuple[str, ...]


def made(run: Run, node: ast.AST, facts: FunctionFacts, arguments: Arguments) -> Value:
    """What a maker of schedules returns."""
    if isinstance(node, ast.Call) and not run.frame.state.dead:
        warmup, epochs = _too_long(facts, arguments), _epochs(facts, arguments)
        if warmup is not None or epochs is not None:
            seen = ScheduleSeen(node, facts.name, warmup, epochs, run.guards)
            run.events.schedules.append(seen)
    numbers = [constant_of(one) for one in arguments.values()]
    sign = None
    if numbers and not arguments.open and MISSING not in numbers:
        first = [n for n in numbers[:2] if isinstance(n, (int, float))]
        sign = 1 if first and min(first) >= 0 < max(first) else None
        sign = -1 if first and max(first) <= 0 > min(first) else sign
    return Value(Kind.CALLABLE, data=Schedule(facts.name, node, sign))


def _too_long(facts: FunctionFacts, arguments: Arguments) -> ast.expr | None:
    """A warmup that leaves no step for the decay after it."""
    if not facts.name.endswith("warmup_cosine_decay_schedule"):
        return None
    warmup, decay = arguments.get(facts, "warmup_steps"), arguments.get(facts, "decay_steps")
    if warmup is None or decay is None:
        return None
    first, second = constant_of(warmup[1]), constant_of(decay[1])
    known = isinstance(first, (int, float)) and isinstance(second, (int, float))
    return warmup[0] if known and first >= second else None  # type: ignore[operator]


_STEPS = ("decay_steps", "transition_steps", "warmup_steps")
_EPOCHS = ("epochs", "num_epochs", "n_epochs", "nb_epochs", "total_epochs", "max_epochs")


def _epochs(facts: FunctionFacts, arguments: Arguments) -> ast.expr | None:
    """`decay_steps=num_epochs`: a number of steps that is named as one of epochs."""
    for parameter, node, _ in arguments.named(facts):
        name = getattr(node, "attr", getattr(node, "id", "")).lower()
        if parameter in _STEPS and name in _EPOCHS:
            return node
    return None

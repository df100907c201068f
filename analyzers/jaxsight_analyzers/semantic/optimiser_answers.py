"""What rules ask a unit about optimisers, losses and checkpoints."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from jaxsight_analyzers.semantic import checkpoint_streams, optimiser_streams
from jaxsight_analyzers.semantic.answers import Answers


class OptimiserAnswers(Answers):
    """The part of a unit that is about training with Optax and Orbax."""

    @cached_property
    def optimiser_steps(self) -> list[optimiser_streams.Step]:
        """Calls of an optimiser's `update`, and what becomes of what they return."""
        seen, applied = self._seen("optimiser_updates"), self._seen("applied_updates")
        if not (seen or applied):
            return []
        return optimiser_streams.steps(seen, applied, self.model.places)

    @cached_property
    def applied_updates(self) -> list[optimiser_streams.Applied]:
        """Updates that climb, and parameters that nobody reads."""
        return optimiser_streams.applied(self._seen("applied_updates"), self.model.places)

    @cached_property
    def climbing(self) -> list[optimiser_streams.Climbing]:
        """Optimisers whose updates climb, given to what applies them."""
        return optimiser_streams.climbing(self._seen("held_optimisers"), self.model.places)

    @cached_property
    def late_clips(self) -> list[optimiser_streams.LateClip]:
        """Chains that clip what was scaled by the learning rate."""
        return optimiser_streams.late_clips(self._seen("optimisers"), self.model.places)

    @cached_property
    def frozen_rates(self) -> list[optimiser_streams.FrozenRate]:
        """Schedules that are called where the optimiser is to call them."""
        return optimiser_streams.frozen_rates(self._seen("optimisers"), self.model.places)

    @cached_property
    def wrong_schedules(self) -> list[optimiser_streams.WrongSchedule]:
        """Schedules that fail, or count something else than steps."""
        return optimiser_streams.schedules(self._seen("schedules"), self.model.places)

    @cached_property
    def loss_inputs(self) -> list[optimiser_streams.LossInput]:
        """Predictions and labels that a loss does not take."""
        return optimiser_streams.loss_inputs(self._seen("loss_inputs"), self.model.places)

    @cached_property
    def checkpoint_calls(self) -> list[checkpoint_streams.WrongCall]:
        """Saves and restores that fail, or save nothing."""
        return checkpoint_streams.calls(self._seen("checkpoint_calls"), self.model.places)

    @cached_property
    def relative_paths(self) -> list[checkpoint_streams.Relative]:
        """Paths of checkpoints that depend on the working directory."""
        return checkpoint_streams.relatives(
            self._seen("checkpoint_calls"), self._seen("managers"), self.model.places
        )

    @cached_property
    def misplaced_options(self) -> list[checkpoint_streams.Misplaced]:
        """Options of a manager that are given for its checkpointers."""
        return checkpoint_streams.misplaced(self._seen("managers"), self.model.places)

    @property
    def unawaited_saves(self) -> list[checkpoint_streams.Unawaited]:
        """Saves that nothing waits for; who asks depends on all of the file."""
        if not (seen := self._seen("checkpoint_calls")):
            return []
        return checkpoint_streams.unawaited(seen, self._all_checkpoint_calls(), self.model.places)

    @property
    def bare_restores(self) -> list[checkpoint_streams.Bare]:
        """Restores that are not told what to make of what was saved; who asks depends on all of the file."""
        if not (seen := self._seen("checkpoint_calls")):
            return []
        return checkpoint_streams.bare(seen, self._all_checkpoint_calls(), self.model.places)

    def _all_checkpoint_calls(self) -> list[Any]:
        """What the file does with checkpointers; who asks depends on all of it."""
        self.asked_others = True
        owns = self.model.module.owns
        return [
            event
            for task in self.model.live
            for event in task.events.seen("checkpoint_calls")
            if owns(event.node)
        ]

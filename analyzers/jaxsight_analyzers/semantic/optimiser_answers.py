"""What rules ask a unit about optimisers, losses and checkpoints."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from jaxsight_analyzers.semantic import optimiser_streams

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.model import SemanticModel


class OptimiserAnswers:
    """The part of a unit that is about training with Optax and Orbax."""

    model: SemanticModel

    def _seen(self, kind: str) -> list[Any]:
        raise NotImplementedError

    @cached_property
    def optimiser_steps(self) -> list[optimiser_streams.Step]:
        """Calls of an optimiser's `update`, and what becomes of what they return."""
        if not (seen := self._seen("optimiser_updates")):
            return []
        return optimiser_streams.steps(seen, self._seen("applied_updates"), self.model.places)

    @cached_property
    def applied_updates(self) -> list[optimiser_streams.Applied]:
        """Updates that climb, and parameters that nobody reads."""
        return optimiser_streams.applied(self._seen("applied_updates"), self.model.places)

    @cached_property
    def late_clips(self) -> list[optimiser_streams.LateClip]:
        """Chains that clip what was scaled by the learning rate."""
        return optimiser_streams.late_clips(self._seen("optimisers"), self.model.places)

    @cached_property
    def loss_inputs(self) -> list[optimiser_streams.LossInput]:
        """Predictions and labels that a loss does not take."""
        return optimiser_streams.loss_inputs(self._seen("loss_inputs"), self.model.places)

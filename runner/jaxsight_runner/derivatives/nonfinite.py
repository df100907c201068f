"""Where NaN and infinity come from: the first line of the user's that makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.derivatives.replay import Cell, Replay, Step, TooLong
from jaxsight_runner.protocol import SourceLocation

SECONDS = 30.0


@dataclass(frozen=True)
class Origin:
    """What made the first number that is not finite."""

    operation: str  # the primitive
    place: Optional[SourceLocation]
    masked: bool  # it reaches the result only through what a `where` did not choose

    @property
    def words(self) -> str:
        """Which line, with the operation in it or in its derivative."""
        if self.place is None:
            return f"`{self.operation}`"
        return f"line {self.place.line} (`{self.operation}` in it, or in its derivative)"


def origin(function: Callable[..., Any], values: Sequence[Any]) -> Optional[Origin]:
    """The origin of what is not finite among the results; None where it is not found."""
    try:
        program = _flat(function, values)
        cells = Replay(SECONDS).run(program, list(values))
    except TooLong:
        return None
    except Exception as error:
        # An operation that cannot run alone. Memory that runs out is the caller's to know.
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
            raise
        return None
    bad = [cell for cell in cells if cell.origin is not None]
    bad.sort(key=lambda cell: not cell.nans())
    return _traced(bad[0]) if bad else None


def _flat(function: Callable[..., Any], values: Sequence[Any]) -> Any:
    """The program of a function, with its results in a list."""
    jax = import_module("jax")

    def flat(*leaves: Any) -> Any:
        return jax.tree_util.tree_leaves(function(*leaves))

    return jax.make_jaxpr(flat)(*values)


def _traced(cell: Cell) -> Optional[Origin]:
    """Follow NaN to where it is made, and from there the infinity it was made of."""
    step = cell.origin
    masked = False
    while step is not None:
        masked = masked or _was_masked(step)
        before = _culprit(step)
        if before is None:
            return Origin(step.name, step.place, masked)
        step = before
    return None


def _culprit(step: Step) -> Optional[Step]:
    """The step that made the input which made this one's result not finite."""
    made_nan = Cell(step.output).nans()
    sources = [cell for cell in step.inputs if cell.origin is not None]
    if made_nan:
        with_nan = [cell for cell in sources if cell.nans()]
        sources = with_nan or sources
    return sources[0].origin if sources else None


def _was_masked(step: Step) -> bool:
    """Whether NaN was made of a zero that a `where` put in place of what it did not choose."""
    numpy = import_module("jax").numpy
    bad = step.output != step.output
    masks = [cell.hidden for cell in step.inputs if cell.hidden is not None]
    return any(mask.shape == bad.shape and bool(numpy.any(bad & mask)) for mask in masks)


def lost(
    function: Callable[..., Any], values: Sequence[Any], loss: float, seconds: float
) -> Optional[Origin]:
    """The operation that loses the precision of the result."""
    jax = import_module("jax")
    program = _flat(function, values)
    jax.config.update("jax_enable_x64", True)
    try:
        cells = Replay(seconds, lossy=loss / 20).run(program, list(values))
    except Exception as error:
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
            raise
        return None
    worst = max(cells, key=lambda cell: cell.loss)
    step = worst.origin
    while step is not None:
        before = max(step.inputs, key=lambda cell: cell.loss, default=None)
        if before is None or before.origin is None:
            return Origin(step.name, step.place, False)
        step = before.origin
    return None

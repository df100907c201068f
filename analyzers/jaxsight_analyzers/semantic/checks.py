"""Which results still hold after an edit, also where they follow from each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic.tasks import CHECKING, IDLE, Dependency, Task

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.run import Run


class Checks:
    """Results that are being looked at again, each because the one before it follows from it.

    Results that follow from each other hold if nothing else that they follow from is another now:
    until the first of them is through, the others are held to hold only as far as it does.
    """

    __slots__ = ("_held", "_lowest", "_places")

    def __init__(self) -> None:
        self._places: dict[Task, int] = {}
        self._lowest: list[int] = []  # for each, the first of them that it follows from
        self._held: dict[Task, tuple[int, dict[Dependency, None]]] = {}

    def assumes(self, used: Task) -> bool:
        """Whether a result may be taken to hold for now."""
        first = self._places.get(used)
        if first is None:
            held = self._held.get(used)
            if held is None or held[1] is not used.uses:
                return False
            first = held[0]
        self._lowest[-1] = min(self._lowest[-1], first)
        return True

    def holds(self, run: Run, task: Task, has_changed: Callable[[Run, Task], bool]) -> bool:
        """Whether nothing that a result follows from is another now; of what is sure that is noted."""
        place, before, uses = len(self._lowest), len(self._held), task.uses
        self._places[task] = place
        self._lowest.append(place)
        task.state = CHECKING
        same = False
        try:
            same = not has_changed(run, task) and task.uses is uses
        finally:
            if task.state == CHECKING:
                task.state = IDLE
            del self._places[task]
            lowest = self._lowest.pop()
            if same and lowest < place:
                self._held[task] = lowest, uses
                self._lowest[-1] = min(self._lowest[-1], lowest)
                before = len(self._held)
            since = [self._held.popitem() for _ in range(len(self._held) - before)]
        if not same or lowest < place:
            return same
        if any(one.uses is not known for one, (_, known) in since):
            return False  # it ran again in the meantime
        task.checked = run.revision
        for one, _ in since:
            one.checked = run.revision
        return True

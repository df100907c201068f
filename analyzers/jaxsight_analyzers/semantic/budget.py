"""How many runs of functions one file may ask for, so that the time for it is bounded."""

from __future__ import annotations

BUDGET = 400
BUDGET_OF_FUNCTION = 30
"""Runs of a file's own functions, and more for each function in it. After these, calls of them are unknown."""

BUDGET_ELSEWHERE = 2_000
"""Runs of other files' functions. After these, calls of them are unknown, and the file's own still run."""


class Budget:
    """What is left of both."""

    __slots__ = ("_elsewhere", "_own")

    def __init__(self, functions: int, room: int = 1) -> None:
        self._own = room * (BUDGET + BUDGET_OF_FUNCTION * functions)
        self._elsewhere = room * BUDGET_ELSEWHERE

    def allows(self, own: int, elsewhere: int) -> bool:
        """Whether so many runs of the file's own functions, and of others, are within it."""
        return own <= self._own and elsewhere <= self._elsewhere

    def is_spent(self, *, own: bool) -> bool:
        """Whether nothing is left for functions of the file's own, or for those of others."""
        return (self._own if own else self._elsewhere) <= 0

    def spend(self, *, own: bool) -> None:
        """Take one run of it."""
        if own:
            self._own -= 1
        else:
            self._elsewhere -= 1

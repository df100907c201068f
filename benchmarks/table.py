"""What a measurement says: rows of goal, figure and whether the goal is met."""

from __future__ import annotations

import statistics
from typing import NamedTuple


class Options(NamedTuple):
    """How long to measure."""

    quick: bool = False

    def seconds(self, full: float) -> float:
        """How long a measurement may take, at most, whatever it measures."""
        return full / 5 if self.quick else full

    def count(self, full: int) -> int:
        """How often to do what is measured."""
        return full // 5 if self.quick else full


class Row(NamedTuple):
    """One line of the table."""

    what: str
    goal: str
    figure: str
    met: bool


def percentile(times: list[float]) -> float:
    """What 95 of 100 stay below."""
    return statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]


def line(row: Row) -> str:
    """A row as it is printed; the figure is last but for the verdict, since it may be long."""
    return f"{'met   ' if row.met else 'MISSED'}  {row.what:44}  {row.goal:44}  {row.figure}"

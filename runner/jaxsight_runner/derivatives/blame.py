"""Which custom rules and which `stop_gradient`s make a gradient differ from the derivative.

Each is set aside in turn, and the program differentiated without it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import field
from importlib import import_module
from typing import Any

from jaxsight_runner.data import dataclass
from jaxsight_runner.derivatives.comparison import Comparison, LeafCheck
from jaxsight_runner.derivatives.custom_rules import CustomRule, RuleWatch
from jaxsight_runner.derivatives.differentiation import Differentiable, Vector, direction
from jaxsight_runner.derivatives.stops import StopWatch
from jaxsight_runner.failures import is_out_of_memory
from jaxsight_runner.protocol import SourceLocation

_MOST_RULES = 8
_MOST_STOPS = 8  # lines that are tried, one after the other
_FINE = ("right", "kink")


@dataclass(frozen=True)
class Aside:
    """What a program is differentiated without."""

    rules: tuple[CustomRule, ...] = ()
    stops: tuple[SourceLocation, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rules or self.stops)


NOTHING = Aside()


@dataclass
class Watches:
    """What is seen of rules and stops while programs are traced."""

    rules: RuleWatch = field(default_factory=RuleWatch)
    stops: StopWatch = field(default_factory=StopWatch)

    @contextmanager
    def watching(self, aside: Aside = NOTHING) -> Generator[None, None, None]:
        """While active, rules and stops are recorded, and those aside have no effect."""
        with ExitStack() as stack:
            stack.enter_context(self.rules.watching(aside.rules))
            stack.enter_context(self.stops.watching(frozenset(aside.stops)))
            yield


class Blame:
    """Finds what is guilty of a difference."""

    def __init__(
        self, function: Differentiable, watches: Watches, directions: int, seed: int
    ) -> None:
        self._function, self._watches = function, watches
        self._directions, self._seed = directions, seed
        self._numpy = import_module("numpy")

    def rules(self, point: Vector, limit: float, of_libraries: bool = False) -> list[CustomRule]:
        """The custom rules whose derivative is not that of their own function, beside a point."""
        watch = self._watches.rules
        seen = tuple((watch.of_libraries if of_libraries else watch.seen).values())[:_MOST_RULES]
        if not seen:
            return []
        rng = self._numpy.random.default_rng([self._seed, 4])
        away = direction(point, rng)
        beside = tuple(x + 1e-3 * v.astype(x.dtype) for x, v in zip(point, away))
        ruled = self._function.gradient(*beside)
        guilty: list[CustomRule] = []
        for rule in seen:
            with self._watches.watching(Aside(rules=(rule,))):
                try:
                    plain = self._function.anew().gradient(*beside)
                except Exception as error:
                    # Without its rule the function has no derivative: that is what the rule is for.
                    if is_out_of_memory(error):
                        raise
                    continue
            if any(self._differ(one, other, limit) for one, other in zip(ruled, plain)):
                guilty.append(rule)
        return guilty

    def forwards(self, value: float) -> list[CustomRule]:
        """The custom rules that give another value while they are differentiated than when they are called."""
        point, found = self._function.point, list[CustomRule]()
        limit = 1e-9 * max(abs(value), 1e-3)
        if abs(self._function.gradient.value(*point) - value) <= limit:
            return found
        for rule in tuple(self._watches.rules.seen.values()):
            with self._watches.watching(Aside(rules=(rule,))):
                try:
                    plain = self._function.anew().gradient.value(*point)
                except Exception as error:
                    if is_out_of_memory(error):
                        raise
                    continue
            if abs(plain - value) <= limit:
                found.append(rule)
        return found

    def stops(self, leaves: Sequence[int]) -> tuple[SourceLocation, ...]:
        """The lines whose `stop_gradient` makes leaves wrong: without them, they are right."""
        seen = tuple(self._watches.stops.seen)[:_MOST_STOPS]
        for tried in (*((place,) for place in seen), seen if len(seen) > 1 else ()):
            if tried and self._are_fine(self.without(Aside(stops=tried), leaves).values()):
                return tried
        return ()

    def without(self, aside: Aside, leaves: Sequence[int]) -> dict[int, LeafCheck]:
        """What the leaves come to when rules and stops are set aside."""
        with self._watches.watching(aside):
            function = self._function.anew()
            gradient = function.gradient(*function.point)
            if not all(self._finite(gradient[index]) for index in leaves):
                return {index: LeafCheck("non-finite", None) for index in leaves}
            comparison = Comparison(
                function, function.point, gradient, self._directions, self._seed
            )
            return comparison.leaves(leaves)

    def _are_fine(self, checks: Iterable[LeafCheck]) -> bool:
        return all(check.verdict in _FINE for check in checks)

    def _finite(self, value: Any) -> bool:
        return bool(self._numpy.all(self._numpy.isfinite(self._numpy.asarray(value))))

    def _differ(self, one: Any, other: Any, limit: float) -> bool:
        one, other = self._numpy.asarray(one), self._numpy.asarray(other)
        if not self._finite(other):
            return False
        scale = float(self._numpy.max(self._numpy.abs(other), initial=1e-12))
        return not bool(self._numpy.all(self._numpy.abs(one - other) <= limit * scale))

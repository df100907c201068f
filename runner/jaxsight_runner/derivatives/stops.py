"""The `stop_gradient`s of the user's program: where they are, and what the derivative is without some of them.

The function itself is changed while a program is traced, since programs hold it under names of their own.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from types import CodeType, FunctionType
from typing import Any, Optional

from jaxsight_runner.derivatives.custom_rules import calling_line
from jaxsight_runner.protocol import SourceLocation

_ACTIVE: list[StopWatch] = []


class StopWatch:
    """Sees which lines stop gradients in a trace, and opens those it is told to."""

    def __init__(self) -> None:
        self.seen: dict[SourceLocation, None] = {}
        self._open: frozenset[SourceLocation] = frozenset()
        self._original: Optional[FunctionType] = None

    @contextmanager
    def watching(
        self, opened: frozenset[SourceLocation] = frozenset()
    ) -> Generator[None, None, None]:
        """While active, stops are recorded, and those in `opened` let gradients through.

        Compiled functions remember their traces, which are forgotten before and after.
        """
        jax = import_module("jax")
        function = jax.lax.stop_gradient
        code = getattr(function, "__code__", None)
        if not isinstance(code, CodeType) or code.co_freevars:
            yield  # not the plain function that this can change
            return
        before, self._open = self._open, opened
        if code is not _passed_on.__code__:  # else an outer trace is watched already
            self._original = FunctionType(
                code, function.__globals__, function.__name__, function.__defaults__
            )
        jax.clear_caches()
        _ACTIVE.append(self)
        function.__code__ = _passed_on.__code__
        try:
            yield
        finally:
            self._open = before
            function.__code__ = code
            _ACTIVE.pop()
            if opened:
                jax.clear_caches()

    def called(self, value: Any) -> Any:
        """What `stop_gradient` gives."""
        assert self._original is not None
        line = calling_line()
        place = SourceLocation(*line) if line else None
        if place is not None:
            self.seen.setdefault(place)
        return value if place in self._open else self._original(value)


def stopped(value: Any) -> Any:
    """Stands in for `jax.lax.stop_gradient` while it is watched."""
    return _ACTIVE[-1].called(value)


def _passed_on(x: Any) -> Any:
    # Runs as `jax.lax.stop_gradient` with the globals of its module: it knows only what it imports.
    from jaxsight_runner.derivatives.stops import stopped

    return stopped(x)

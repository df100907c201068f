"""What is running for the user right now, and what the last runs found."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from jaxsight_runner.protocol import ShapesReport


@dataclass(frozen=True, slots=True)
class LastResult:
    """What the last run of a function found, in words, and of which text."""

    words: str
    hash: str


class Jobs:
    """Running tasks by the token or id they can be cancelled by. Belongs to the event loop."""

    def __init__(self) -> None:
        self._tasks: dict[str | int, asyncio.Task[object]] = {}
        self._untold: set[asyncio.Task[object]] = set()
        self._results: dict[tuple[str, str], dict[str, LastResult]] = {}
        self._shapes: dict[tuple[str, str], ShapesReport] = {}

    @property
    def running(self) -> frozenset[str | int]:
        """The tokens and ids of what is running."""
        return frozenset(self._tasks)

    @contextmanager
    def following(self, token: str | int | None) -> Generator[None, None, None]:
        """Let the present task be cancelled by its token, and by the end of the server."""
        task = asyncio.current_task()
        assert task is not None  # called from handlers, which are tasks
        self._untold.add(task)
        if token is not None:
            self._tasks[token] = task
        try:
            yield
        finally:
            self._untold.discard(task)
            if token is not None:
                self._tasks.pop(token, None)

    def cancel(self, token: str | int) -> bool:
        """Cancel a task; whether there was one."""
        task = self._tasks.get(token)
        return task is not None and task.cancel()

    async def stop(self) -> None:
        """Cancel everything and wait until it has cleaned up."""
        current = asyncio.current_task()
        tasks = [task for task in self._untold if task is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def remember(self, uri: str, target: str, kind: str, result: LastResult) -> None:
        """Keep what a run found, for the code lens."""
        self._results.setdefault((uri, target), {})[kind] = result

    def results(self, uri: str) -> dict[str, tuple[LastResult, ...]]:
        """The last results of the functions of a document, by their qualified names."""
        return {
            target: tuple(kinds.values())
            for (document, target), kinds in self._results.items()
            if document == uri
        }

    def remember_shapes(self, uri: str, target: str, report: ShapesReport) -> None:
        """Keep the shapes of a function's variables, for the inlay hints."""
        self._shapes[uri, target] = report

    def shapes(self, uri: str) -> tuple[ShapesReport, ...]:
        """The shapes that the last runs found for functions of a document."""
        return tuple(report for (document, _), report in self._shapes.items() if document == uri)

    def forget(self, uri: str) -> None:
        """Drop the results of a document that was closed."""
        self._results = {key: kinds for key, kinds in self._results.items() if key[0] != uri}
        self._shapes = {key: report for key, report in self._shapes.items() if key[0] != uri}

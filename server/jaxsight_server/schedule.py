"""The analysis thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast

from jaxsight_analyzers.semantic.tasks import PreemptedError
from jaxsight_server.module import Desk, Module
from jaxsight_server.session import Snapshot

P = ParamSpec("P")
T = TypeVar("T")

# deeply nested code recurses deeply, and some systems give a thread half a megabyte
_STACK = 64 * 1024 * 1024


class BusyError(Exception):
    """Something more urgent is to be done."""


class SupersededError(Exception):
    """The text that was asked about is no longer the text that the client has."""


@dataclass(frozen=True, slots=True)
class _Job(Generic[T]):
    snapshot: Snapshot
    work: Callable[[Module], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]
    cancelled: threading.Event


@dataclass(frozen=True, slots=True)
class _Later(Generic[T]):
    work: Callable[[Desk, Callable[[], bool]], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]


class Scheduler:
    """Runs pure functions of a module on one thread, in the order they were asked for.

    One thread, since Python's lock makes more useless. What has been cancelled or asked about a
    text that has changed since is skipped, so typing never queues up work. A running function
    cannot be stopped: its answer is dropped. `desk` belongs to the thread.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._jobs: SimpleQueue[_Job[Any] | _Later[Any] | Callable[[Desk], None] | None] = (
            SimpleQueue()
        )
        self._thread: threading.Thread | None = None

    async def run(
        self,
        function: Callable[Concatenate[Module, P], T],
        snapshot: Snapshot,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What the function says of the analysed module. Raises `SupersededError` for an old text."""
        self._start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        cancelled = threading.Event()

        def work(module: Module) -> T:
            return function(module, *args, **kwargs)

        self._jobs.put(_Job(snapshot, work, loop, future, cancelled))
        try:
            result = await future
        except asyncio.CancelledError:
            cancelled.set()
            raise
        if snapshot.superseded:
            raise SupersededError(snapshot.uri)
        return result

    async def later(self, work: Callable[[Desk, Callable[[], bool]], T]) -> T:
        """What a piece of work answers that can wait. Raises `BusyError` when something else cannot.

        The work is given a function that says whether something else waits, and may then raise
        `PreemptedError`.
        """
        self._start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Later(work, loop, future))
        return await future

    def tell(self, news: Callable[[Desk], None]) -> None:
        """Have something noted before what is asked for from now on is answered."""
        self._start()
        self._jobs.put(news)

    def forget(self, uri: str) -> None:
        """Drop what is remembered of a module that was closed."""
        self.tell(lambda desk: desk.forget(uri))

    def stop(self) -> None:
        """Let the thread end after its present job."""
        self._jobs.put(None)

    def _start(self) -> None:
        if self._thread is None:
            before = threading.stack_size(_STACK)
            # a daemon: an analysis that takes for ever may not keep the process alive
            self._thread = threading.Thread(target=self._work, name="analysis", daemon=True)
            self._thread.start()
            threading.stack_size(before)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if isinstance(job, _Later):
                self._do_in_a_pause(cast("_Later[Any]", job))
            elif callable(job):
                job(self._desk)
            elif not job.cancelled.is_set():
                self._do(job)

    def _do(self, job: _Job[Any]) -> None:
        result: object = None
        error: Exception | None = None
        try:
            if job.snapshot.superseded:
                raise SupersededError(job.snapshot.uri)
            module = self._desk.module(job.snapshot)
            if job.cancelled.is_set():
                return
            result = job.work(module)
        except Exception as raised:  # the border between the thread and its askers: they get it
            error = raised
        _answer(job, result, error)

    def _do_in_a_pause(self, job: _Later[Any]) -> None:
        result: object = None
        error: Exception | None = None
        try:
            if job.future.cancelled():
                return
            if self._is_busy():
                raise PreemptedError
            result = job.work(self._desk, self._is_busy)
        except PreemptedError:
            error = BusyError()
        except Exception as raised:  # as above
            error = raised
        _answer(job, result, error)

    def _is_busy(self) -> bool:
        return not self._jobs.empty()


def _answer(job: _Job[Any] | _Later[Any], result: object, error: Exception | None) -> None:
    try:
        job.loop.call_soon_threadsafe(_settle, job.future, result, error)
    except RuntimeError:  # the loop has ended: nobody waits
        return


def _settle(future: asyncio.Future[Any], result: object, error: Exception | None) -> None:
    if future.done():  # cancelled in the meantime
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)

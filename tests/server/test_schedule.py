"""The analysis thread: order, staleness, cancellation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from jaxsight_analyzers.semantic.tasks import PreemptedError
from jaxsight_server.module import Desk, Module
from jaxsight_server.schedule import BusyError, Scheduler, SupersededError
from jaxsight_server.session import Session, Snapshot

URI = "untitled:a"


def opened(text: str = "x = 1\n") -> tuple[Session, Snapshot]:
    """A session with one document, and a snapshot of it."""
    session = Session()
    session.open(URI, 1, text)
    snapshot = session.snapshot(URI)
    assert snapshot is not None
    return session, snapshot


async def test_answer_for_a_text_that_changed_while_it_was_made_is_dropped() -> None:
    session, snapshot = opened()
    schedule, working, go_on = Scheduler(Desk()), threading.Event(), threading.Event()

    def slow(module: Module) -> str:
        working.set()
        go_on.wait(20)
        return module.snapshot.source.text

    task = asyncio.ensure_future(schedule.run(slow, snapshot))
    await asyncio.to_thread(working.wait, 20)
    session.open(URI, 2, "x = 2\n")
    go_on.set()
    with pytest.raises(SupersededError):
        await task
    schedule.stop()


async def test_question_that_was_cancelled_or_outdated_in_the_queue_is_skipped() -> None:
    session, snapshot = opened()
    schedule, go_on = Scheduler(Desk()), threading.Event()
    ran: list[str] = []
    first = asyncio.ensure_future(schedule.run(lambda _: go_on.wait(20), snapshot))
    cancelled = asyncio.ensure_future(schedule.run(lambda _: ran.append("cancelled"), snapshot))
    outdated = asyncio.ensure_future(schedule.run(lambda _: ran.append("outdated"), snapshot))
    await asyncio.sleep(0)  # all three are in the queue
    cancelled.cancel()
    session.open(URI, 2, "x = 2\n")
    newer = session.snapshot(URI)
    assert newer is not None
    last = asyncio.ensure_future(schedule.run(lambda _: ran.append("newer"), newer))
    go_on.set()
    await last
    assert ran == ["newer"]
    results = await asyncio.gather(first, cancelled, outdated, return_exceptions=True)
    kinds = [type(result) for result in results]
    assert kinds == [SupersededError, asyncio.CancelledError, SupersededError]
    schedule.stop()


async def test_one_version_is_analysed_once() -> None:
    _, snapshot = opened()
    schedule = Scheduler(Desk())
    first = await schedule.run(lambda module: module.analysis, snapshot)
    assert await schedule.run(lambda module: module.analysis, snapshot) is first
    schedule.stop()


async def test_error_of_a_function_reaches_its_asker_and_leaves_the_thread_alive() -> None:
    _, snapshot = opened()
    schedule = Scheduler(Desk())
    with pytest.raises(ZeroDivisionError):
        await schedule.run(lambda _: 1 // 0, snapshot)
    assert await schedule.run(lambda _: 1, snapshot) == 1
    schedule.stop()


async def test_what_can_wait_gives_way_and_is_not_begun_while_something_waits() -> None:
    _, snapshot = opened()
    schedule, working, go_on = Scheduler(Desk()), threading.Event(), threading.Event()
    ran: list[str] = []

    def patient(_: Desk, preempted: Callable[[], bool]) -> None:
        working.set()
        go_on.wait(20)
        if preempted():
            raise PreemptedError
        ran.append("patient")

    first = asyncio.ensure_future(schedule.later(patient))
    await asyncio.to_thread(working.wait, 20)
    second = asyncio.ensure_future(schedule.later(patient))
    urgent = asyncio.ensure_future(schedule.run(lambda _: ran.append("urgent"), snapshot))
    await asyncio.sleep(0)  # both are in the queue
    go_on.set()
    results = await asyncio.gather(first, second, urgent, return_exceptions=True)
    assert [type(result) for result in results] == [BusyError, BusyError, type(None)]
    assert ran == ["urgent"]
    await schedule.later(patient)
    assert ran == ["urgent", "patient"]
    schedule.stop()

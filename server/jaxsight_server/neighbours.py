"""Keeps the findings of open files true when other files change: later, and only in a pause."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from jaxsight_analyzers import garbage
from jaxsight_server.module import Desk
from jaxsight_server.schedule import BusyError

if TYPE_CHECKING:
    from jaxsight_server.server import Server

PAUSE = 0.15  # seconds without a change
REST = 2.0  # in which nobody types for a while
_ROUNDS = 4  # what one file tells another may change what that tells a third


class Neighbours:
    """Looks again at all open files some time after one of them, or one on the disk, has changed.

    Whoever edits a file has its findings first: this starts in a pause, and gives way to all that is
    asked for meanwhile. Belongs to the event loop.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._since = 0.0
        self._pending = False
        self._disk = False
        self._tidying: asyncio.Task[object] | None = None
        self.looking: asyncio.Task[object] | None = None  # for as long as there is something to do

    def changed(self, *, on_disk: bool = False) -> None:
        """Look again at all open files, soon."""
        self._since = asyncio.get_running_loop().time()
        self._pending = True
        self._disk = self._disk or on_disk
        if self._tidying is not None:
            self._tidying.cancel()
        if self.looking is None:
            self.looking = self._server.spawn("other files", self._look())

    async def _look(self) -> None:
        try:
            while self._pending:
                await self._pause()
                self._pending = False
                try:
                    await self._look_once()
                except BusyError:
                    self._pending = True
                    self._since = asyncio.get_running_loop().time()
        finally:
            self.looking = None
        self._tidying = self._server.spawn("garbage", self._tidy())

    async def _pause(self) -> None:
        now = asyncio.get_running_loop().time
        while (left := self._since + PAUSE - now()) > 0:
            await asyncio.sleep(left)

    async def _tidy(self) -> None:
        """Collect garbage while nobody types."""
        await asyncio.sleep(REST)
        with suppress(BusyError):
            await self._server.schedule.later(lambda _, __: garbage.tidy())

    async def _look_once(self) -> None:
        schedule = self._server.schedule
        if self._disk:
            await schedule.later(lambda desk, _: desk.workspaces.look_at_disk())
            self._disk = False
        changed: set[str] = set()
        try:
            for _ in range(_ROUNDS):
                if not await self._round(changed):
                    return
        finally:
            self._tell(changed)

    async def _round(self, changed: set[str]) -> bool:
        """Look at each file; whether one of them had to be analysed again."""
        again = False
        for snapshot in tuple(self._server.session.modules()):
            if snapshot.notebook:
                continue
            news = await self._server.schedule.later(partial(Desk.look_again, snapshot=snapshot))
            again = again or news is not None
            if news:
                changed.add(snapshot.uri)
        return again

    def _tell(self, changed: set[str]) -> None:
        """Have the findings shown that are others now."""
        server = self._server
        for uri in changed:
            server.publisher.changed(uri)
        if changed and server.client.refreshes_diagnostics:
            server.spawn("refresh", server.workspace_diagnostic_refresh_async(None))

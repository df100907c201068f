"""Indexes the workspace in a child process, so that open files know who calls them from elsewhere."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from jaxsight_analyzers.project import cache
from jaxsight_server.session import Folder
from jaxsight_server.workspaces import Calls

if TYPE_CHECKING:
    from jaxsight_server.server import Server

logger = logging.getLogger(__name__)

PAUSE = 0.5  # seconds without a change, and at least ...
SHARE = 10  # ... so many times as long as the last index took
PATIENCE = 1.0  # seconds after which it is shown that we are at work
TIMEOUT = 900.0  # seconds after which a folder is given up

_TITLE = "JAX Sight: indexing"
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from jaxsight_server.index_process import run; raise SystemExit(run())"
)
_LONGEST_LINE = 1 << 28
_BELOW_NORMAL = 0x4000  # Windows' priority; elsewhere the child is nice by itself

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Status:
    """Where the index stands, in the words of `jaxsight/status`."""

    state: str = "none"  # "building", "ready" or "failed"
    files: int = 0


class _FailedError(Exception):
    """A folder could not be indexed, and why."""


class Indexer:
    """Keeps an index of each workspace folder, as the disk has it. Belongs to the event loop.

    Open files tell what they call themselves; the index speaks for all others. Where it cannot be
    made, everything goes on without.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._pending = False
        self._since = 0.0
        self._took = 0.0
        self._refused = False
        self.status = Status()
        self.working: asyncio.Task[object] | None = None
        self.child: int | None = None  # the process that is at work

    def changed(self, *, anew: bool = False) -> None:
        """Bring the index up to date, soon. `anew` also if the user has stopped it before."""
        self._refused = self._refused and not anew
        if self._refused or not self._folders():
            return
        self._since = asyncio.get_running_loop().time()
        self._pending = True
        if self.working is None:
            self.working = self._server.spawn("index", self._work())

    def _folders(self) -> list[Folder]:
        """The folders to look through; a home or a whole disk is none."""
        home = Path.home()
        folders = self._server.session.folders
        return [f for f in folders if f.path.is_dir() and f.path not in (home, *home.parents)]

    async def _work(self) -> None:
        try:
            while self._pending:
                await self._pause()
                self._pending = False
                token = f"jaxsight-index-{next(_numbers)}"
                with self._server.jobs.following(token):
                    await self._index(_Shown(self._server, token))
        except asyncio.CancelledError:
            if not self._server.protocol.was_shut_down:
                logger.info(
                    "Indexing was cancelled; what files that are not open call is not known"
                )
            self._refused = True
            self._say(Status("failed", self.status.files))
            raise
        finally:
            self.working = None

    async def _pause(self) -> None:
        now = asyncio.get_running_loop().time
        pause = max(PAUSE, SHARE * self._took)
        while (left := self._since + pause - now()) > 0:
            await asyncio.sleep(left)

    async def _index(self, shown: _Shown) -> None:
        start = asyncio.get_running_loop().time()
        try:
            files, calls, x64 = await self._of_all(shown)
        except _FailedError as failure:
            logger.warning("The workspace is not indexed: %s", failure)
            self._say(Status("failed", self.status.files))
            return
        finally:
            shown.end()
        self._took = asyncio.get_running_loop().time() - start
        self._server.schedule.tell(lambda desk: desk.indexed(calls, x64))
        self._server.neighbours.changed()
        self._say(Status("ready", files))

    async def _of_all(self, shown: _Shown) -> tuple[int, dict[str, Calls], set[str]]:
        """How many files there are, the calls that lead out of each, and which speak of 64 bits."""
        files = 0
        x64: set[str] = set()
        calls: dict[str, Calls] = {}
        for folder in self._folders():
            answer = await self._answer(folder, shown)
            for remark in answer["remarks"]:
                logger.info("%s", remark)
            files += answer["files"]
            x64.update(answer["x64"])
            calls.update((path, cache.calls_from(data)) for path, data in answer["calls"].items())
        return files, calls, x64

    def _say(self, status: Status) -> None:
        self.status = status
        self._server.configuration.say_status()

    # -- the child

    async def _answer(self, folder: Folder, shown: _Shown) -> dict[str, Any]:
        try:
            process = await _started()
        except OSError as error:
            raise _FailedError(f"its process could not be started: {error}") from None
        self.child = process.pid
        self._say(Status("building", self.status.files))
        try:
            return await asyncio.wait_for(_read(process, folder, shown), TIMEOUT)
        except asyncio.TimeoutError:
            raise _FailedError(f"it was not ready after {TIMEOUT:.0f} seconds") from None
        finally:
            self.child = None
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _started() -> Process:
    flags = ["-I", "-S", "-X", "utf8", *(["-B"] if sys.dont_write_bytecode else [])]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, *flags, "-c", _BOOT, json.dumps(sys.path)),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        limit=_LONGEST_LINE,
        creationflags=_BELOW_NORMAL if sys.platform == "win32" else 0,
    )


async def _read(process: Process, folder: Folder, shown: _Shown) -> dict[str, Any]:
    """The last word of the child; what it says of how far it is, is shown."""
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    errors = asyncio.ensure_future(process.stderr.read())
    process.stdin.write(json.dumps(_request(folder)).encode() + b"\n")
    while line := await process.stdout.readline():
        try:
            message: dict[str, Any] = json.loads(line)
        except ValueError:
            break  # it ended in the middle of a line
        if "calls" in message:
            return message
        await shown.report(message["done"], message["of"])
    last = (await errors).decode("utf-8", "replace").strip().rpartition("\n")[2]
    code = await process.wait()
    raise _FailedError(f"its process ended with {code}" + (f": {last}" if last else ""))


def _request(folder: Folder) -> dict[str, object]:
    settings = folder.settings
    config, interpreter = settings.config, settings.interpreter
    return {
        "folder": str(folder.path),
        "interpreter": None if interpreter is None else str(interpreter),
        "include": list(config.include),
        "exclude": list(config.exclude),
        "versions": dict(config.versions),
    }


class _Shown:
    """Progress in the client's window, once there has been something to wait for."""

    def __init__(self, server: Server, token: str) -> None:
        self._server = server
        self._token = token
        self._since = asyncio.get_running_loop().time()
        self._is_shown = False

    async def report(self, done: int, of: int) -> None:
        """Show how far it is."""
        now = asyncio.get_running_loop().time()
        if now - self._since < PATIENCE or not self._server.client.progress:
            return
        if not self._is_shown:
            await self._begin()
        value = lsp.WorkDoneProgressReport(
            message=f"{done:,} of {of:,} files", percentage=100 * done // max(of, 1)
        )
        self._server.progress(lsp.ProgressParams(self._token, value))

    async def _begin(self) -> None:
        self._is_shown = True
        params = lsp.WorkDoneProgressCreateParams(self._token)
        with suppress(JsonRpcException):  # the client does not want to show it now
            await self._server.window_work_done_progress_create_async(params)
        value = lsp.WorkDoneProgressBegin(_TITLE, cancellable=True, percentage=0)
        self._server.progress(lsp.ProgressParams(self._token, value))

    def end(self) -> None:
        """Show nothing more."""
        if self._is_shown:
            self._server.progress(lsp.ProgressParams(self._token, lsp.WorkDoneProgressEnd()))

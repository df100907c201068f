"""Commands, for clients that know nothing of `jaxsight/run`: they start a run and are told later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from jaxsight_runner.protocol import Failure, Question
from jaxsight_server.features import run
from jaxsight_server.features.run import RunParams
from jaxsight_server.outcome_words import words

if TYPE_CHECKING:
    from jaxsight_server.server import Server

RUN_COMMAND = "jaxsight.run"
CANCEL_COMMAND = "jaxsight.cancelRun"
RUN_EVENT = "jaxsight/runEvent"

_numbers = count(1)


async def execute_command(server: Server, params: lsp.ExecuteCommandParams) -> object:
    """Start a run and give its id, or cancel one."""
    arguments: Sequence[object] = params.arguments or ()
    if params.command == RUN_COMMAND:
        wanted = run.parse(arguments[0] if arguments else None)
        job = f"jaxsight-{next(_numbers)}"
        server.spawn(RUN_COMMAND, _follow(server, job, wanted))
        return {"jobId": job}
    if params.command == CANCEL_COMMAND:
        job = arguments[0] if arguments else None
        return isinstance(job, str) and server.jobs.cancel(job)
    raise JsonRpcInvalidParams(f"there is no command `{params.command}`")


async def _follow(server: Server, job: str, wanted: RunParams) -> None:
    """Run, with progress that the server asked for, and tell what came of it."""
    title = f"{run.TITLES[wanted.kind]} `{wanted.target}`"
    with server.jobs.following(job):
        token = await _token(server, job)
        run.begin(server, token, title)
        try:
            outcome = await run.perform(server, wanted, run.reporter(server, token))
        except asyncio.CancelledError:
            _tell(server, job, {"status": "cancelled"})
            raise
        finally:
            run.end(server, token)
    _tell(server, job, run.answer(outcome))
    failed = isinstance(outcome, (Failure, Question))
    kind = lsp.MessageType.Error if failed else lsp.MessageType.Info
    server.window_show_message(lsp.ShowMessageParams(kind, f"{title}: {words(outcome)}"))


async def _token(server: Server, job: str) -> str | None:
    if not server.client.progress:
        return None
    try:
        await server.window_work_done_progress_create_async(lsp.WorkDoneProgressCreateParams(job))
    except JsonRpcException:  # the client does not want to show it now
        return None
    return job


def _tell(server: Server, job: str, event: dict[str, object]) -> None:
    server.protocol.notify(RUN_EVENT, {"jobId": job, **event})

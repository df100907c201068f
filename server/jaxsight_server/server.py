"""The language server: which features there are, and how their errors reach the client."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from types import FrameType
from typing import Any, BinaryIO

from lsprotocol import types as lsp
from pygls.exceptions import (
    FeatureRequestError,
    JsonRpcContentModified,
    JsonRpcException,
    JsonRpcInternalError,
)
from pygls.lsp.server import LanguageServer

from jaxsight_server.client import Client
from jaxsight_server.convert import Encoding
from jaxsight_server.features import (
    code_action,
    code_lens,
    configuration,
    diagnostic,
    execute_command,
    hover,
    inlay_hint,
    lifecycle,
    notebook_document_sync,
    run,
    text_document_sync,
    watched_files,
    workspace_folders,
)
from jaxsight_server.indexing import Indexer
from jaxsight_server.jobs import Jobs
from jaxsight_server.log import ClientLog
from jaxsight_server.module import Desk
from jaxsight_server.neighbours import Neighbours
from jaxsight_server.running.zygotes import Zygotes
from jaxsight_server.schedule import Scheduler, SupersededError
from jaxsight_server.session import Session
from jaxsight_server.stdio import listen, wire
from jaxsight_server.transport import Transport, converter

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Feature:
    """A method of the protocol and what answers it.

    A handler is a coroutine function, or returns at once: whatever takes time is awaited from the
    analysis thread or a child process.
    """

    method: str
    handler: Callable[[Server, Any], Awaitable[object] | None]
    options: object = None


NOTEBOOKS = lsp.NotebookDocumentSyncOptions(
    notebook_selector=[
        # `cells` without `notebook` is legal, and clients fail to read it
        lsp.NotebookDocumentFilterWithNotebook(
            notebook="*", cells=[lsp.NotebookCellLanguage(language="python")]
        )
    ]
)

FEATURES: tuple[Feature, ...] = (
    Feature(lsp.INITIALIZE, lifecycle.initialize),
    Feature(lsp.INITIALIZED, lifecycle.initialized),
    Feature(lsp.SHUTDOWN, lifecycle.shutdown),
    Feature(lsp.TEXT_DOCUMENT_DID_OPEN, text_document_sync.did_open),
    Feature(lsp.TEXT_DOCUMENT_DID_CHANGE, text_document_sync.did_change),
    Feature(lsp.TEXT_DOCUMENT_DID_SAVE, text_document_sync.did_save),
    Feature(lsp.TEXT_DOCUMENT_DID_CLOSE, text_document_sync.did_close),
    Feature(lsp.NOTEBOOK_DOCUMENT_DID_OPEN, notebook_document_sync.did_open),
    Feature(lsp.NOTEBOOK_DOCUMENT_DID_CHANGE, notebook_document_sync.did_change),
    Feature(lsp.NOTEBOOK_DOCUMENT_DID_CLOSE, notebook_document_sync.did_close),
    Feature(
        lsp.TEXT_DOCUMENT_DIAGNOSTIC,
        diagnostic.pull,
        lsp.DiagnosticOptions(
            inter_file_dependencies=True, workspace_diagnostics=False, identifier="jaxsight"
        ),
    ),
    Feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION,
        code_action.code_action,
        lsp.CodeActionOptions(
            code_action_kinds=[lsp.CodeActionKind.QuickFix, code_action.FIX_ALL],
            resolve_provider=True,
        ),
    ),
    Feature(lsp.CODE_ACTION_RESOLVE, code_action.resolve),
    Feature(lsp.TEXT_DOCUMENT_CODE_LENS, code_lens.code_lens, lsp.CodeLensOptions()),
    Feature(lsp.TEXT_DOCUMENT_INLAY_HINT, inlay_hint.inlay_hint, lsp.InlayHintOptions()),
    Feature(lsp.TEXT_DOCUMENT_HOVER, hover.hover),
    Feature(lsp.WORKSPACE_DID_CHANGE_CONFIGURATION, configuration.did_change_configuration),
    Feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, watched_files.did_change_watched_files),
    Feature(
        lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, workspace_folders.did_change_workspace_folders
    ),
    Feature(lsp.WORKSPACE_EXECUTE_COMMAND, execute_command.execute_command),
    Feature(lsp.WINDOW_WORK_DONE_PROGRESS_CANCEL, run.progress_cancel),
    Feature(run.RUN, run.run),
)


class Server(LanguageServer):
    """Wires features to the protocol; owns session, scheduler and running jobs."""

    protocol: Transport  # type: ignore[reportIncompatibleVariableOverride]  # it is never assigned to

    def __init__(self) -> None:
        super().__init__(  # type: ignore[reportUnknownMemberType]  # pygls leaves *args without types
            "jaxsight",
            _version(),
            notebook_document_sync=NOTEBOOKS,
            protocol_cls=Transport,
            converter_factory=converter,
        )
        self.session = Session()
        self.schedule = Scheduler(Desk())
        self.jobs = Jobs()
        self.zygotes = Zygotes()
        self.client = Client()
        self.encoding = Encoding.UTF16
        self._background: set[asyncio.Task[object]] = set()  # asyncio itself keeps weak references
        self.publisher = diagnostic.Publisher(self)
        self.neighbours = Neighbours(self)
        self.indexer = Indexer(self)
        self.configuration = configuration.Reporter(self)
        for feature in FEATURES:
            self.feature(feature.method, feature.options)(_guarded(self, feature))

    def report_server_error(self, error: Exception, source: object) -> None:
        """Log what pygls could not do; a box on the user's screen would help nobody."""
        if source is not FeatureRequestError:  # which are answered, and logged where they arise
            logger.error("%s", error)

    def spawn(self, name: str, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        """Do something that nobody waits for; what goes wrong in it is logged under its name."""

        async def watched() -> object:
            try:
                return await work
            except JsonRpcException as error:  # the client does not want what we asked of it
                logger.info("`%s` was refused: %s", name, error)
                return None
            except Exception as error:
                logger.error("`%s` failed", name, exc_info=error)
                return None

        task = asyncio.ensure_future(watched())
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def follow(self, stdin: BinaryIO, log: ClientLog) -> None:
        """Serve until the client closes its end; leave no child behind."""
        log.attach(asyncio.get_running_loop())
        try:
            await listen(stdin, self.protocol)
        finally:
            await self.stop()
            await asyncio.sleep(0)  # an `exit` right after `shutdown`: that is answered first

    async def stop(self) -> None:
        """End what is running and what was to be done later."""
        self.schedule.stop()
        await self.jobs.stop()
        left = tuple(self._background)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self.zygotes.stop()


def serve() -> int:
    """Serve one client over standard input and output."""
    server = Server()
    log = ClientLog(server.window_log_message)
    logging.basicConfig(level=logging.INFO, handlers=[log], force=True)
    logging.captureWarnings(True)
    # it makes a record of each message, whole, which nobody is told
    logging.getLogger("pygls").setLevel(logging.WARNING)
    # an analysis collects the garbage of its own; what was imported is none
    gc.set_threshold(100_000, 20, 100)
    gc.freeze()
    # the loop is not to wait 5 ms for each message while something is analysed
    sys.setswitchinterval(0.001)
    signal.signal(signal.SIGTERM, _leave)
    with wire() as (stdin, stdout):
        server.protocol.set_writer(Output(stdout))
        # `exit`, a signal, or a client that has gone: all of them end us
        with suppress(KeyboardInterrupt, SystemExit, BrokenPipeError):
            asyncio.run(server.follow(stdin, log))
        logging.disable()
    return 0 if server.protocol.was_shut_down else 1


class Output:
    """pygls' writer over a file; closing it is left to its owner."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        """Send a message."""
        self._stream.write(data)
        self._stream.flush()

    def close(self) -> None:
        """Send what is left."""
        self._stream.flush()


def _guarded(server: Server, feature: Feature) -> Callable[..., Any]:
    """The handler, with the one place that catches what goes wrong in it."""
    handler, method = feature.handler, feature.method

    def told(error: Exception) -> JsonRpcException:
        if isinstance(error, JsonRpcException):
            return error
        if isinstance(error, SupersededError):
            return JsonRpcContentModified()
        logger.error("`%s` failed", method, exc_info=error)
        return JsonRpcInternalError(f"`{method}` failed: {error!r}; the log has the details")

    if inspect.iscoroutinefunction(handler):

        async def answer(*params: Any) -> object:
            try:
                return await handler(server, *params)
            except Exception as error:
                raise told(error) from None

        return answer

    def take(*params: Any) -> object:
        try:
            return handler(server, *params)
        except Exception as error:
            raise told(error) from None

    return take


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _version() -> str:
    try:
        return version("jaxsight")
    except PackageNotFoundError:  # run from a folder, as the extension does
        return "bundled"

"""Log records go to the client, not to standard error, which editors show in red."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

_KINDS = (
    (logging.ERROR, lsp.MessageType.Error),
    (logging.WARNING, lsp.MessageType.Warning),
    (logging.INFO, lsp.MessageType.Info),
)
# pygls warns of what clients do in good faith: cancelling what has been answered, `$/` extensions
_HARMLESS = (
    "Cancel notification for unknown message id",
    "Ignoring notification for unknown method",
    "Failed to handle request %r, unknown method",
    "Received response to unknown message id",
    "Server shutting down",
)


class ClientLog(logging.Handler):
    """Sends records as `window/logMessage`, from whatever thread they come."""

    def __init__(self, send: Callable[[lsp.LogMessageParams], None]) -> None:
        super().__init__(logging.INFO)
        self._send = send
        self._loop: asyncio.AbstractEventLoop | None = None
        self.addFilter(is_worth_telling)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send from this loop from now on."""
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record; without a client there is nobody to tell."""
        if self._loop is None or self._loop.is_closed():
            return
        kind = next((k for level, k in _KINDS if record.levelno >= level), lsp.MessageType.Log)
        message = lsp.LogMessageParams(kind, self.format(record))
        try:
            self._loop.call_soon_threadsafe(self._send, message)
        except RuntimeError:  # closed in the meantime
            return


def is_worth_telling(record: logging.LogRecord) -> bool:
    """Whether a record is more than pygls' remark on an answer that is meant to be an error."""
    if record.name.split(".")[0] != "pygls":
        return True
    if str(record.msg).startswith(_HARMLESS):
        return False
    raised = record.exc_info[1] if record.exc_info else None
    return record.levelno >= logging.WARNING and not isinstance(raised, JsonRpcException)

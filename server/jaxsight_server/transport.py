"""pygls' protocol, with what it gets wrong put right.

Its handlers of text synchronisation split lines as `str.splitlines` does and so corrupt texts that
hold a form feed or U+2028; cancelling a command does not reach its handler; progress tokens are
never forgotten. Our features take the place of all of these.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any, cast

from cattrs import Converter
from lsprotocol import types as lsp
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInvalidRequest,
    JsonRpcParseError,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import (
    JsonRPCNotification,
    JsonRPCRequestMessage,
    LanguageServerProtocol,
    default_converter,
    lsp_method,
)
from pygls.protocol.json_rpc import RPCMessage

COMMANDS = ("jaxsight.run", "jaxsight.cancelRun")

# pygls would handle these before we do
_OURS = (
    lsp.INITIALIZED,
    lsp.SHUTDOWN,
    lsp.TEXT_DOCUMENT_DID_OPEN,
    lsp.TEXT_DOCUMENT_DID_CHANGE,
    lsp.TEXT_DOCUMENT_DID_CLOSE,
    lsp.NOTEBOOK_DOCUMENT_DID_OPEN,
    lsp.NOTEBOOK_DOCUMENT_DID_CHANGE,
    lsp.NOTEBOOK_DOCUMENT_DID_CLOSE,
    lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS,
    lsp.WORKSPACE_EXECUTE_COMMAND,
    lsp.WINDOW_WORK_DONE_PROGRESS_CANCEL,
)


def converter() -> Converter:
    """pygls' converter, which leaves the parameters of methods it does not know as they are."""
    made = default_converter()
    for kind in (JsonRPCRequestMessage, JsonRPCNotification):
        made.register_structure_hook(kind, _as_it_is)
    return made


def _as_it_is(data: dict[str, Any], kind: type[Any]) -> Any:
    fields = {"params": None, **{k: v for k, v in data.items() if k in _FIELDS}}
    return kind(**fields)


_FIELDS = frozenset(("id", "method", "jsonrpc", "params"))


class Json(str):
    """The result of a request, or the parameters of a notification, that is written as JSON already."""

    __slots__ = ()


class Transport(LanguageServerProtocol):
    """Language server protocol over whatever writer it is given."""

    def __init__(self, server: Any, converter: Converter) -> None:
        super().__init__(server, converter)
        for method in _OURS:
            self.fm.builtin_features.pop(method, None)  # type: ignore[reportUnknownMemberType]
        self.initialized = False
        self.ended = False  # whether the client has told us to exit
        self.pulls = False  # whether the client asks for diagnostics

    @property
    def was_shut_down(self) -> bool:
        """Whether the client has asked us to shut down, and we did."""
        return self._shutdown

    @lsp_method(lsp.INITIALIZE)
    def lsp_initialize(
        self, params: lsp.InitializeParams
    ) -> Generator[Any, Any, lsp.InitializeResult]:
        """Answer with what pygls makes of our features, corrected."""
        self.initialized = True
        result = yield from super().lsp_initialize(params)
        capabilities = result.capabilities
        capabilities.execute_command_provider = lsp.ExecuteCommandOptions(list(COMMANDS))
        if not self.pulls:
            capabilities.diagnostic_provider = None
        return result

    # -- sending

    def notify(self, method: str, params: Any | None = None) -> None:
        """Tell the client something."""
        if isinstance(params, Json):
            self._send_written(f'"method":"{method}","params":{params}')
        else:
            super().notify(method, params)

    def _send_response(
        self, msg_id: str | int, result: Any | None = None, error: lsp.ResponseError | None = None
    ) -> None:
        if isinstance(result, Json):
            self._send_written(f'"id":{json.dumps(msg_id)},"result":{result}')
        else:
            super()._send_response(msg_id, result, error)

    def _send_written(self, members: str) -> None:
        if self.writer is not None:
            body = f'{{"jsonrpc":"{self.VERSION}",{members}}}'.encode()
            self.writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    # -- receiving

    def receive(self, message: object) -> None:
        """Take one decoded message. Whatever is wrong with it, a request gets an answer."""
        data = cast("dict[str, Any]", message) if isinstance(message, dict) else {}
        identity = data.get("id") if "method" in data else None
        if data.get("method") == lsp.EXIT:
            self.ended = True
            return
        try:
            if refused := self._refusal(data):
                raise refused
            self.handle_message(cast("RPCMessage", self.structure_message(data)))
            if data.get("method") == lsp.SHUTDOWN:
                self._shutdown = True  # at once: `exit` may follow before we have cleaned up
        except JsonRpcException as error:
            if identity is not None:
                self._send_response(identity, error=error.to_response_error())

    def receive_garbage(self, reason: str) -> None:
        """Answer a message that is no JSON; there is no telling which request it was."""
        error = JsonRpcParseError(reason).to_response_error()
        self._send_data(lsp.ResponseErrorMessage(error=error, jsonrpc=self.VERSION))

    def _refusal(self, data: dict[str, Any]) -> JsonRpcException | None:
        if data.get("jsonrpc") != self.VERSION:
            return JsonRpcInvalidRequest("a message must say `jsonrpc: 2.0`")
        method = data.get("method")
        if method is None:
            return None
        if self._shutdown:
            return JsonRpcInvalidRequest(f"`{method}` came after `shutdown`")
        if not self.initialized and method != lsp.INITIALIZE:
            return JsonRpcServerNotInitialized(f"`{method}` came before `initialize`")
        if self.initialized and method == lsp.INITIALIZE:
            return JsonRpcInvalidRequest("`initialize` came twice")
        return None

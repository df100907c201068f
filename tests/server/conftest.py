"""A client in the same process: it speaks JSON-RPC to a server, without pipes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import count
from typing import Any

import pytest

from jaxsight_server.server import Server

Json = Any  # what `json.loads` gives

TIMEOUT = 20  # seconds; only a test that fails waits that long

# abilities that most tests want: those of VS Code, in short
CAPABLE: dict[str, Json] = {
    "workspace": {
        "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create"]},
        "diagnostics": {"refreshSupport": True},
        "codeLens": {"refreshSupport": True},
        "inlayHint": {"refreshSupport": True},
    },
    "textDocument": {
        "codeAction": {
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}},
            "isPreferredSupport": True,
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
        },
        "hover": {"contentFormat": ["markdown"]},
        "publishDiagnostics": {"relatedInformation": True, "tagSupport": {"valueSet": [1, 2]}},
        "diagnostic": {"relatedInformation": True},
    },
    "notebookDocument": {"synchronization": {}},
    "window": {"workDoneProgress": True},
}


class RpcError(Exception):
    """An error that the server answered with."""

    def __init__(self, error: Mapping[str, Json]) -> None:
        super().__init__(error["message"])
        self.code: int = error["code"]
        self.data: Json = error.get("data")


class Client:
    """Sends what a test says and keeps what comes back."""

    def __init__(self) -> None:
        self.server = Server()
        self.server.protocol.set_writer(self)
        self.received: list[dict[str, Json]] = []  # requests and notifications of the server
        self.answers: dict[str, Json] = {}  # what to answer the server's requests with
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Json]] = {}
        self._news = asyncio.Event()

    # -- pygls' writer

    def write(self, data: bytes) -> None:
        """Take a message from the server."""
        message = json.loads(data.partition(b"\r\n\r\n")[2])
        if "method" not in message:
            future = self._waiting[message["id"]]
            if future.done():
                return
            if "error" in message:
                future.set_exception(RpcError(message["error"]))
            else:
                future.set_result(message.get("result"))
            return
        self.received.append(message)
        self._news.set()
        if "id" in message:
            result = self.answers.get(message["method"])
            reply = {"jsonrpc": "2.0", "id": message["id"], "result": result}
            asyncio.get_running_loop().call_soon(self.server.protocol.receive, reply)

    def close(self) -> None:
        """Nothing to close."""

    # -- sending

    def send(self, method: str, params: Json) -> int:
        """Send a request and give its id."""
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self.server.protocol.receive(json.loads(json.dumps(message)))
        return number

    async def answer(self, number: int, timeout: float = TIMEOUT) -> Json:
        """The answer to a request. Raises `RpcError`."""
        return await asyncio.wait_for(self._waiting[number], timeout)

    async def request(self, method: str, params: Json) -> Json:
        """Send a request and wait for its answer."""
        return await self.answer(self.send(method, params))

    def notify(self, method: str, params: Json) -> None:
        """Send a notification."""
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        self.server.protocol.receive(json.loads(json.dumps(message)))

    # -- waiting

    def of(self, method: str) -> list[Json]:
        """The parameters of everything received of a method."""
        return [message.get("params") for message in self.received if message["method"] == method]

    async def until(self, method: str, wanted: Callable[[Json], bool] = lambda _: True) -> Json:
        """The first message of a method that is wanted, received already or yet to come."""

        async def look() -> Json:
            while True:
                for params in self.of(method):
                    if wanted(params):
                        return params
                self._news.clear()
                await self._news.wait()

        return await asyncio.wait_for(look(), TIMEOUT)

    async def news(self) -> None:
        """Wait for something more to come from the server."""
        self._news.clear()
        await self._news.wait()

    # -- the usual

    async def initialize(
        self,
        capabilities: Json = CAPABLE,
        options: Json = None,
        folders: tuple[str, ...] = (),
    ) -> Json:
        """Introduce ourselves; the server's capabilities."""
        params = {
            "processId": None,
            "rootUri": None,
            "capabilities": capabilities,
            "initializationOptions": options,
            "workspaceFolders": [{"uri": uri, "name": uri} for uri in folders] or None,
        }
        result = await self.request("initialize", params)
        self.notify("initialized", {})
        return result["capabilities"]

    def open(self, uri: str, text: str, version: int = 1) -> None:
        """Open a document."""
        document = {"uri": uri, "languageId": "python", "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def change(self, uri: str, version: int, *changes: Json) -> None:
        """Change a document."""
        params = {"textDocument": {"uri": uri, "version": version}, "contentChanges": changes}
        self.notify("textDocument/didChange", params)

    async def pull(self, uri: str, previous: str | None = None) -> Json:
        """Ask for diagnostics."""
        params = {"textDocument": {"uri": uri}, "previousResultId": previous}
        return await self.request("textDocument/diagnostic", params)

    async def actions(self, uri: str, line: int, only: list[str] | None = None) -> Json:
        """Ask for what can be done on a line."""
        start = {"line": line, "character": 0}
        params = {
            "textDocument": {"uri": uri},
            "range": {"start": start, "end": {"line": line, "character": 999}},
            "context": {"diagnostics": [], **({"only": only} if only else {})},
        }
        return await self.request("textDocument/codeAction", params)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client whose server is stopped in the end."""
    made = Client()
    yield made
    await made.server.stop()

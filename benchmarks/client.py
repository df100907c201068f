"""A language server over pipes, asked one thing at a time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.edits import Edit

OURS = [sys.executable, "-c", "from jaxsight_server.server import serve; raise SystemExit(serve())"]


def ruff() -> list[str]:
    """The command of the yardstick."""
    beside = Path(sys.executable).with_name("ruff")
    found = str(beside) if beside.is_file() else shutil.which("ruff")
    if found is None:
        sys.exit("`ruff` is not installed: it is the yardstick")
    return [found, "server"]


class Server:
    """A language server in a process of its own, with the documents that are open in it."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._numbers = count(1)
        self._versions: dict[str, int] = {}
        capabilities: dict[str, Any] = {"textDocument": {"diagnostic": {}}}
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self.tell("initialized", {})

    def tell(self, method: str, params: Any, number: int | None = None) -> None:
        """Send a notification, or a request with a number."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if number is not None:
            message["id"] = number
        body = json.dumps(message).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def ask(self, method: str, params: Any) -> Any:
        """Send a request and wait for its answer."""
        number = next(self._numbers)
        self.tell(method, params, number)
        assert self._process.stdout is not None
        while True:
            length = 0
            while line := self._process.stdout.readline().strip():
                if line.lower().startswith(b"content-length"):
                    length = int(line.partition(b":")[2])
            if not length:
                raise EOFError(f"the server ended at `{method}`")
            message = json.loads(self._process.stdout.read(length))
            if message.get("id") == number and "method" not in message:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]

    def open(self, uri: str, text: str) -> Any:
        """Open a document; its diagnostics are the answer."""
        self._versions[uri] = 1
        document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return self.diagnostics(uri)

    def change(self, uri: str, edit: Edit) -> Any:
        """Edit a document; its diagnostics are the answer."""
        self._versions[uri] += 1
        (line, column), (last, end) = edit.start, edit.end
        span = {
            "start": {"line": line, "character": column},
            "end": {"line": last, "character": end},
        }
        changes = [{"range": span, "text": edit.text}]
        changed = {"uri": uri, "version": self._versions[uri]}
        self.tell("textDocument/didChange", {"textDocument": changed, "contentChanges": changes})
        return self.diagnostics(uri)

    def diagnostics(self, uri: str) -> Any:
        """All diagnostics of a document as it is now."""
        return self.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})["items"]

    def close(self, uri: str) -> None:
        """Close a document."""
        self.tell("textDocument/didClose", {"textDocument": {"uri": uri}})

    def memory(self) -> int:
        """Bytes of memory that its process holds; 0 where the system does not say."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        except OSError:
            return 0
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(resident.split()[1]) * 1024

    def stop(self) -> None:
        """End it."""
        try:
            self.ask("shutdown", None)
            self.tell("exit", None)
            self._process.wait(10)
        finally:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()

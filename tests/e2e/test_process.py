"""The server's process: how it starts and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lsprotocol
import pytest

import jaxsight_server

ROOT = Path(jaxsight_server.__file__).parents[2]
LIBRARIES = Path(lsprotocol.__file__).parents[1]
PATHS = [str(ROOT / name) for name in ("server", "analyzers", "runner")] + [str(LIBRARIES)]
# as the extension starts it: nothing but its own folders on the path
BOOTSTRAP = (
    f"import sys; sys.path[:0] = {PATHS!r}; "
    "from jaxsight_server.server import serve; raise SystemExit(serve())"
)

Process = subprocess.Popen[bytes]


@pytest.fixture
def process() -> Iterator[Process]:
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", BOOTSTRAP]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as started:
        yield started
        started.kill()


def send(process: Process, method: str, params: Any = None, number: int | None = None) -> None:
    """Write a message."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
    if number is not None:
        message["id"] = number
    body = json.dumps(message).encode()
    assert process.stdin is not None
    process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    process.stdin.flush()


def received(process: Process) -> Any:
    """The next message."""
    assert process.stdout is not None
    length = 0
    while line := process.stdout.readline().strip():
        if line.lower().startswith(b"content-length"):
            length = int(line.partition(b":")[2])
    return json.loads(process.stdout.read(length))


def answer(process: Process, number: int) -> Any:
    """The answer to a request; other messages are passed over."""
    while True:
        message = received(process)
        if message.get("id") == number and "method" not in message:
            return message


def heard(process: Process, method: str, text: str) -> str:
    """The text of the first log of a run that holds a text."""
    while True:
        message = received(process)
        if message.get("method") == method and text in message["params"]["text"]:
            return message["params"]["text"]


def initialize(process: Process) -> Any:
    """Introduce ourselves."""
    send(process, "initialize", {"processId": None, "rootUri": None, "capabilities": {}}, 1)
    return answer(process, 1)


def test_isolated_python_with_bundled_libraries_serves_and_leaves_cleanly(
    process: Process,
) -> None:
    assert initialize(process)["result"]["serverInfo"]["name"] == "jaxsight"
    send(process, "initialized", {})
    send(process, "shutdown", None, 2)
    assert answer(process, 2)["result"] is None
    send(process, "exit")
    assert process.wait(10) == 0
    assert process.stderr is not None and process.stderr.read() == b""


def test_isolated_server_tells_an_open_file_what_files_that_are_not_open_call(
    process: Process, tmp_path: Path
) -> None:
    helpers = "def positive(x):\n    if x > 0:\n        return x\n    return -x\n"
    main = (
        "import jax\nimport helpers\n\nstep = jax.jit(lambda x: helpers.positive(x))\nstep(1.0)\n"
    )
    for name, text in {"helpers.py": helpers, "main.py": main}.items():
        (tmp_path / name).write_text(text)
    folders = [{"uri": tmp_path.as_uri(), "name": "project"}]
    params: dict[str, Any] = {"processId": None, "capabilities": {}, "workspaceFolders": folders}
    send(process, "initialize", params, 1)
    answer(process, 1)
    send(process, "initialized", {})
    uri = (tmp_path / "helpers.py").as_uri()
    document = {"uri": uri, "languageId": "python", "version": 1, "text": helpers}
    send(process, "textDocument/didOpen", {"textDocument": document})
    while True:
        message = received(process)
        if message.get("method") == "textDocument/publishDiagnostics":
            found = message["params"]["diagnostics"]
            if found:
                break
    assert [item["code"] for item in found] == ["traced-if"]
    process.kill()


def test_exit_without_shutdown_is_an_error(process: Process) -> None:
    initialize(process)
    send(process, "exit")
    assert process.wait(10) == 1


def test_server_ends_when_the_client_closes_its_end(process: Process) -> None:
    initialize(process)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == 1


def test_server_ends_on_a_signal_though_its_input_stays_open(process: Process) -> None:
    initialize(process)
    process.terminate()
    assert process.wait(10) is not None


def test_text_that_is_no_json_is_answered_and_survived(process: Process) -> None:
    initialize(process)
    assert process.stdin is not None
    process.stdin.write(b"Content-Length: 3\r\n\r\n{[}")
    send(process, "shutdown", None, 2)
    assert answer(process, 2)["result"] is None


def is_gone_within_a_second(pid: int) -> bool:
    """Whether a process ends, and is reaped, within the second that is promised."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
    return False


ENDLESS = """\
import os
import jax


# jaxsight: inputs x: f32[3]
def f(x):
    print(f"process {os.getpid()};")
    while True:
        pass
"""


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
@pytest.mark.parametrize("leave", ["cancel", "shutdown", "close", "signal"])
def test_runner_ends_with_its_request_and_with_the_client(
    process: Process, tmp_path: Path, leave: str
) -> None:
    initialize(process)
    uri = (tmp_path / "model.py").as_uri()
    document = {"uri": uri, "languageId": "python", "version": 1, "text": ENDLESS}
    send(process, "textDocument/didOpen", {"textDocument": document})
    wanted = {"kind": "benchmark", "uri": uri, "target": "f", "interpreter": sys.executable}
    send(process, "jaxsight/run", wanted, 5)
    said = heard(process, "jaxsight/runLog", ";")
    runner = int(said.partition("process ")[2].partition(";")[0])
    if leave == "cancel":
        send(process, "$/cancelRequest", {"id": 5})
        assert answer(process, 5)["error"]["code"] == -32800
    elif leave == "shutdown":
        send(process, "shutdown", None, 6)
        answer(process, 6)
    elif leave == "close":
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)
    else:
        process.terminate()
        process.wait(10)
    assert is_gone_within_a_second(runner)

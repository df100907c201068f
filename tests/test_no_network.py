"""Nothing of ours opens a connection: seen by Python's own audit events while it works.

What may be imported at all is checked in `test_architecture.py`.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

WATCHED = textwrap.dedent(
    """
    import os, sys

    def watch(event, arguments):
        if event in {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "urllib.Request"}:
            os.write(2, f"CONNECTION {event} {arguments}\\n".encode())
            os._exit(99)

    sys.addaudithook(watch)
    """
)
COMMAND = "from jaxsight_server.cli import main\nsys.argv[0] = 'jaxsight'\nsys.exit(main())"

EXIT = (
    '{"jsonrpc": "2.0", "id": 1, "method": "initialize", '
    '"params": {"processId": null, "rootUri": null, "capabilities": {}}}',
    '{"jsonrpc": "2.0", "method": "initialized", "params": {}}',
    '{"jsonrpc": "2.0", "id": 2, "method": "shutdown", "params": null}',
    '{"jsonrpc": "2.0", "method": "exit"}',
)


def watched(program: str, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a program that ends with status 99 at its first connection."""
    return subprocess.run(
        [sys.executable, "-c", WATCHED + program, *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=False,
    )


@pytest.mark.parametrize(
    "program",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import urllib.request; urllib.request.urlopen('http://localhost:9')",
    ],
)
def test_a_connection_is_noticed(program: str) -> None:
    done = watched(program)

    assert done.returncode == 99
    assert done.stderr.startswith("CONNECTION")


@pytest.mark.parametrize(
    "arguments",
    [["check", "examples"], ["check", "--diff", "examples"], ["rules"], ["explain", "key-reuse"]],
    ids=" ".join,
)
def test_commands_open_no_connection(arguments: list[str]) -> None:
    done = watched(COMMAND, *arguments)

    assert done.returncode in {0, 1}, done.stderr
    assert done.stdout


def test_server_opens_no_connection() -> None:
    typed = "".join(f"Content-Length: {len(message)}\r\n\r\n{message}" for message in EXIT)

    done = watched(COMMAND, "server", typed=typed)

    assert done.returncode == 0, done.stderr
    assert '"capabilities"' in done.stdout

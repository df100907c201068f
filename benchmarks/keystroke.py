"""From a keystroke to its diagnostics: this server against `ruff server`, in one run.

    python benchmarks/keystroke.py

Both get the same edits of the same text over pipes and are asked for diagnostics after each.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

STEP = """\
@jax.jit
def step_{n}(params, batch, key):
    noise_key, drop_key = jax.random.split(key)
    noise = jax.random.normal(noise_key, batch.shape)
    hidden = jnp.tanh((batch + 0.1 * noise) @ params["w"] + params["b"])
    keep = jax.random.bernoulli(drop_key, 0.9, hidden.shape)
    hidden = jnp.where(keep, hidden / 0.9, 0.0)
    return jnp.mean(jnp.square(hidden))


"""
ROUNDS = 60
OURS = [sys.executable, "-c", "from jaxsight_server.server import serve; raise SystemExit(serve())"]


class Server:
    """A language server over pipes, asked one thing at a time."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._numbers = count(1)
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
            message = json.loads(self._process.stdout.read(length))
            if message.get("id") == number and "method" not in message:
                return message["result"]

    def stop(self) -> None:
        """End it."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        self._process.wait(10)


def text_of(lines: int) -> str:
    """A JAX file of about that many lines."""
    steps = lines // len(STEP.splitlines())
    return "import jax\nimport jax.numpy as jnp\n\n\n" + "".join(
        STEP.format(n=n) for n in range(steps)
    )


def keystrokes(server: Server, text: str, uri: str) -> list[float]:
    """Milliseconds from each of many edits in the middle of a text to its diagnostics."""
    document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
    server.tell("textDocument/didOpen", {"textDocument": document})
    server.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
    line = text.splitlines().index("    return jnp.mean(jnp.square(hidden))", text.count("\n") // 2)
    times: list[float] = []
    for round_ in range(ROUNDS):
        at = {"line": line, "character": 4}
        end = {"line": line, "character": 5}
        typed = round_ % 2 == 0  # and taken back in the next round
        span = {"start": at, "end": at if typed else end}
        edit = {"range": span, "text": "x" if typed else ""}
        start = time.perf_counter()
        changed = {"uri": uri, "version": round_ + 2}
        server.tell("textDocument/didChange", {"textDocument": changed, "contentChanges": [edit]})
        server.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
        times.append((time.perf_counter() - start) * 1000)
    return times


def main() -> None:
    """Measure and print."""
    beside = Path(sys.executable).with_name("ruff")
    ruff = str(beside) if beside.is_file() else shutil.which("ruff")
    if ruff is None:
        sys.exit("`ruff` is not installed: it is the yardstick")
    ours, theirs = Server(OURS), Server([ruff, "server"])
    for lines in (300, 1000):
        text = text_of(lines)
        uri = f"file:///nowhere/model_{lines}.py"
        one, other = keystrokes(ours, text, uri), keystrokes(theirs, text, uri)
        medians = statistics.median(one), statistics.median(other)
        print(
            f"{lines:5} lines: jaxsight {medians[0]:6.1f} ms (p95 {percentile(one):6.1f}), "
            f"ruff {medians[1]:6.1f} ms (p95 {percentile(other):6.1f}), ratio {medians[0] / medians[1]:.1f}"
        )
    ours.stop()
    theirs.stop()


def percentile(times: list[float]) -> float:
    """What 95 of 100 stay below."""
    return statistics.quantiles(times, n=20)[-1]


if __name__ == "__main__":
    main()

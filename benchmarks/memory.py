"""What open files cost in the server's process, and whether it grows with edits."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import client, texts
from benchmarks.edits import mix
from benchmarks.table import Options, Row

FILES = 6
EDITS = 10_000
FIRST = 1_000
SECONDS = 240.0
MEGABYTES = 15.0
GROWTH = 1.10


def measure(options: Options) -> Iterator[Row]:
    """Several files of 5,000 lines are opened, then one is edited; on systems with `/proc`."""
    server = client.Server(client.OURS)
    try:
        if server.memory():
            server.open(_uri(0), texts.program(5000, 10, seed=50))  # loads what every file needs
            yield _of_files(server)
            yield _after_edits(server, options)
    finally:
        server.stop()


def _uri(number: int) -> str:
    return f"file:///nowhere/model_{number}.py"


def _of_files(server: client.Server) -> Row:
    before = server.memory()
    for number in range(1, FILES + 1):
        server.open(_uri(number), texts.program(5000, 10, seed=50 + number))
    each = (server.memory() - before) / FILES / 2**20
    for number in range(1, FILES + 1):
        server.close(_uri(number))
    return Row(
        "memory, each open file of 5,000 lines",
        f"<= {MEGABYTES:.0f} MB",
        f"{each:.1f} MB ({FILES} files)",
        each <= MEGABYTES,
    )


def _after_edits(server: client.Server, options: Options) -> Row:
    text = texts.program(5000, 10, seed=50)
    until = time.monotonic() + options.seconds(SECONDS)
    first, done = 0, 0
    for edit, _ in mix(text):
        server.change(_uri(0), edit)
        done += 1
        if done == FIRST:
            first = server.memory()
        if done == EDITS or time.monotonic() > until:
            break
    growth = server.memory() / first if first else 0.0
    return Row(
        f"memory, after {EDITS:,} edits",
        f"<= {GROWTH:.2f}x of after {FIRST:,}",
        f"{growth:.2f}x ({first / 2**20:.0f} MB then)"
        + ("" if done == EDITS else f"; too slow: stopped after {done:,} edits"),
        done == EDITS and growth <= GROWTH,
    )

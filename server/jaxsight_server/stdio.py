"""Messages over standard input and output.

pygls' own loop reads through a thread pool, which keeps a process alive that should end, and
leaves a request that it cannot understand without an answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from threading import Thread
from typing import BinaryIO, Protocol

_LENGTH = re.compile(rb"content-length:\s*(\d+)\s*", re.IGNORECASE)
_CHUNK = 1 << 16


class Receiver(Protocol):
    """What takes the messages, until one of them is the last."""

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to take."""
        ...

    def receive(self, message: object) -> None:
        """Take one decoded message."""
        ...

    def receive_garbage(self, reason: str) -> None:
        """Take note of a message that is no JSON."""
        ...


async def listen(stdin: BinaryIO, receiver: Receiver) -> None:
    """Hand over messages until the client says `exit` or closes its end."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    # a daemon: a read that blocks for ever may not keep the process alive
    Thread(target=_pump, args=(stdin, reader, loop), name="stdin", daemon=True).start()
    try:
        while not receiver.ended:
            body = await reader.readexactly(await _length(reader))
            try:
                message: object = json.loads(body)
            except ValueError as error:
                receiver.receive_garbage(str(error))
            else:
                receiver.receive(message)
    except asyncio.IncompleteReadError:
        return


@contextmanager
def wire() -> Generator[tuple[BinaryIO, BinaryIO], None, None]:
    """The protocol's ends of standard input and output.

    Whatever prints from here on writes to standard error, where it harms nobody.
    """
    private = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(private, "wb") as output:
        yield sys.stdin.buffer, output


async def _length(reader: asyncio.StreamReader) -> int:
    """Read headers and say how long the body is."""
    length = 0
    while True:
        line = await reader.readuntil(b"\n")
        if match := _LENGTH.fullmatch(line):
            length = int(match.group(1))
        if not line.strip() and length:
            return length


def _pump(stdin: BinaryIO, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
    descriptor = stdin.fileno()
    try:
        while chunk := os.read(descriptor, _CHUNK):
            loop.call_soon_threadsafe(reader.feed_data, chunk)
        loop.call_soon_threadsafe(reader.feed_eof)
    except RuntimeError:  # the loop has ended before the client closed its end
        return

"""The runner's side of the pipes: requests in, messages out, and nothing else on either."""

from __future__ import annotations

import os
import signal
import sys
import threading

from jaxsight_runner.protocol import PIPE_CLOSED, Message, encode


class Wire:
    """A private copy of standard output, taken before any of the user's code is imported.

    From then on what is written to file descriptor 1 - by `print`, by C code, by a child - goes to
    descriptor 2. Both private descriptors are closed in programs the user's code starts.
    """

    def __init__(self, job: str) -> None:
        self.job = job
        self._owner = os.getpid()
        self._out = os.dup(1)
        self._in = os.dup(0)
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Write one message. Ends the process when nobody listens any more."""
        if os.getpid() != self._owner:
            os._exit(0)  # a copy that the user's code made (`os.fork`): its words are nobody's
        data = memoryview(encode(message, self.job))
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._out, data) :]
            except BrokenPipeError:
                end_process_group()
            except OSError:  # the user's code closed it, and there is no other way to say so
                os._exit(PIPE_CLOSED)

    def receive(self) -> bytes:
        """The request's line; from then on the user's code reads an empty standard input."""
        line = bytearray()
        while not line.endswith(b"\n"):
            chunk = os.read(self._in, 1 << 16)
            if not chunk:
                break
            line += chunk
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        os.close(empty)
        return bytes(line)

    def end_with_client(self) -> None:
        """Watch the request's pipe: when it closes the client is gone, and so are we."""
        threading.Thread(target=self._watch, name="jaxsight-watch", daemon=True).start()

    def _watch(self) -> None:
        while os.read(self._in, 1 << 12):
            pass
        end_process_group()


def end_process_group() -> None:
    """Kill this process and what it started."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)

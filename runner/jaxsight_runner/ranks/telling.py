"""How one of several processes speaks: frames instead of lines, and a sign of life twice a second."""

from __future__ import annotations

import os
import sys
import threading
import time
from types import FrameType
from typing import Optional

from jaxsight_runner.failures import is_user_file
from jaxsight_runner.protocol import Message, Tick, encode, frames
from jaxsight_runner.wire import Wire, end_process_group
from jaxsight_runner.worker import Job

_PERIOD = 0.5  # seconds
_STAY = 10.0  # seconds that a rank lives on when it has said everything


class RankWire(Wire):
    """Writes frames that carry the rank, each in one go."""

    def __init__(self, job: str, rank: int) -> None:
        super().__init__(job)
        self._rank = rank
        self._number = 0
        empty = os.open(os.devnull, os.O_RDONLY)  # what the user's code reads
        os.dup2(empty, 0)
        os.close(empty)

    def send(self, message: Message) -> None:
        """Write one message. Ends the process when nobody listens any more."""
        if os.getpid() != self._owner:
            os._exit(0)  # a copy that the user's code made
        line = encode(message, self.job)
        with self._lock:
            self._number += 1
            try:
                for frame in frames(line, self.job, self._rank, self._number):
                    os.write(self._out, frame)  # shorter than a pipe takes in one go
            except BrokenPipeError:
                end_process_group()

    def end_with_client(self) -> None:
        """Watch standard input, if it is ours: launchers give it to some ranks, and to others an empty one."""
        threading.Thread(target=self._watch_greeted, name="jaxsight-watch", daemon=True).start()

    def _watch_greeted(self) -> None:
        greeted = False
        while data := os.read(self._in, 1 << 12):
            greeted = greeted or bool(data)
        if greeted:
            end_process_group()


def tick(job: Job, wire: Wire) -> None:
    """Tell where the main thread is, until the process ends."""
    main = threading.main_thread().ident
    start_cpu = time.process_time()

    def run() -> None:
        while True:
            time.sleep(_PERIOD)
            path, line = _place(sys._current_frames().get(main or 0))  # pyright: ignore[reportPrivateUsage]
            cpu = time.process_time() - start_cpu
            wire.send(Tick(job.phase, cpu, path, line))

    threading.Thread(target=run, name="jaxsight-tick", daemon=True).start()


def _place(frame: Optional[FrameType]) -> tuple[Optional[str], Optional[int]]:
    """The user's innermost line on a stack."""
    while frame is not None:
        name = frame.f_code.co_filename
        if is_user_file(name):
            return name, frame.f_lineno
        frame = frame.f_back
    return None, None


def stay() -> None:
    """Live on a little: the others may still be talking to this process, and are all ended together."""
    time.sleep(_STAY)

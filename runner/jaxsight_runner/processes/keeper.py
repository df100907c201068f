"""The process above a job: it runs no code of the user's, waits, and leaves nothing behind.

A job may start programs that leave its session, become daemons and ignore every polite signal. The
keeper adopts them all, and kills them when the job or the client has ended. It ends as the job did.
Where a process cannot be copied safely, a job has no keeper and runs in the process that was started.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Optional

from jaxsight_runner.processes.linux import adopt_orphans, can_fork, end_descendants

_GRACE = 500.0  # milliseconds in which a job ends by itself when its client has gone


class Bell:
    """Rings - its descriptor can be read - when a child has ended."""

    def __init__(self) -> None:
        self.descriptor, self._in = os.pipe()
        os.set_blocking(self._in, False)
        os.set_blocking(self.descriptor, False)
        self._before = signal.signal(signal.SIGCHLD, _wake)
        signal.set_wakeup_fd(self._in, warn_on_full_buffer=False)

    def silence(self) -> None:
        """Forget what rang."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.descriptor, 512):
                pass

    def remove(self) -> None:
        """Leave signals as they were found: a job is not to know of its keeper."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, self._before)
        os.close(self.descriptor)
        os.close(self._in)


def _wake(number: int, frame: object) -> None:
    """The signal has to be caught to be noticed."""


def run_kept(job: Callable[[], int]) -> int:
    """Run a job in a child, or here where that is not safe; the exit code."""
    if not can_fork():
        return job()
    bell = Bell()
    adopt_orphans()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        bell.remove()
        return job()
    _let_go(1, 2)
    return _follow(pid, bell)


def _let_go(*descriptors: int) -> None:
    """Close the job's pipes, which end when the job does."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _follow(pid: int, bell: Bell) -> int:
    """Wait for the job to end, or for the client: it holds the other end of standard input."""
    poll = select.poll()
    poll.register(0, 0)  # its end alone: what comes through it is for the job to read
    poll.register(bell.descriptor, select.POLLIN)
    patience: Optional[float] = None  # milliseconds
    while True:
        rung = {descriptor for descriptor, _ in poll.poll(patience)}
        bell.silence()
        status = status_of(pid)
        if status is not None:
            end_descendants(pid)
            return _end_as(status)
        if patience is not None and not rung:
            end_descendants(pid)
            return 1
        if 0 in rung:  # the job has seen it too, unless it keeps Python from running
            poll.unregister(0)
            patience = _GRACE


def status_of(pid: int) -> Optional[int]:
    """How a child ended: its exit code, or the signal as a negative number; None: it has not."""
    ended: Optional[int] = None
    while True:
        try:
            found, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not found:
            return ended
        if found == pid:
            signalled = os.WIFSIGNALED(status)
            ended = -os.WTERMSIG(status) if signalled else os.WEXITSTATUS(status)


def _end_as(status: int) -> int:
    """End as the job did, so that who waits for this process learns the truth."""
    if status >= 0:
        return status
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the job has left one, where that is wanted
    if -status != signal.SIGKILL:
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
    sys.exit(1)  # not reached: the signal ends a process

"""Turns what went wrong into the task's last message: which kind, where, and what to do."""

from __future__ import annotations

import linecache
import os
import re
import sys
import sysconfig
import traceback
from pathlib import Path
from types import FrameType, TracebackType
from typing import Optional, Union, cast

from jaxsight_runner.protocol import Failure, FailureKind, Phase, Question

_PACKAGE = str(Path(__file__).resolve().parent)
_STDLIB = str(Path(os.__file__).resolve().parent)
_INSTALLED = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
_FEW = (
    'there is 1 device here: `jaxsight sharding` simulates 8, and with `--mesh "data=8"` `inspect`, `shapes`, `grad` '
    "and `diagnose` simulate as many as that names"
)
_MEMORY_WORDS = ("RESOURCE_EXHAUSTED", "Out of memory", "out of memory", "bad_alloc")


class Stop(Exception):  # noqa: N818 - a question is no error
    """Ends the task with its last message."""

    def __init__(self, outcome: Union[Failure, Question]) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


def stop(
    kind: FailureKind, message: str, path: Optional[str] = None, line: Optional[int] = None
) -> Stop:
    """A failure we know the words for."""
    return Stop(Failure(kind, message, path=path, line=line))


def failure_of(error: BaseException, phase: Phase, path: str) -> Failure:
    """The failure an exception from the user's program is, at the user's innermost line."""
    frame = innermost_user_frame(error, path)
    where = (frame.filename, frame.lineno) if frame else (None, None)
    return Failure(
        _kind(error, phase),
        _message(error, phase),
        traceback=_text(error),
        phase=phase,
        path=where[0],
        line=where[1],
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether host or device memory ran out, in Python's words or the compiler's."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _MEMORY_WORDS)


def innermost_user_frame(error: BaseException, path: str) -> Optional[traceback.FrameSummary]:
    """The innermost frame in the target's file, else in a file that is nobody's library.

    jax raises from deep inside and may hide the user's frames in the cause.
    """
    chain: list[BaseException] = []
    current: Optional[BaseException] = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    stacks = [_frames(item.__traceback__) for item in chain]
    targets = [[frame for frame in stack if frame.filename == path] for stack in stacks]
    users = [[frame for frame in stack if is_user_file(frame.filename)] for stack in stacks]
    return next((stack[-1] for stack in (*targets, *users) if stack), None)


def is_user_file(name: str) -> bool:
    """Whether a file is neither ours, nor installed, nor the standard library's."""
    if name.startswith("<"):
        return False
    return not name.startswith((_PACKAGE, _STDLIB, *_INSTALLED))


def _frames(trace: Optional[TracebackType]) -> list[traceback.FrameSummary]:
    found: list[traceback.FrameSummary] = []
    for frame, line in traceback.walk_tb(trace):
        found.append(_summary(frame, line))
    return found


def _summary(frame: FrameType, line: int) -> traceback.FrameSummary:
    name = frame.f_code.co_filename
    return traceback.FrameSummary(name, line, frame.f_code.co_name, lookup_line=False)


def _kind(error: BaseException, phase: Phase) -> FailureKind:
    if is_out_of_memory(error):
        return "out-of-memory"
    if phase == "import":
        return "import"
    return "exception"


def _message(error: BaseException, phase: Phase) -> str:
    if is_out_of_memory(error):
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"memory ran out: {first[:300]}; use smaller inputs or a larger memory limit"
    if isinstance(error, SystemExit) and _reads_arguments(error):
        return (
            f"the program reads its command line, which is empty here, and calls `sys.exit({error.code!r})`: give its "
            "arguments defaults, or hand the function what it needs of them as an argument"
        )
    if isinstance(error, SystemExit):
        return f'the program called `sys.exit({error.code!r})`; move it under `if __name__ == "__main__":`'
    words = str(error).strip().splitlines()
    first = words[0] if words else ""
    name = type(error).__name__
    told = f"{name}: {first}"[:1000] if first else name
    return f"{told}; {_FEW}" if _wants_more_devices(error) else told


def _wants_more_devices(error: BaseException) -> bool:
    """Whether there is one device alone, and the user's line that failed takes its devices from a list."""
    jax = sys.modules.get("jax")
    if jax is None or not isinstance(error, (IndexError, ValueError)) or jax.device_count() > 1:
        return False
    frames = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if is_user_file(frame.f_code.co_filename)
    ]
    if not frames:
        return False
    frame, line = frames[-1]
    text = linecache.getline(frame.f_code.co_filename, line)
    names = re.findall(r"[A-Za-z_]\w*", text)
    values = [{**frame.f_globals, **frame.f_locals}.get(name) for name in names]
    held = any(_holds(value, jax.Device) for value in values)
    return held or "devices" in text or "mesh" in text.lower()


def _holds(value: object, kind: type) -> bool:
    items = cast("list[object]", value) if isinstance(value, list) else []
    return any(isinstance(item, kind) for item in items)


def _reads_arguments(error: BaseException) -> bool:
    """Whether an exception comes from `argparse`."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__") == "argparse" for frame, _ in frames)


def _text(error: BaseException) -> str:
    """The traceback as the user needs it: frames of theirs, without ours and the libraries'.

    Where no frame is the user's, all of them stay.
    """
    shown = traceback.TracebackException.from_exception(error, capture_locals=False)
    seen: set[int] = set()
    part: Optional[traceback.TracebackException] = shown
    while part is not None and id(part) not in seen:
        seen.add(id(part))
        kept = [frame for frame in part.stack if is_user_file(frame.filename)]
        if kept:
            part.stack = traceback.StackSummary.from_list(kept)
        part = part.__cause__ or part.__context__
    return "".join(shown.format())[-20_000:]


def prime_source(path: str, text: str) -> None:
    """Make tracebacks show the text that was run, which may differ from the one on disk."""
    lines = text.splitlines(keepends=True)
    linecache.cache[path] = (len(text), None, lines, path)


def interpreter() -> str:
    """The Python that runs, for messages."""
    return sys.executable

"""Messages of several processes on one stream: cut into short lines, each with the rank that says it.

A launcher puts the output of all processes together and may break lines that are longer than 1,024 bytes (`srun` does).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from typing import Optional

from jaxsight_runner.data import dataclass

FRAME_LIMIT = 1000  # bytes, the end of the line included
_HEAD = "jaxsight:{job}:{rank}:{number}:{part}:{last}:"
_ROOM = 900  # of a message's text, which is ASCII


def frames(line: bytes, job: str, rank: int, number: int) -> Iterator[bytes]:
    """A message's line as frames. `number`: of the message, counted by each rank."""
    text = line.rstrip(b"\n")
    parts = [text[start : start + _ROOM] for start in range(0, len(text), _ROOM)] or [b""]
    for part, chunk in enumerate(parts):
        last = int(part == len(parts) - 1)
        head = _HEAD.format(job=job, rank=rank, number=number, part=part, last=last)
        yield head.encode("ascii") + chunk + b"\n"


@dataclass
class FrameReader:
    """Puts frames together again; what comes between them is somebody else's."""

    job: str
    broken: list[int] = field(default_factory=list[int])  # the ranks of lost messages
    _parts: dict[int, tuple[int, list[bytes]]] = field(
        default_factory=dict[int, "tuple[int, list[bytes]]"]
    )

    def __post_init__(self) -> None:
        self._pattern = re.compile(
            rb"jaxsight:"
            + re.escape(self.job.encode("ascii"))
            + rb":(\d+):(\d+):(\d+):([01]):(.*)$"
        )

    def is_frame(self, line: bytes) -> bool:
        """Whether a line is one; a launcher may have put words before it."""
        return self._pattern.search(line) is not None

    def read(self, line: bytes) -> Optional[tuple[int, bytes]]:
        """The rank and the whole message, when this line completes one."""
        found = self._pattern.search(line)
        if found is None:
            return None
        rank, number, part = int(found[1]), int(found[2]), int(found[3])
        before: tuple[int, list[bytes]] = self._parts.pop(rank, (number, []))
        if part == 0:
            self.broken += [rank] if before[1] else []
            before = (number, [])
        if before[0] != number or len(before[1]) != part:
            self.broken.append(rank)
            return None
        parts = [*before[1], found[5]]
        if found[4] == b"1":
            return rank, b"".join(parts)
        self._parts[rank] = (number, parts)
        return None

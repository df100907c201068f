"""When the collector of garbage looks: not while an analysis grows, and at all there is only now and then.

What an analysis makes holds no circles, so that it goes at once when it is dropped (`test_memory.py`).
So there is next to nothing for the collector to find, and looking at all there is takes a tenth of a
second for a big file. What is old is therefore put aside unseen. All of it is looked at only in a
pause (`tidy`), or once the memory in use has grown by half since the last time: then either there
is that much more to hold, or there are circles that nobody knows of.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Generator
from contextlib import contextmanager

_YOUNG = 20_000  # young objects that are worth a look, which takes a few milliseconds
_SOME = 200_000  # blocks of memory: 10 to 20 MB


class _Memory:
    """The blocks of memory in use when all was looked at, or first anything was put aside."""

    blocks = 0


@contextmanager
def put_off() -> Generator[None]:
    """Do an analysis, and then collect if need be."""
    if not gc.isenabled():
        yield
        return
    before = gc.get_count()[0]
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        _after(before, gc.get_count()[0])


def tidy() -> None:
    """Look at everything, if that is worth it: for a moment in which nobody waits."""
    if sys.getallocatedblocks() > _Memory.blocks + _SOME:
        _collect()


def _after(before: int, young: int) -> None:
    """Put aside what is young: unseen where most of it was made by this analysis, which holds it."""
    if young <= min(_YOUNG, gc.get_threshold()[0]):
        return
    if before > young - before:
        gc.collect(0)
    gc.freeze()
    gc.unfreeze()
    blocks = sys.getallocatedblocks()
    if not _Memory.blocks:
        _Memory.blocks = blocks
    elif blocks > _Memory.blocks * 3 // 2 + _SOME:
        _collect()


def _collect() -> None:
    gc.collect()
    _Memory.blocks = sys.getallocatedblocks()

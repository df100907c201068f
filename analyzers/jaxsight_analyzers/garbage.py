"""When the collector of garbage looks: not while an analysis grows, and at all there is only now and then.

Most of what an analysis makes lives as long as its result, so looking at it while it is made is in
vain. After an edit what is young is looked at, once there is enough of it; what outlives that is
put aside. Once much was put aside, or in a pause (`tidy`), everything is looked at: that takes a
tenth of a second or two for a big file, and is what keeps the memory of a long session in bounds.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

_MUCH = (
    20_000  # young objects that are worth a look; of one edit: much of the file was analysed anew
)
_ENOUGH = 250_000  # objects put aside, some of them garbage by now
_LITTLE = 50_000


class _Aside:
    """How many objects were put aside since everything was looked at."""

    count = 0


@contextmanager
def put_off(*, edited: bool, first: bool) -> Generator[None]:
    """Collect what an analysis leaves when it is done. `first`: the file is edited for the first time."""
    if not gc.isenabled():
        yield
        return
    if first:
        _put_aside()
    before = gc.get_count()[0]
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        young = gc.get_count()[0]
        if edited:
            _after_edit(young, young - before)
        elif young > gc.get_threshold()[0]:
            gc.collect(0)


def tidy() -> None:
    """Look at everything, if that is worth it: for a moment in which nobody waits."""
    if _Aside.count + gc.get_count()[0] > _LITTLE:
        _collect()


def _after_edit(young: int, made: int) -> None:
    if made > _MUCH:
        _put_aside()
        _Aside.count += young
    elif young > _MUCH:
        _Aside.count += max(young - gc.collect(1), 0)
    if _Aside.count > _ENOUGH:
        _collect()


def _put_aside() -> None:
    """Into the oldest generation, at no cost: it is garbage some day."""
    gc.freeze()
    gc.unfreeze()


def _collect() -> None:
    gc.collect()
    _Aside.count = 0

"""How many numbers a `range(...)` has, whatever its arguments are."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def length(arguments: Sequence[int]) -> int | None:
    """The length of a range; None for what Python refuses, `sys.maxsize` for what is longer than that."""
    if not 1 <= len(arguments) <= 3 or (len(arguments) == 3 and not arguments[2]):
        return None
    try:
        return len(range(*arguments))
    except OverflowError:
        return sys.maxsize

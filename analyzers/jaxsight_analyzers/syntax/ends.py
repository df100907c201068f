"""What two versions of a sequence have in common: an edit leaves most of it, before and after, as it was."""

from __future__ import annotations

from collections.abc import Sequence


def same_ends(old: Sequence[object], new: Sequence[object]) -> tuple[int, int]:
    """How many items at the beginning and at the end are the very same objects; none counts twice."""
    most = min(len(old), len(new))
    start = most
    for number, (one, other) in enumerate(zip(old, new)):
        if one is not other:
            start = number
            break
    end = 0
    for one, other in zip(reversed(old), reversed(new)):
        if end == most - start or one is not other:
            break
        end += 1
    return start, end

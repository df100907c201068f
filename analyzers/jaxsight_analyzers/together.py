"""Which fixes can be applied at once: those whose edits and whose new names do not get into each other's way."""

from __future__ import annotations

import re

from jaxsight_analyzers.diagnostic import Edit, Fix

_IN_MODULE = re.compile(r"(\r?\n){3}\Z")  # what is put between the module's functions
_BINDING = re.compile(r"^[ \t]*(\w+(?:, \w+)*) = ", re.M)


def interfere(fix: Fix, other: Fix) -> bool:
    """Whether two fixes change one place, or bind one name while the other still needs it."""
    shared = set(fix.edits) & set(other.edits)
    if len(shared) == len(fix.edits) == len(other.edits):
        return False
    if _bound([*shared]):
        return True  # one name for two purposes
    mine = [edit for edit in fix.edits if edit not in shared]
    theirs = [edit for edit in other.edits if edit not in shared]
    if any(_collide(one, another) for one in mine for another in theirs):
        return True
    names = _bound(mine) & _bound(theirs)
    if not names:
        return False
    if any(_IN_MODULE.search(edit.text) for edit in (*mine, *theirs)):
        return True
    (start, end), (first, last) = _reach(mine), _reach(theirs)
    return start <= last and first <= end


def _collide(edit: Edit, other: Edit) -> bool:
    if edit.span.start == edit.span.end == other.span.start == other.span.end:
        return True  # two insertions at one place: their order would be a guess
    return edit.span.overlaps(other.span)


def _bound(edits: list[Edit]) -> set[str]:
    return {
        name
        for edit in edits
        for names in _BINDING.findall(edit.text)
        for name in names.split(", ")
    }


def _reach(edits: list[Edit]) -> tuple[int, int]:
    """From the first edit to the last one, but for imports."""
    spans = [edit.span for edit in edits if not edit.text.startswith(("import ", "from "))]
    return min(span.start for span in spans), max(span.end for span in spans)

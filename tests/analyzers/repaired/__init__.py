"""Whole programs with planted mistakes, which the rules find and their fixes alone bring to run.

To add one: a folder here with `before.py`, a program as people write them, marked as the specifications
are (`# error: [rule-name]` on each line that is reported, every other line silent), that begins with

    # before: EXPECTATION     what comes of it, in the words of `proofs/programs.py`: raises NAME, differs ...

and leaves what it computes in `result`, and what is right in `expected`. `python -m tests.analyzers.repaired`
writes `after.py` beside it, which is the program after all fixes, those that are not safe too: read it, for the
test compares. The test (`test_repaired.py`) also asks that nothing is left to report, and runs both
with the real libraries.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Applicability
from jaxsight_analyzers.engine import fix_all
from jaxsight_analyzers.settings import LIBRARIES, Config
from jaxsight_analyzers.source import SourceFile
from tests.analyzers.markers import without_markers

FOLDER = Path(__file__).parent
_HEAD = re.compile(r"# before: (?P<text>.+)\n")


class Project(NamedTuple):
    """A program with mistakes."""

    name: str
    path: Path

    @property
    def code(self) -> str:
        """Its text, with markers."""
        return self.path.read_text(encoding="utf-8")

    @property
    def before(self) -> str:
        """What comes of it as it is."""
        match = _HEAD.match(self.code)
        assert match is not None, f"{self.path} does not say what comes of it"
        return match["text"].strip()

    @property
    def after(self) -> str:
        """Its text after all fixes."""
        source = SourceFile("before.py", without_markers(self.code).partition("\n")[2])
        return fix_all(source, Config(), versions(), Applicability.UNSAFE)

    @property
    def written(self) -> Path:
        """Where that is kept."""
        return self.path.with_name("after.py")

    def __str__(self) -> str:
        return self.name


def projects() -> list[Project]:
    """All that are here."""
    return [Project(path.parent.name, path) for path in sorted(FOLDER.glob("*/before.py"))]


def versions() -> Mapping[str, str]:
    """Those of the environment that they run in."""
    found: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found

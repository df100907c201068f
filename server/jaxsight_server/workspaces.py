"""What open files see of other files: the texts of the editor before those of the disk.

All of this lives on the analysis thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jaxsight_analyzers.engine import Analysis
from jaxsight_analyzers.project.disk import read, stamp_of, workspace_of
from jaxsight_analyzers.project.outgoing import OutgoingCall, incoming, outgoing
from jaxsight_analyzers.project.resolve import parent
from jaxsight_analyzers.project.workspace import Workspace
from jaxsight_analyzers.project.x64 import mentions
from jaxsight_server.session import Document, Texts

Calls = tuple[OutgoingCall, ...]


@dataclass
class Workspaces:
    """One workspace for each folder, at the latest moment that is known of."""

    x64: frozenset[str] | None = None
    """The files of the index that speak of 64 bits; None as long as there is no index."""

    _texts: Texts = field(default_factory=Texts)
    _open_folders: frozenset[str] = frozenset()
    _by_folder: dict[Path, Workspace] = field(default_factory=dict[Path, Workspace])
    _stamps: dict[str, object] = field(default_factory=dict[str, object])

    def at(self, texts: Texts, folder: Path, *, indexed: bool = False) -> Workspace:
        """The workspace of a folder, which the index knows of or not, when these texts are open or later."""
        self._follow(texts)
        known = self._by_folder.get(folder)
        if known is None:
            roots = workspace_of(folder, folder, absolute=True).roots
            known = self._by_folder[folder] = Workspace(
                self._load, roots, self._x64_besides if indexed else self._x64_open
            )
        return known

    def clear(self) -> None:
        """Forget all: the folders that imports are looked up from may be others."""
        self._by_folder.clear()
        self._stamps.clear()

    def changed_on_disk(self, paths: Iterable[str]) -> None:
        """Read files anew; those that the editor has stay what they are there."""
        self._renew({path for path in paths if path not in self._texts.documents})

    def look_at_disk(self) -> None:
        """Read anew what is not on the disk as it was when it was read."""
        known = self._stamps.items()
        self._renew({path for path, stamp in known if _stamp(path) != stamp})

    def _x64_besides(self, path: str) -> bool:
        if self.x64 is None:
            return True  # it may be
        closed = self.x64 - self._texts.documents.keys()
        return any(other != path for other in closed) or self._x64_open(path)

    def _x64_open(self, path: str) -> bool:
        open_texts = self._texts.documents.items()
        return any(p != path and mentions(document.source.text) for p, document in open_texts)

    def _follow(self, texts: Texts) -> None:
        if texts.moment <= self._texts.moment:
            return  # an older question: the answer takes the later texts
        before, now = self._texts.documents, texts.documents
        self._texts = texts
        if before is now:
            return
        changed = {
            path for path in {*before, *now} if _source(before, path) is not _source(now, path)
        }
        if before.keys() != now.keys():
            folders = frozenset(f"{folder}/" for path in now for folder in _above(path))
            changed |= folders ^ self._open_folders
            self._open_folders = folders
        self._renew(changed)

    def _renew(self, paths: set[str]) -> None:
        for folder, workspace in self._by_folder.items():
            if any(workspace.has_asked(path) for path in paths):
                self._by_folder[folder] = workspace.changed(self._load, paths)

    def _load(self, path: str) -> str | None:
        document = self._texts.documents.get(path)
        if document is not None:
            return document.source.text
        if path in self._open_folders:
            return ""
        self._stamps[path] = _stamp(path)
        return read(path)


def _source(documents: Mapping[str, Document], path: str) -> object:
    document = documents.get(path)
    return None if document is None else document.source


def _above(path: str) -> Iterable[str]:
    folder = parent(path)
    while folder not in ("", "/"):
        yield folder
        folder = parent(folder)


def _stamp(path: str) -> object:
    return os.path.isdir(path) if path.endswith("/") else stamp_of(path)  # noqa: PTH112


@dataclass
class CallsBetweenFiles:
    """Which calls lead from file to file: from those that are open, and from the others of the index."""

    _indexed: Mapping[str, Calls] = field(default_factory=dict[str, Calls])  # by the caller's path
    _open: dict[str, tuple[Analysis, Calls]] = field(
        default_factory=dict[str, "tuple[Analysis, Calls]"]
    )
    _callers: dict[str, set[str]] = field(default_factory=dict[str, set[str]])  # by whom they call
    _into: dict[str, Calls] = field(default_factory=dict[str, Calls])

    def note(self, path: str, analysis: Analysis) -> None:
        """Take the calls of an open file from its latest analysis."""
        known = self._open.get(path)
        if known is not None and known[0] is analysis:
            return
        calls = outgoing(analysis.model) if analysis.others else ()
        before = self._from(path)
        self._open[path] = analysis, calls
        self._replace(path, before, calls)

    def close(self, path: str) -> None:
        """Take the calls of a file that is open no more from the index."""
        before = self._from(path)
        if self._open.pop(path, None) is not None:
            self._replace(path, before, self._from(path))

    def index(self, calls: Mapping[str, Calls]) -> None:
        """Take the calls of all files that are not open."""
        self._indexed = calls
        self._callers, self._into = {}, {}
        for path in {*calls, *self._open}:
            for call in self._from(path):
                self._callers.setdefault(call.path, set()).add(path)

    def into(self, path: str) -> Calls:
        """The calls that lead into a file. The same object as long as they are the same."""
        known = self._into.get(path)
        if known is None:
            calls = [self._from(caller) for caller in self._callers.get(path, ())]
            here = ([call for call in some if call.path == path] for some in calls)
            known = self._into[path] = incoming(here).get(path, ())
        return known

    def _from(self, path: str) -> Calls:
        known = self._open.get(path)
        return self._indexed.get(path, ()) if known is None else known[1]

    def _replace(self, path: str, before: Calls, after: Calls) -> None:
        if before == after:
            return
        for call in before:
            self._callers.get(call.path, set()).discard(path)
            self._into.pop(call.path, None)
        for call in after:
            self._callers.setdefault(call.path, set()).add(path)
            self._into.pop(call.path, None)

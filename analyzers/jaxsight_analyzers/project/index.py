"""The index of a workspace: what its files tell one another, and what is found in each.

First each file is analysed on its own: that follows its calls into other files. Then the files that
such calls lead into are analysed with them. What leads out of a file follows from the texts of the
file and of those that it looked into, never from what leads into it: so two passes are enough,
and their result depends on no order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import NamedTuple

from jaxsight_analyzers.data import dataclass, field
from jaxsight_analyzers.diagnostic import Diagnostic
from jaxsight_analyzers.engine import Analysis, Versions
from jaxsight_analyzers.project.outgoing import OutgoingCall, incoming, outgoing
from jaxsight_analyzers.project.sharing import Sharing
from jaxsight_analyzers.project.workspace import Workspace
from jaxsight_analyzers.project.x64 import mentions
from jaxsight_analyzers.rule import Rule
from jaxsight_analyzers.settings import Config

MAX_FILES = 20_000
"""The files of a workspace beyond these are not indexed."""


Stamps = dict[str, tuple[int, int, str]]
"""Size, time of the last change and digest of each file."""


class Settings(NamedTuple):
    """What a file is analysed with."""

    config: Config
    versions: Versions


class Entry(NamedTuple):
    """What is known of one file, and what it follows from."""

    text: str  # the digests of its text, ...
    seen: tuple[tuple[str, str], ...]  # ... of what it looked for in other files, "" for nothing
    incoming: str  # ... and of the calls that lead into it
    outgoing: tuple[OutgoingCall, ...]
    diagnostics: tuple[Diagnostic, ...]
    mentions_x64: bool = False  # whether its text speaks of 64 bits
    x64: bool | None = None  # whether others do, if that was asked


@dataclass
class Index:
    """What is known of the files of a workspace, by path."""

    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])
    incoming: dict[str, tuple[OutgoingCall, ...]] = field(
        default_factory=dict[str, "tuple[OutgoingCall, ...]"]
    )
    analysed: int = 0  # how many analyses that took


def build(
    workspace: Workspace,
    paths: Iterable[str],
    settings: Callable[[str], Settings],
    known: Mapping[str, Entry] | None = None,
    digests: Digests | None = None,
    note: Callable[[str, Analysis], None] | None = None,
    rules: Iterable[Rule] | None = None,
) -> Index:
    """The index of these files. What is known of a file is used where all it follows from is the same.

    `note` is told each analysis as it is made: the last one of a file has all that leads into it.
    `rules` are those to run instead of the ones that the settings enable.
    """
    chosen = None if rules is None else tuple(rules)
    index, digests, sharing = Index(), digests or Digests(workspace), Sharing(workspace)

    def made(path: str, calls: tuple[OutgoingCall, ...]) -> Entry:
        analysis = sharing.analyse(path, *settings(path), chosen, calls)
        index.analysed += 1
        if note is not None:
            note(path, analysis)
        asked = sorted(analysis.state.interpretation.asked - {path})
        return Entry(
            digests.of(path),
            tuple([(other, digests.of(other)) for other in asked]),
            _digest(calls),
            outgoing(analysis.model),
            analysis.diagnostics,
            mentions(analysis.source.text),
            analysis.state.interpretation.x64,
        )

    for path in sorted(paths)[:MAX_FILES]:
        entry = (known or {}).get(path)
        if entry is None or not _still_holds(path, entry, digests, workspace):
            entry = made(path, ())
        index.entries[path] = entry
    index.incoming = incoming(entry.outgoing for entry in index.entries.values())
    for path, entry in index.entries.items():
        calls = index.incoming.get(path, ())
        if entry.incoming != _digest(calls):
            index.entries[path] = made(path, calls)
    return index


def _still_holds(path: str, entry: Entry, digests: Digests, workspace: Workspace) -> bool:
    if entry.x64 is not None and entry.x64 != workspace.x64_besides(path):
        return False
    return digests.still_hold(path, entry)


class Digests:
    """The digests of the texts of a workspace's files.

    With `stat`, which tells what changes with a file on the disk, files are read only where that is
    not what it was when their digest was made.
    """

    def __init__(
        self,
        workspace: Workspace,
        stamps: Stamps | None = None,
        stat: Callable[[str], tuple[int, int] | None] | None = None,
    ) -> None:
        self.stamps: Stamps = {}
        self._before = stamps or {}
        self._stat = stat
        self._workspace = workspace
        self._known: dict[str, str] = {}

    def of(self, path: str) -> str:
        """The digest of a file's text; empty where there is no such file."""
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._made(path)
        return known

    def _made(self, path: str) -> str:
        stamp = None if self._stat is None else self._stat(path)
        if self._stat is not None and stamp is None:
            return ""
        before = self._before.get(path)
        if stamp is not None and before is not None and before[:2] == stamp:
            digest = before[2]
        else:
            source = self._workspace.source(path)
            digest = "" if source is None else digest_of(source.text)
        if stamp is not None:
            self.stamps[path] = (*stamp, digest)
        return digest

    def still_hold(self, path: str, entry: Entry) -> bool:
        """Whether all texts that an entry follows from are the same."""
        return self.of(path) == entry.text and all(
            self.of(other) == digest for other, digest in entry.seen
        )


def digest_of(text: str) -> str:
    """What tells one text from another."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _digest(calls: tuple[OutgoingCall, ...]) -> str:
    return digest_of(repr(calls)) if calls else ""

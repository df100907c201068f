"""The index of a workspace on the disk: one file in the user's cache folder.

It holds plain data only. A file that is damaged, or made by other analysers, under another Python,
for other versions of libraries or other settings, is as good as none.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, cast

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Diagnostic,
    Finding,
    FixRef,
    Related,
    Severity,
    Span,
    Tag,
)
from jaxsight_analyzers.engine import Analysis
from jaxsight_analyzers.project.disk import stamp_of
from jaxsight_analyzers.project.index import (
    Digests,
    Entry,
    Index,
    Settings,
    Stamps,
    build,
    digest_of,
)
from jaxsight_analyzers.project.outgoing import OutgoingCall
from jaxsight_analyzers.project.workspace import Workspace
from jaxsight_analyzers.rule import Rule
from jaxsight_analyzers.semantic.tasks import Way

MAX_BYTES = 64_000_000
"""A larger index is neither written nor read."""

MAX_FILES = 64
"""So many workspaces are kept, the latest ones."""


def folder() -> Path:
    """Where the indices lie."""
    if sys.platform == "win32":
        home = os.environ.get("LOCALAPPDATA") or str(Path("~/AppData/Local").expanduser())
    elif sys.platform == "darwin":
        home = str(Path("~/Library/Caches").expanduser())
    else:
        home = str(Path("~/.cache").expanduser())
    return Path(os.environ.get("XDG_CACHE_HOME") or home) / "jaxsight" / "index"


def file_of(root: Path) -> Path:
    """The file of the workspace in a folder."""
    return folder() / f"{digest_of(root.absolute().as_posix())}.json"


@cache
def _engine() -> str:
    """What tells these analysers from others: all of their sources and data."""
    home = Path(__file__).parent.parent
    stamps: list[object] = [sys.version]
    for path in sorted((*home.rglob("*.py"), *home.rglob("*.json"))):
        status = path.stat()
        stamps.append((path.as_posix(), status.st_size, status.st_mtime_ns))
    return digest_of(repr(stamps))


def key_of(settings: Iterable[object]) -> str:
    """What an index is made with."""
    return digest_of(repr((_engine(), *settings)))


def indexed(
    workspace: Workspace,
    paths: Iterable[str],
    settings: Callable[[str], Settings],
    file: Path,
    note: Callable[[str, Analysis], None] | None = None,
    rules: Iterable[Rule] | None = None,
    remark: Callable[[str], None] | None = None,
) -> Index:
    """The index of files on the disk, from what was kept of it; what is new of it is kept.

    `remark` is told in a sentence if what was kept is damaged.
    """
    chosen = sorted(paths)
    ran = None if rules is None else tuple(rules)
    names = None if ran is None else [rule.name for rule in ran]
    key = key_of([workspace.roots, names, *sorted({repr(settings(path)) for path in chosen})])
    entries, stamps = load(file, key, remark)
    digests = Digests(workspace, stamps, stamp_of)
    index = build(workspace, chosen, settings, entries, digests, note, ran)
    if index.analysed or entries.keys() != index.entries.keys():
        save(file, key, index.entries, digests.stamps)
    return index


def load(
    path: Path, key: str, remark: Callable[[str], None] | None = None
) -> tuple[dict[str, Entry], Stamps]:
    """What was kept, if it was made with the same; else nothing."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return {}, {}
        kept = json.loads(path.read_bytes())
        if kept["key"] != key:
            return {}, {}
        entries = {name: _entry(data) for name, data in kept["entries"].items()}
        stamps = {name: (int(a), int(b), str(c)) for name, (a, b, c) in kept["stamps"].items()}
    except OSError:
        return {}, {}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        if remark is not None:
            remark(f"The index that was kept in {path} is damaged; it is made anew")
        return {}, {}
    return entries, stamps


def save(path: Path, key: str, entries: Mapping[str, Entry], stamps: Stamps) -> bool:
    """Keep an index. Whether that could be done."""
    kept = {
        "key": key,
        "entries": {name: _data(entry) for name, entry in entries.items()},
        "stamps": stamps,
    }
    try:
        data = json.dumps(kept, separators=(",", ":")).encode("ascii")
        if len(data) > MAX_BYTES:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as temporary:
            temporary.write(data)
        Path(temporary.name).replace(path)
        _prune(path.parent)
    except (OSError, ValueError):
        return False
    return True


def _prune(home: Path) -> None:
    files = sorted(home.iterdir(), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    for file in files[MAX_FILES:]:
        file.unlink(missing_ok=True)


# Entries as plain data


def calls_data(calls: Iterable[OutgoingCall]) -> list[object]:
    """Calls as plain data."""
    return [[*call[:3], call.way, _places(call.related)] for call in calls]


def calls_from(data: list[Any]) -> tuple[OutgoingCall, ...]:
    """Calls from plain data."""
    return tuple([_call(*call) for call in data])


def _data(entry: Entry) -> list[object]:
    return [
        entry.text,
        entry.seen,
        entry.incoming,
        calls_data(entry.outgoing),
        [_diagnostic_data(diagnostic) for diagnostic in entry.diagnostics],
        entry.mentions_x64,
        entry.x64,
    ]


def _places(related: Iterable[Related]) -> list[object]:
    return [[p.span.start, p.span.end, p.message, p.path] for p in related]


def _diagnostic_data(diagnostic: Diagnostic) -> list[object]:
    finding = diagnostic.finding
    return [
        diagnostic.rule,
        diagnostic.family,
        diagnostic.severity.value,
        diagnostic.unit,
        diagnostic.url,
        [finding.span.start, finding.span.end],
        finding.message,
        int(finding.certainty),
        _places(diagnostic.related),
        [[fix.kind, fix.title, int(fix.applicability), fix.data] for fix in finding.fixes],
        None if finding.tag is None else finding.tag.value,
    ]


def _entry(data: list[Any]) -> Entry:
    text, seen, incoming, calls, diagnostics, mentions_x64, x64 = data
    return Entry(
        text,
        tuple([(path, digest) for path, digest in seen]),
        incoming,
        calls_from(calls),
        tuple([_diagnostic(*one) for one in diagnostics]),
        mentions_x64,
        x64,
    )


def _call(path: str, name: str, parameters: Any, way: Any, related: Any) -> OutgoingCall:
    return OutgoingCall(path, name, _tuples(parameters), Way(*_tuples(way)), _related(related))


def _tuples(data: Any) -> Any:
    return (
        tuple([_tuples(one) for one in cast("list[Any]", data)]) if isinstance(data, list) else data
    )


def _related(places: list[Any]) -> tuple[Related, ...]:
    return tuple([Related(Span(a, b), message, path) for a, b, message, path in places])


def _diagnostic(
    rule: str,
    family: str,
    severity: str,
    unit: int,
    url: str | None,
    span: list[int],
    message: str,
    certainty: int,
    related: list[Any],
    fixes: list[Any],
    tag: Any,
) -> Diagnostic:
    finding = Finding(
        Span(*span),
        message,
        Certainty(certainty),
        _related(related),
        tuple([FixRef(kind, title, Applicability(a), data) for kind, title, a, data in fixes]),
        None if tag is None else Tag(tag),
    )
    return Diagnostic(rule, family, Severity(severity), finding, unit, url)

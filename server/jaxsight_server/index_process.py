"""The child process that indexes a folder: which calls lead from file to file.

It is told what to do by one line of JSON on standard input, and answers with lines of JSON: how far
it is, and at last what it found. It ends when its input does, for then nobody waits.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

from jaxsight_analyzers.config import find_config, load_config, merge
from jaxsight_analyzers.discovery import find_files
from jaxsight_analyzers.engine import Analysis
from jaxsight_analyzers.environment import library_versions
from jaxsight_analyzers.project import cache
from jaxsight_analyzers.project.disk import workspace_of, x64_in_settings
from jaxsight_analyzers.project.index import Index, Settings
from jaxsight_analyzers.settings import Config

_STACK = 64 * 1024 * 1024  # as the analysis thread has
_EVERY = 0.2  # seconds between two words of how far it is


def main() -> None:
    """Index one folder."""
    if hasattr(os, "nice"):
        os.nice(19)
    gc.set_threshold(100_000)
    request = json.loads(sys.stdin.buffer.readline())
    Thread(target=_end_with_the_server, daemon=True).start()
    _say(index(request))


def index(request: dict[str, Any]) -> dict[str, object]:
    """What leads out of each file of a folder, and what there is to say of how it was found."""
    root = Path(request["folder"])
    config = Config(
        include=tuple(request["include"]) if request["include"] else Config().include,
        exclude=tuple(request["exclude"]),
        versions=request["versions"],
    )
    projects = _Projects(root, request["interpreter"], config)
    files = find_files([root], projects.of(root).config, root).files
    paths = [path.as_posix() for path in files if path.suffix == ".py"]
    remarks: list[str] = []
    made: Index = cache.indexed(
        workspace_of(root, root, absolute=True),
        paths,
        lambda path: projects.of(Path(path).parent),
        cache.file_of(root),
        _Progress(len(paths)),
        rules=(),
        remark=remarks.append,
    )
    calls = {path: entry.outgoing for path, entry in made.entries.items() if entry.outgoing}
    wide = [path for path, entry in made.entries.items() if entry.mentions_x64]
    return {
        "files": len(made.entries),
        "analysed": made.analysed,
        "calls": {path: cache.calls_data(some) for path, some in calls.items()},
        "x64": wide or ([str(root)] if x64_in_settings(root) else []),
        "remarks": remarks,
    }


class _Projects:
    """The settings that hold in each folder: as the server reads them."""

    def __init__(self, root: Path, interpreter: str | None, config: Config) -> None:
        self._root = root
        self._interpreter = Path(interpreter) if interpreter else None
        self._config = config
        self._known: dict[Path | None, Settings] = {}
        self._file: dict[Path, Path | None] = {}

    def of(self, folder: Path) -> Settings:
        """What a file of the folder is analysed with."""
        if folder not in self._file:
            self._file[folder] = find_config(folder)
        file = self._file[folder]
        known = self._known.get(file)
        if known is None:
            config = merge(load_config(file).config, self._config) if file else self._config
            root = file.parent if file else self._root
            versions = library_versions(root, self._interpreter, config)
            known = self._known[file] = Settings(config, versions)
        return known


class _Progress:
    """Says now and then how many analyses were made."""

    def __init__(self, files: int) -> None:
        self._files = files
        self._done: set[str] = set()
        self._said = time.monotonic()

    def __call__(self, path: str, analysis: Analysis) -> None:
        self._done.add(path)
        now = time.monotonic()
        if now - self._said >= _EVERY:
            self._said = now
            _say({"done": len(self._done), "of": self._files})


def _say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def _end_with_the_server() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def run(work: Callable[[], None] = main) -> int:
    """Do it where there is room for code that is nested deeply."""
    import threading

    threading.stack_size(_STACK)
    thread = Thread(target=work)
    thread.start()
    thread.join()
    return 0

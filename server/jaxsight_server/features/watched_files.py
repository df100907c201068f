"""Files whose change may change the findings."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import PurePath
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from jaxsight_server.features import configuration
from jaxsight_server.uris import path_of

if TYPE_CHECKING:
    from jaxsight_server.server import Server

CONFIGURATION = ("pyproject.toml", "jaxsight.toml", "requirements*.txt", "uv.lock")


def did_change_watched_files(server: Server, params: lsp.DidChangeWatchedFilesParams) -> None:
    """Read configuration and library versions again, or the files that others look into."""
    paths = [path_of(change.uri) for change in params.changes]
    if not paths or any(_configures(path) for path in paths):
        server.session.reload()
        configuration.refresh(server)
    server.schedule.tell(lambda desk: desk.workspaces.changed_on_disk(paths))
    server.neighbours.changed(on_disk=True)
    server.indexer.changed()


def _configures(path: str) -> bool:
    name = PurePath(path).name
    return any(fnmatch(name, pattern) for pattern in CONFIGURATION)

"""Files whose change may change the findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from jaxsight_server.features import configuration

if TYPE_CHECKING:
    from jaxsight_server.server import Server


def did_change_watched_files(server: Server, params: lsp.DidChangeWatchedFilesParams) -> None:
    """Read configuration and library versions again."""
    server.session.reload()
    configuration.refresh(server)

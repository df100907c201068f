"""Workspace folders, each with its own configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from jaxsight_server.features import configuration
from jaxsight_server.session import Folder
from jaxsight_server.settings import Settings
from jaxsight_server.uris import path_of

if TYPE_CHECKING:
    from jaxsight_server.server import Server


async def did_change_workspace_folders(
    server: Server, params: lsp.DidChangeWorkspaceFoldersParams
) -> None:
    """Add and remove folders; what holds in their files may change."""
    event, session = params.event, server.session
    session.set_folders(
        [folder(session.settings, added.uri) for added in event.added],
        [removed.uri for removed in event.removed],
    )
    if server.client.configures:
        await configuration.ask(server)
    configuration.refresh(server)
    server.indexer.changed(anew=True)


def folder(settings: Settings, uri: str) -> Folder:
    """A workspace folder before the editor has said what is special in it."""
    return Folder(uri, Path(path_of(uri)), settings)

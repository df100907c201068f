"""The first and the last messages of a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from jaxsight_server import settings
from jaxsight_server.client import client_of
from jaxsight_server.convert import Encoding
from jaxsight_server.features import configuration, watched_files, workspace_folders

if TYPE_CHECKING:
    from jaxsight_server.server import Server

WATCHED = (*watched_files.CONFIGURATION, "*.py")


def initialize(server: Server, params: lsp.InitializeParams) -> None:
    """Note what the client can do and where it works. The protocol object answers it."""
    server.client = client_of(params.capabilities)
    server.protocol.pulls = server.client.pulls
    server.encoding = _encoding(params.capabilities)
    session = server.session
    session.set_settings(settings.from_options(params.initialization_options))
    folders = [
        workspace_folders.folder(session.settings, given.uri)
        for given in params.workspace_folders or ()
    ]
    root = params.root_uri
    if not folders and root:
        folders = [workspace_folders.folder(session.settings, root)]
    session.set_folders(folders)


async def initialized(server: Server, params: lsp.InitializedParams) -> None:
    """Register for what can only be asked for now, and say how we are."""
    registrations: list[lsp.Registration] = []
    if server.client.watches:
        watchers = [lsp.FileSystemWatcher(f"**/{name}") for name in WATCHED]
        registrations.append(
            lsp.Registration(
                id="jaxsight-watched-files",
                method=lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES,
                register_options=lsp.DidChangeWatchedFilesRegistrationOptions(watchers),
            )
        )
    if server.client.registers_configuration:
        registrations.append(
            lsp.Registration(
                id="jaxsight-configuration",
                method=lsp.WORKSPACE_DID_CHANGE_CONFIGURATION,
                register_options=lsp.DidChangeConfigurationRegistrationOptions("jaxsight"),
            )
        )
    if registrations:
        server.spawn(
            "client/registerCapability",
            server.client_register_capability_async(lsp.RegistrationParams(registrations)),
        )
    if server.client.configures:
        await configuration.ask(server)
    server.configuration.report()
    server.indexer.changed()


async def shutdown(server: Server, params: None) -> None:
    """End what runs, before the client is told that we are done."""
    await server.jobs.stop()
    await server.zygotes.stop()


def _encoding(capabilities: lsp.ClientCapabilities) -> Encoding:
    """The client's first choice that we know; UTF-16 where it has none. As pygls answers."""
    general = capabilities.general
    for offered in (general.position_encodings if general else None) or ():
        if offered in {encoding.value for encoding in Encoding}:
            return Encoding(offered)
    return Encoding.UTF16

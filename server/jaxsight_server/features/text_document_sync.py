"""Opening, changing, saving and closing of text documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from jaxsight_server import convert

if TYPE_CHECKING:
    from jaxsight_server.server import Server


def did_open(server: Server, params: lsp.DidOpenTextDocumentParams) -> None:
    """Remember the document."""
    document = params.text_document
    server.session.open(document.uri, document.version, document.text)
    server.publisher.changed(document.uri)
    server.neighbours.changed()
    server.configuration.report()


def did_change(server: Server, params: lsp.DidChangeTextDocumentParams) -> None:
    """Apply the changes."""
    document = params.text_document
    source = server.session.source(document.uri)
    if source is None:
        raise ValueError(f"`{document.uri}` was changed, but is not open")
    source = convert.changed(source, params.content_changes, server.encoding)
    server.session.change(document.uri, document.version, source)
    server.publisher.changed(document.uri)
    server.neighbours.changed()


def did_save(server: Server, params: lsp.DidSaveTextDocumentParams) -> None:
    """Look at the disk: clients that do not watch files tell us no more than this."""
    server.neighbours.changed(on_disk=True)
    server.indexer.changed()


def did_close(server: Server, params: lsp.DidCloseTextDocumentParams) -> None:
    """Forget the document and take back what was published about it."""
    uri = params.text_document.uri
    server.session.close(uri)
    server.schedule.forget(uri)
    server.publisher.closed(uri)
    server.neighbours.changed(on_disk=True)

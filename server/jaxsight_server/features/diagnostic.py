"""Diagnostics: pulled by the clients that can, else pushed; never both for one document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from jaxsight_server import drawn
from jaxsight_server.client import Client
from jaxsight_server.convert import Encoding
from jaxsight_server.module import Module
from jaxsight_server.schedule import SupersededError
from jaxsight_server.transport import Json

if TYPE_CHECKING:
    from jaxsight_server.server import Server


async def pull(
    server: Server, params: lsp.DocumentDiagnosticParams
) -> lsp.DocumentDiagnosticReport | Json:
    """Answer a client that asks. Cells of notebooks are pushed, so there is nothing to say here."""
    uri = params.text_document.uri
    snapshot = server.session.snapshot(uri)
    if snapshot is None or snapshot.notebook:
        return lsp.RelatedFullDocumentDiagnosticReport(items=[])
    previous = params.previous_result_id
    try:
        return await server.schedule.run(
            _report, snapshot, previous, server.encoding, server.client
        )
    except SupersededError:
        # ContentModified would make some clients clear what they show
        data = lsp.DiagnosticServerCancellationData(retrigger_request=True)
        message = "the text has changed"
        code = lsp.LSPErrorCodes.ServerCancelled
        raise JsonRpcException(message, code, data) from None


def _report(
    module: Module, previous: str | None, encoding: Encoding, client: Client
) -> lsp.DocumentDiagnosticReport | Json:
    if module.identity == previous:
        return lsp.RelatedUnchangedDocumentDiagnosticReport(result_id=module.identity)
    items = _diagnostics(module, encoding, client)[module.snapshot.uri]
    return Json(f'{{"kind":"full","resultId":"{module.identity}","items":{items}}}')


def _diagnostics(module: Module, encoding: Encoding, client: Client) -> dict[str, Json]:
    analysis = module.analysis
    return drawn.diagnostics(
        module.snapshot, analysis.diagnostics, encoding, client, analysis.others
    )


class Publisher:
    """Pushes the diagnostics of modules that are not pulled, the newest text's only.

    One task for each module: while it works, changes only mark the module as to be done again, so
    diagnostics of one version are never published after those of the next.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._published: set[str] = set()

    def changed(self, uri: str) -> None:
        """Publish a module's diagnostics, unless the client asks for them."""
        snapshot = self._server.session.snapshot(uri)
        if snapshot is None or (self._server.client.pulls and not snapshot.notebook):
            return
        if snapshot.uri in self._busy:
            self._again.add(snapshot.uri)
            return
        self._busy.add(snapshot.uri)
        self._server.spawn("diagnostics", self._publish(snapshot.uri))

    def changed_everywhere(self) -> None:
        """Publish the diagnostics of all modules that are not pulled."""
        for snapshot in tuple(self._server.session.modules()):
            self.changed(snapshot.uri)

    def closed(self, uri: str) -> None:
        """Take back what was published about a document."""
        if uri in self._published:
            self._published.discard(uri)
            self._send(uri, None, Json("[]"))

    async def _publish(self, uri: str) -> None:
        try:
            while True:
                self._again.discard(uri)
                await self._publish_once(uri)
                if uri not in self._again:
                    return
        finally:
            self._busy.discard(uri)
            self._again.discard(uri)

    async def _publish_once(self, uri: str) -> None:
        server = self._server
        snapshot = server.session.snapshot(uri)
        if snapshot is None:
            return
        try:
            found = await server.schedule.run(
                _diagnostics, snapshot, server.encoding, server.client
            )
        except SupersededError:
            return  # the change that did it has asked for another round, or closed the document
        versions = {document.uri: document.version for document in snapshot.documents}
        for document, items in found.items():
            self._published.add(document)
            self._send(document, versions[document], items)

    def _send(self, uri: str, version: int | None, items: Json) -> None:
        numbered = "" if version is None else f'"version":{version},'
        params = Json(f'{{"uri":{json.dumps(uri)},{numbered}"diagnostics":{items}}}')
        self._server.protocol.notify(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, params)

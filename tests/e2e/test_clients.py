"""The server over real pipes, for clients with the abilities of three editors."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
import pytest_lsp
from lsprotocol import converters
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

ENTRY = "from jaxsight_server.server import serve; raise SystemExit(serve())"
URI = "file:///nowhere/model.py"
TEXT = """\
import jax
import jax.numpy as jnp

@jax.jit
def step(y):
    x = jnp.sin(y)
    "😀"; x[0] = 1.0
    return x
"""
FIXED = '    "😀"; x = x.at[0].set(1.0)'


def capabilities_of(editor: str) -> lsp.ClientCapabilities:
    """What an editor says it can do. pytest-lsp's own VS Code is from before pull diagnostics."""
    if editor != "vscode":
        return client_capabilities(editor)
    path = Path(__file__).with_name("vscode-1.139.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    return converters.get_converter().structure(data, lsp.ClientCapabilities)


@pytest_lsp.fixture(  # type: ignore[reportUnknownMemberType]
    params=["vscode", "neovim@0.11.0", "emacs"],
    config=ClientServerConfig(server_command=[sys.executable, "-c", ENTRY]),
)
async def client(request: pytest.FixtureRequest, lsp_client: LanguageClient) -> AsyncIterator[None]:
    capabilities = capabilities_of(request.param)

    def register(params: lsp.RegistrationParams) -> None:
        return None

    lsp_client.feature(lsp.CLIENT_REGISTER_CAPABILITY)(register)

    answer = await lsp_client.initialize_session(
        lsp.InitializeParams(capabilities=capabilities, root_uri="file:///nowhere")
    )
    lsp_client.capabilities = capabilities  # type: ignore[attr-defined]
    lsp_client.offered = answer.capabilities  # type: ignore[attr-defined]
    yield
    await lsp_client.shutdown_session()


async def found(client: LanguageClient) -> list[lsp.Diagnostic]:
    """The findings, however this client gets them."""
    document = lsp.TextDocumentItem(URI, "python", 1, TEXT)
    client.text_document_did_open(lsp.DidOpenTextDocumentParams(document))
    pulls = client.capabilities.text_document.diagnostic  # type: ignore[attr-defined]
    if pulls:
        report = await client.text_document_diagnostic_async(
            lsp.DocumentDiagnosticParams(lsp.TextDocumentIdentifier(URI))
        )
        return list(report.items)  # type: ignore[union-attr]
    await client.wait_for_notification(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    return list(client.diagnostics[URI])


def edits_of(edit: lsp.WorkspaceEdit) -> list[lsp.TextEdit]:
    """The edits of one document, versioned or not."""
    if not edit.document_changes:
        return list(next(iter((edit.changes or {}).values())))
    return [
        item
        for change in edit.document_changes
        if isinstance(change, lsp.TextDocumentEdit)
        for item in change.edits
        if isinstance(item, lsp.TextEdit)
    ]


def column(text: str, client: LanguageClient) -> int:
    """How many columns a text takes in the encoding agreed on."""
    offered = cast("lsp.ServerCapabilities", client.offered)  # type: ignore[attr-defined]
    encoding = offered.position_encoding or lsp.PositionEncodingKind.Utf16
    sizes = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
    codec, size = sizes[
        encoding.value if isinstance(encoding, lsp.PositionEncodingKind) else encoding
    ]
    return len(text.encode(codec)) // size


async def test_finding_lies_behind_the_emoji(client: LanguageClient) -> None:
    items = await found(client)
    assert [item.code for item in items] == ["array-item-assignment"]
    assert items[0].range.start == lsp.Position(6, column('    "😀"; ', client))


async def test_fix_repairs_the_line(client: LanguageClient) -> None:
    (item,) = await found(client)
    actions = await client.text_document_code_action_async(
        lsp.CodeActionParams(
            lsp.TextDocumentIdentifier(URI), item.range, lsp.CodeActionContext([item])
        )
    )
    assert actions
    action = actions[0]
    assert isinstance(action, lsp.CodeAction)
    if action.edit is None:
        action = await client.code_action_resolve_async(action)
    assert action.edit
    line = TEXT.splitlines()[6]
    for edit in sorted(edits_of(action.edit), key=lambda e: e.range.start.character, reverse=True):
        start, end = (
            next(n for n in range(len(line) + 1) if column(line[:n], client) == at.character)
            for at in (edit.range.start, edit.range.end)
        )
        line = line[:start] + edit.new_text + line[end:]
    assert line == FIXED


async def test_traced_function_has_lenses(client: LanguageClient) -> None:
    await found(client)
    lenses = await client.text_document_code_lens_async(
        lsp.CodeLensParams(lsp.TextDocumentIdentifier(URI))
    )
    assert [lens.command.title for lens in lenses or () if lens.command] == [
        "Benchmark",
        "Check gradients",
        "Inspect",
    ]

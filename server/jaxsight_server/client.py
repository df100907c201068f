"""What the client at the other end can do, asked once when it introduces itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from lsprotocol import types as lsp


@dataclass(frozen=True, slots=True)
class Client:
    """The abilities of the client that change what we send it."""

    pulls: bool = False  # asks for diagnostics
    refreshes_diagnostics: bool = False
    refreshes_lenses: bool = False
    refreshes_hints: bool = False
    related: bool = False
    tags: bool = False
    links_rules: bool = False
    keeps_data: bool = False
    action_literals: bool = False  # else it knows commands only
    resolves_edits: bool = False
    prefers: bool = False
    versioned_edits: bool = False
    creates_files: bool = False
    markdown: bool = False
    progress: bool = False
    configures: bool = False  # answers workspace/configuration
    watches: bool = False  # lets us register file watchers
    registers_configuration: bool = False


def client_of(capabilities: lsp.ClientCapabilities) -> Client:
    """Read the abilities off the client's capabilities."""

    def has(path: str) -> bool:
        return bool(_at(capabilities, path))

    drawing = "diagnostic" if has("text_document.diagnostic") else "publish_diagnostics"
    # clients that pull may still name what they can draw under publishDiagnostics only
    draws = (f"text_document.{drawing}", "text_document.publish_diagnostics")
    return Client(
        pulls=has("text_document.diagnostic"),
        refreshes_diagnostics=has("workspace.diagnostics.refresh_support"),
        refreshes_lenses=has("workspace.code_lens.refresh_support"),
        refreshes_hints=has("workspace.inlay_hint.refresh_support"),
        related=any(has(f"{place}.related_information") for place in draws),
        tags=any(has(f"{place}.tag_support") for place in draws),
        links_rules=any(has(f"{place}.code_description_support") for place in draws),
        keeps_data=any(has(f"{place}.data_support") for place in draws),
        action_literals=has("text_document.code_action.code_action_literal_support"),
        resolves_edits=has("text_document.code_action.data_support")
        and "edit" in _all(capabilities, "text_document.code_action.resolve_support.properties"),
        prefers=has("text_document.code_action.is_preferred_support"),
        versioned_edits=has("workspace.workspace_edit.document_changes"),
        creates_files=lsp.ResourceOperationKind.Create
        in _all(capabilities, "workspace.workspace_edit.resource_operations"),
        markdown=lsp.MarkupKind.Markdown
        in _all(capabilities, "text_document.hover.content_format"),
        progress=has("window.work_done_progress"),
        configures=has("workspace.configuration"),
        watches=has("workspace.did_change_watched_files.dynamic_registration"),
        registers_configuration=has("workspace.did_change_configuration.dynamic_registration"),
    )


def _at(capabilities: lsp.ClientCapabilities, path: str) -> object:
    """The value at a dotted path; None where a part of it is missing."""
    value: object = capabilities
    for name in path.split("."):
        value = getattr(value, name, None)
    return value


def _all(capabilities: lsp.ClientCapabilities, path: str) -> tuple[object, ...]:
    """The values of a list at a dotted path."""
    values = _at(capabilities, path)
    return tuple(cast("Sequence[object]", values)) if isinstance(values, (list, tuple)) else ()

"""Hover: the page of a finding's rule, the page of a suppressed rule, how a function is traced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.registry import rule_named
from jaxsight_analyzers.report.page import in_short, page_named
from jaxsight_analyzers.semantic import Definition, TraceContext
from jaxsight_analyzers.suppression import suppressions_of
from jaxsight_server import convert
from jaxsight_server.client import Client
from jaxsight_server.convert import Encoding
from jaxsight_server.module import Module

if TYPE_CHECKING:
    from jaxsight_server.server import Server


async def hover(server: Server, params: lsp.HoverParams) -> lsp.Hover | None:
    """Answer with what there is to say about a position."""
    uri = params.text_document.uri
    snapshot = server.session.snapshot(uri)
    if snapshot is None:
        return None
    return await server.schedule.run(
        _hover, snapshot, uri, params.position, server.encoding, server.client
    )


def _hover(
    module: Module, uri: str, position: lsp.Position, encoding: Encoding, client: Client
) -> lsp.Hover | None:
    offset = convert.module_offset(module.snapshot, uri, position, encoding)
    said = None if offset is None else _said(module, offset)
    if said is None:
        return None
    text, span = said
    place = convert.location(module.snapshot, span, encoding)
    kind = lsp.MarkupKind.Markdown if client.markdown else lsp.MarkupKind.PlainText
    return lsp.Hover(lsp.MarkupContent(kind, text), place.range)


def _said(module: Module, offset: int) -> tuple[str, Span] | None:
    for diagnostic in module.analysis.diagnostics:
        rule = rule_named(diagnostic.rule)
        if rule is not None and _holds(diagnostic.span, offset):
            return in_short(rule), diagnostic.span
    for suppression in suppressions_of(module.analysis.module).items:
        for name in suppression.names:
            text = page_named(name.text) if _holds(name.span, offset) else None
            if text is not None:
                return text, name.span
    for definition in module.analysis.model.definitions:
        span = module.analysis.module.to_source(definition.name_span)
        if span is not None and definition.contexts and _holds(span, offset):
            return _tracing(module, definition), span
    return None


def _tracing(module: Module, definition: Definition) -> str:
    lines = [f"`{definition.name}` is traced:"]
    lines += [f"- {_how(module, context)}" for context in definition.contexts]
    return "\n".join(lines)


def _how(module: Module, context: TraceContext) -> str:
    span = module.analysis.module.to_source(context.span)
    source = module.snapshot.source
    place = (
        f" on line {source.line_of(span.start) + 1}"
        if span and not module.snapshot.notebook
        else ""
    )
    words = [f"by `{context.transform}`{place}"]
    if context.static:
        words.append(f"static: {_quoted(context.static)}")
    if context.donated:
        words.append(f"donated: {_quoted(context.donated)}")
    return "; ".join(words)


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _holds(span: Span, offset: int) -> bool:
    return span.start <= offset <= span.end

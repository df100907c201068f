"""Inlay hints: the shape and dtype of variables, as the last run of *Show shapes* found them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.source import SourceFile
from jaxsight_runner.protocol import Local, ShapesReport
from jaxsight_server import convert
from jaxsight_server.convert import Encoding
from jaxsight_server.module import Module

if TYPE_CHECKING:
    from jaxsight_server.server import Server


async def inlay_hint(server: Server, params: lsp.InlayHintParams) -> list[lsp.InlayHint] | None:
    """Answer with the hints of a document."""
    uri = params.text_document.uri
    snapshot = server.session.snapshot(uri)
    reports = server.jobs.shapes(uri)
    if snapshot is None or not reports:
        return None
    return await server.schedule.run(_hints, snapshot, uri, params.range, reports, server.encoding)


def _hints(
    module: Module,
    uri: str,
    wanted: lsp.Range,
    reports: tuple[ShapesReport, ...],
    encoding: Encoding,
) -> list[lsp.InlayHint]:
    """The hints of a range; none of a text that is no longer there."""
    source = module.snapshot.source
    if not module.snapshot.settings.shape_hints:
        return []
    now = hashlib.sha256(module.snapshot.runnable.encode("utf-8", "surrogatepass")).hexdigest()
    found: dict[tuple[int, int], lsp.InlayHint] = {}
    for report in reports:
        if report.target.hash != now:
            continue
        for offset, text in _labels(source, report):
            place = convert.location(module.snapshot, Span(offset, offset), encoding)
            at = place.range.start
            if place.uri == uri and wanted.start.line <= at.line <= wanted.end.line:
                hint = lsp.InlayHint(at, text, kind=lsp.InlayHintKind.Type)
                hint.tooltip = f"with {_inputs(report)}, on JAX {report.environment.jax}"
                found[at.line, at.character] = hint
    return list(found.values())


def _labels(source: SourceFile, report: ShapesReport) -> Iterator[tuple[int, str]]:
    """Offsets into the text and what is to be read there."""
    own = Path(report.target.path)
    for one in report.locals:
        if Path(one.path) == own and 0 < one.line <= len(source.line_starts):
            yield _label(source, one)


def _label(source: SourceFile, one: Local) -> tuple[int, str]:
    start = source.line_starts[one.line - 1]
    text = source.line_text(one.line - 1)
    shapes = " | ".join(one.shapes)
    if one.kind != "return":
        name = re.search(rf"(?<![\w.]){re.escape(one.name)}(?!\w)", text)
        if name is not None:
            return start + name.end(), f": {shapes}"
        shapes = f"{one.name}: {shapes}"  # of a statement of several lines
    return start + len(text.rstrip()), f"  → {shapes}"


def _inputs(report: ShapesReport) -> str:
    return ", ".join(f"{item.name}: {item.value}" for item in report.inputs) or "no inputs"

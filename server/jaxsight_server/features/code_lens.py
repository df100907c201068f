"""Lenses above functions that can be run, and what their last runs found."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.semantic import Definition
from jaxsight_analyzers.source import SourceFile
from jaxsight_server import convert
from jaxsight_server.convert import Encoding
from jaxsight_server.features.execute_command import RUN_COMMAND
from jaxsight_server.features.run import TITLES
from jaxsight_server.jobs import LastResult
from jaxsight_server.module import Module
from jaxsight_server.settings import Settings

if TYPE_CHECKING:
    from jaxsight_server.server import Server

_CLIENT_COMMANDS = {
    "benchmark": "jaxsight.benchmark",
    "gradients": "jaxsight.checkGradients",
    "inspection": "jaxsight.inspect",
}
_INPUTS = re.compile(r"\s*#\s*jaxsight:\s*inputs\b")

Results = Mapping[str, tuple[LastResult, ...]]


async def code_lens(server: Server, params: lsp.CodeLensParams) -> list[lsp.CodeLens] | None:
    """Answer with the lenses of a document."""
    uri = params.text_document.uri
    snapshot = server.session.snapshot(uri)
    if snapshot is None:
        return None
    results = server.jobs.results(uri)
    return await server.schedule.run(_lenses, snapshot, uri, results, server.encoding)


def _lenses(module: Module, uri: str, results: Results, encoding: Encoding) -> list[lsp.CodeLens]:
    found: list[lsp.CodeLens] = []
    settings = module.snapshot.settings
    for definition in module.analysis.model.definitions:
        span = module.analysis.module.to_source(definition.name_span)
        if span is None or not _has_lenses(definition, module.snapshot.source, span):
            continue
        place = convert.location(module.snapshot, span, encoding)
        if place.uri != uri:
            continue
        above = lsp.Range(lsp.Position(place.range.start.line, 0), place.range.end)
        commands = (
            *_runs(settings, module, uri, definition.qualname),
            *_last(settings, module, results.get(definition.qualname, ())),
        )
        found += [lsp.CodeLens(above, command) for command in commands]
    return found


def _runs(settings: Settings, module: Module, uri: str, target: str) -> Iterator[lsp.Command]:
    if not settings.trusted:
        return
    wanted = {
        "benchmark": settings.lenses.benchmark,
        "gradients": settings.lenses.check_gradients,
        "inspection": settings.lenses.inspect,
    }
    found = module.snapshot.document(uri)
    assert found is not None  # the lens lies in it
    for kind, shown in wanted.items():
        if not shown:
            continue
        title = TITLES[kind]
        argument: dict[str, object] = {"uri": uri, "target": target, "version": found[1].version}
        if settings.client_commands:
            yield lsp.Command(title=title, command=_CLIENT_COMMANDS[kind], arguments=[argument])
        else:
            arguments = [{"kind": kind, **argument}]
            yield lsp.Command(title=title, command=RUN_COMMAND, arguments=arguments)


def _last(
    settings: Settings, module: Module, results: tuple[LastResult, ...]
) -> Iterator[lsp.Command]:
    """What the last runs found, as lenses that do nothing."""
    if not settings.lenses.last_result or not results:
        return
    now = hashlib.sha256(module.snapshot.runnable.encode("utf-8", "surrogatepass")).hexdigest()
    for result in results:
        stale = "" if result.hash == now else " (of an earlier text)"
        yield lsp.Command(title=result.words + stale, command="")


def _has_lenses(definition: Definition, source: SourceFile, name: Span) -> bool:
    """Whether a function can be run, and is traced or says what its inputs are."""
    if not definition.runnable:
        return False
    return bool(definition.contexts) or _has_inputs(source, source.line_of(name.start))


def _has_inputs(source: SourceFile, line: int) -> bool:
    """Whether a comment above a definition, or above its decorators, says its inputs."""
    for above in range(line - 1, -1, -1):
        text = source.line_text(above)
        if _INPUTS.match(text):
            return True
        if not text.strip() or not text.lstrip().startswith(("#", "@")):
            return False
    return False

"""The editor's settings, the project's files, and what is wrong with either."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, cast

from lsprotocol import types as lsp

from jaxsight_analyzers.config import ConfigError
from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.source import SourceFile
from jaxsight_server import convert
from jaxsight_server.convert import Encoding
from jaxsight_server.module import ConfigFile, Module
from jaxsight_server.schedule import SupersededError
from jaxsight_server.session import Snapshot
from jaxsight_server.settings import Settings, mapping, with_section
from jaxsight_server.uris import uri_of

if TYPE_CHECKING:
    from jaxsight_server.server import Server

logger = logging.getLogger(__name__)

SECTION = "jaxsight"
STATUS = "jaxsight/status"


async def did_change_configuration(
    server: Server, params: lsp.DidChangeConfigurationParams
) -> None:
    """Take the new settings, or ask for them where the client only says that they changed."""
    section = mapping(params.settings).get(SECTION)
    if mapping(section):
        server.session.set_settings(with_section(server.session.settings, section))
    elif server.client.configures:
        await ask(server)
    refresh(server)


async def ask(server: Server) -> None:
    """Ask the client for its settings, for each folder on its own."""
    session = server.session
    folders = session.folders
    items = [lsp.ConfigurationItem(section=SECTION)]
    items += [lsp.ConfigurationItem(folder.uri, SECTION) for folder in folders]
    answer = await server.workspace_configuration_async(lsp.ConfigurationParams(items))
    general, *special = (*cast("Sequence[object]", answer), *[None] * len(items))
    if general is None:
        return  # the client has no such settings: those of `initialize` stay
    session.set_settings(
        with_section(session.settings, general),
        {
            folder.uri: with_section(session.settings, section)
            for folder, section in zip(folders, special, strict=False)
            if section is not None
        },
    )


def refresh(server: Server) -> None:
    """Have everything that configuration decides shown anew."""
    if server.client.refreshes_diagnostics:
        server.spawn("refresh", server.workspace_diagnostic_refresh_async(None))
    if server.client.refreshes_lenses:
        server.spawn("refresh", server.workspace_code_lens_refresh_async(None))
    server.publisher.changed_everywhere()
    server.configuration.report()


@dataclass(frozen=True, slots=True)
class _State:
    """What there is to report about the configuration of one module."""

    file: ConfigFile | None
    versions: Mapping[str, str]
    rules: int


class Reporter:
    """Shows what is wrong with configuration files, in them, and tells the client how we are."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._shown: dict[str, list[lsp.Diagnostic]] = {}
        self._told: set[str] = set()
        self._states: Sequence[_State] = ()
        self._problems_told: Sequence[str] = ()
        self._status: dict[str, object] = {}
        self._is_known = False
        self._busy = False
        self._again = False

    def report(self) -> None:
        """Look at the configuration of everything open, soon."""
        if self._busy:
            self._again = True
            return
        self._busy = True
        self._server.spawn("configuration", self._report())

    async def _report(self) -> None:
        try:
            self._again = True
            while self._again:
                self._again = False
                await self._report_once()
        finally:
            self._busy = False

    async def _report_once(self) -> None:
        server = self._server
        states = [
            state
            for snapshot in tuple(server.session.modules())
            if (state := await self._state(snapshot))
        ]
        files = {state.file.path: state.file for state in states if state.file}
        self._show(files.values())
        problems = self._problems(files.values())
        self._tell(problems)
        self._states, self._problems_told = states, problems
        self._is_known = True
        self.say_status()

    async def _state(self, snapshot: Snapshot) -> _State | None:
        try:
            return await self._server.schedule.run(_state, snapshot)
        except SupersededError:
            self._again = True  # once the text is quiet
            return None

    def _problems(self, files: Iterable[ConfigFile]) -> list[str]:
        errors = [error for file in files for error in file.errors]
        texts = [f"{error.path}:{error.line}: {error.message}" for error in errors]
        settings = self._server.session.settings
        return texts + [f"JAX Sight's settings: {problem}" for problem in settings.problems]

    def _show(self, files: Iterable[ConfigFile]) -> None:
        shown = {
            uri_of(file.path): _problems(file, self._server.encoding)
            for file in files
            if file.errors
        }
        for uri in {*shown, *self._shown}:
            items = shown.get(uri, [])
            if items != self._shown.get(uri, []):
                self._server.text_document_publish_diagnostics(
                    lsp.PublishDiagnosticsParams(uri, items)
                )
        self._shown = shown

    def _tell(self, problems: Sequence[str]) -> None:
        """Say once what nobody would see who has not opened that file."""
        for text in problems:
            if text not in self._told:
                self._told.add(text)
                message = lsp.ShowMessageParams(lsp.MessageType.Warning, text)
                self._server.window_show_message(message)

    def say_status(self) -> None:
        """Tell the client how we are, if that is not what it was told; not before it is known."""
        states, problems = self._states, self._problems_told
        if not self._is_known:
            return
        settings: Settings = self._server.session.settings
        first = states[0] if states else None
        file = first.file if first else None
        message = problems[0] if problems else "ready"
        status: dict[str, object] = {
            "health": "warning" if problems else "ok",
            "message": message,
            "serverPython": sys.executable,
            "interpreter": str(settings.interpreter) if settings.interpreter else None,
            "versions": dict(first.versions) if first else {},
            "rules": first.rules if first else len(all_rules()),
            "configFile": str(file.path) if file else None,
            "index": asdict(self._server.indexer.status),
        }
        if status != self._status:
            self._status = status
            self._server.protocol.notify(STATUS, status)


def _state(module: Module) -> _State:
    config, path = module.project.config, module.snapshot.path
    enabled = sum(config.enabled(rule, path) for rule in all_rules())
    return _State(module.project.file, module.project.versions, enabled)


def _problems(file: ConfigFile, encoding: Encoding) -> list[lsp.Diagnostic]:
    source = SourceFile(str(file.path), file.text)
    return [_problem(source, error, encoding) for error in file.errors]


def _problem(source: SourceFile, error: ConfigError, encoding: Encoding) -> lsp.Diagnostic:
    start = source.offset(error.line - 1, error.column - 1)
    end = source.line_span(source.line_of(start)).end
    return lsp.Diagnostic(
        range=convert.to_range(source, convert.Span(start, end), encoding),
        message=error.message,
        severity=lsp.DiagnosticSeverity.Warning,
        code="configuration",
        source=convert.SOURCE,
    )

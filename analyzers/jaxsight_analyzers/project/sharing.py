"""Analyses of many files of a workspace, which share what they run of one another's code."""

from __future__ import annotations

from jaxsight_analyzers.engine import Analysis, Versions, analyse
from jaxsight_analyzers.project.outgoing import OutgoingCall
from jaxsight_analyzers.project.workspace import Workspace
from jaxsight_analyzers.rule import Rule
from jaxsight_analyzers.semantic.interpretation import new_run
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.sharing import share
from jaxsight_analyzers.semantic.tasks import ApartError
from jaxsight_analyzers.settings import Config

MAX_SHARED = 20_000
"""After so many runs of functions, all that was shared is forgotten, so that memory is bounded."""

MAX_MODULES = 512
"""And after so many files."""


class Sharing:
    """Analyses files one after another. What comes of each is what comes of it alone."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._run: Run | None = None

    def analyse(
        self,
        path: str,
        config: Config,
        versions: Versions,
        rules: tuple[Rule, ...] | None,
        incoming: tuple[OutgoingCall, ...],
    ) -> Analysis:
        """Analyse a file that there is."""
        source, workspace = self._workspace.source(path), self._workspace
        assert source is not None
        try:
            return analyse(
                source,
                config,
                versions,
                rules=rules,
                workspace=workspace,
                incoming=incoming,
                shared=self._shared(),
            )
        except ApartError:
            return analyse(
                source, config, versions, rules=rules, workspace=workspace, incoming=incoming
            )

    def _shared(self) -> Run:
        run = self._run
        if run is None or len(run.memo) > MAX_SHARED or len(run.modules) > MAX_MODULES:
            run = self._run = share(new_run(self._workspace))
        return run

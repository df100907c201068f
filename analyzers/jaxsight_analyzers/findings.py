"""Findings, kept unit by unit: a rule looks again only at what it could see something else in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers import rewrites
from jaxsight_analyzers.attention import Asker, Attention
from jaxsight_analyzers.data import replace
from jaxsight_analyzers.diagnostic import Certainty, Diagnostic, Finding, Severity, Span
from jaxsight_analyzers.places import Found
from jaxsight_analyzers.rule import Rule
from jaxsight_analyzers.semantic import SemanticModel, Unit
from jaxsight_analyzers.semantic.interpretation import Interpretation
from jaxsight_analyzers.settings import Config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxsight_analyzers.engine import Analysis
    from jaxsight_analyzers.project.outgoing import OutgoingCall
    from jaxsight_analyzers.project.workspace import Workspace
    from jaxsight_analyzers.semantic.run import Run
    from jaxsight_analyzers.semantic.tasks import Task
    from jaxsight_analyzers.source import SourceFile
    from jaxsight_analyzers.syntax.chunk import Chunk, Question
    from jaxsight_analyzers.syntax.parsed import ParsedModule


class Kept(NamedTuple):
    """What rules found in a unit."""

    seen_by: tuple[tuple[Task, int], ...]
    found: Found
    elsewhere: Found  # by the rules that asked for more than the unit
    crashes: tuple[str, ...]
    askers: tuple[Asker, ...]  # these rules: what they find depends on the whole file
    asked_imports: bool  # some depend on its imports
    asked_texts: Mapping[Question, bool]  # some depend on what its lines say

    @property
    def tells(self) -> bool:
        """Whether there is something to say of it, now or after an edit elsewhere."""
        found = self.found.relative or self.elsewhere.relative
        asked = self.askers or self.asked_imports or self.asked_texts
        return bool(found or self.crashes or asked)

    def is_stale(self, gone: set[Chunk], imports_differ: bool, model: SemanticModel) -> bool:
        """Whether all rules have to look again although the unit is as it was."""
        found = self.found.speaks_of(gone) or self.elsewhere.speaks_of(gone)
        if found or self.crashes or (self.asked_imports and imports_differ):
            return True
        return any(model.says(question) != told for question, told in self.asked_texts.items())


class State:
    """The state of one file's analysis, which goes from text to text."""

    def __init__(
        self,
        rules: tuple[Rule, ...],
        config: Config,
        versions: Mapping[str, str],
        path: str,
        workspace: Workspace | None = None,
        incoming: tuple[OutgoingCall, ...] = (),
        shared: Run | None = None,
    ) -> None:
        self.rules = rules
        self._severities = [(rule, config.severity_of(rule)) for rule in rules]
        self.config = config
        self.versions = versions
        self.path = path
        self.interpretation = Interpretation(path, workspace, incoming, shared)
        self.module = None if shared is None else self.interpretation.module.parsed
        self.model: SemanticModel
        self._chunks: list[Chunk] = []
        self._kept: list[Kept] = []  # of each chunk
        self._importing: tuple[Chunk, ...] = ()  # the chunks with the imports of the module
        self._imported: dict[Task, tuple[object, ...]] = {}  # what each task imports of libraries
        self._attention: Attention | None = None
        self._telling: set[int] = set()  # the numbers of those in which something was found

    @classmethod
    def after(
        cls,
        previous: Analysis | None,
        rules: tuple[Rule, ...],
        config: Config,
        versions: Mapping[str, str],
        path: str,
        workspace: Workspace | None = None,
        incoming: tuple[OutgoingCall, ...] = (),
        shared: Run | None = None,
    ) -> State:
        """The state to go on from: that of an earlier analysis, if it was made with the same settings."""
        state = None if previous is None else previous.state
        if (
            state is not None
            and state.interpretation.is_exact
            and (state.rules, state.config, state.versions) == (rules, config, versions)
            and (state.path, state.interpretation.incoming) == (path, incoming)
            and state.sees_the_same(workspace)
        ):
            return state
        fresh = cls(rules, config, versions, path, workspace, incoming, shared)
        if previous is not None and state is not None:
            fresh.module = state.module if state.model.is_current else previous.module
        return fresh

    @property
    def others(self) -> list[SourceFile]:
        """The other files that were looked into, and those whose calls lead here."""
        found = {module.source.path: module.source for module in self.model.others}
        workspace = self.interpretation.run.workspace
        for call in self.interpretation.incoming if workspace is not None else ():
            for path in {place.path for place in call.related if place.path is not None}:
                source = workspace.source(path) if workspace is not None else None
                if source is not None:
                    found.setdefault(path, source)
        return list(found.values())

    def sees_the_same(self, workspace: Workspace | None) -> bool:
        """Whether another workspace has the same answers to all that was asked of this state's."""
        mine, x64 = self.interpretation.run.workspace, self.interpretation.x64
        now = workspace is not None and x64 is not None and workspace.x64_besides(self.path)
        if x64 is not None and x64 != now:
            return False
        if mine is workspace:
            return True
        asked = self.interpretation.run.asked - {self.path}
        if mine is None or workspace is None or not mine.agrees_with(workspace, asked):
            return False
        self.interpretation.run.workspace = workspace
        return True

    def advance(self, module: ParsedModule) -> tuple[list[Diagnostic], list[str]]:
        """Go on to a new text: what is found in it, and which rules failed."""
        self.interpretation.update(module)
        self.module = module
        self.model = model = SemanticModel(
            self.interpretation, self.versions, self.config.thresholds
        )
        again = self.interpretation.again
        imports_differ = self._imports_differ(model)
        if self._attention is None:
            self._attention = Attention(self._severities, model)
        if again is None:
            self._look_at_all(module, imports_differ)
        else:
            gone = {self._chunks[number] for number in again}.difference(module.chunks)
            for number in again | self._telling:
                known = self._kept[number]
                if number in again or known.is_stale(gone, imports_differ, model):
                    self._keep(number, self._look(model.unit(number), module))
                elif known.askers:
                    self._keep(number, self._ask_again(model.unit(number), module, known))
        crashes = list(model.crashes)
        found: list[Diagnostic] = []
        for number in sorted(self._telling):
            known = self._kept[number]
            crashes.extend(known.crashes)
            found.extend(known.found.placed(number, model))
            found.extend(known.elsewhere.placed(number, model))
        return found, list(dict.fromkeys(crashes))

    def _imports_differ(self, model: SemanticModel) -> bool:
        """Whether the file imports something else than before, or elsewhere."""
        moved, self._importing = model.importing != self._importing, model.importing
        run, before = self.interpretation.run, self._imported
        stays = not moved and self.interpretation.again is not None
        if stays and all(before.get(task, ()) == model.imported_by(task) for task in run.redone):
            return False
        found = {task: model.imported_by(task) for task in model.live}
        self._imported = {task: imported for task, imported in found.items() if imported}
        return moved or list(self._imported.values()) != list(before.values())

    def _look_at_all(self, module: ParsedModule, imports_differ: bool) -> None:
        """Look at each unit, but for those in which nothing else can be seen than before."""
        before = dict(zip(self._chunks, self._kept))
        gone = before.keys() - set(module.chunks)
        self._chunks, self._kept, self._telling = list(module.chunks), [], set()
        for number, chunk in enumerate(module.chunks):
            self.interpretation.run.give_way()
            unit = self.model.unit(number)
            known = before.get(chunk)
            stays = known is not None and known.seen_by == unit.seen_by
            if known is None or not stays or known.is_stale(gone, imports_differ, self.model):
                known = self._look(unit, module)
            elif known.askers:
                known = self._ask_again(unit, module, known)
            self._kept.append(known)
            self._keep(number, known)

    def _keep(self, number: int, kept: Kept) -> None:
        self._kept[number] = kept
        self._chunks[number] = self.model.module.chunks[number]
        if kept.tells:
            self._telling.add(number)
        else:
            self._telling.discard(number)

    def _look(self, unit: Unit, module: ParsedModule) -> Kept:
        """Let all rules look at a unit."""
        assert self._attention is not None
        own, elsewhere, crashes, askers = self._run_all(self._attention.of(unit), unit)
        return Kept(
            unit.seen_by,
            Found(own, unit.number, module),
            Found(elsewhere, unit.number, module),
            crashes,
            askers,
            unit.asked_imports,
            unit.asked_texts,
        )

    def _ask_again(self, unit: Unit, module: ParsedModule, known: Kept) -> Kept:
        """Let those rules look at a unit, which is as it was, that asked for more than it."""
        own, elsewhere, crashes, askers = self._run_all(known.askers, unit)
        if own or crashes or askers != known.askers:
            return self._look(self.model.unit(unit.number), module)
        found = Found(elsewhere, unit.number, module)
        return known._replace(seen_by=unit.seen_by, elsewhere=found)

    def _run_all(
        self, rules: Iterable[Asker], unit: Unit
    ) -> tuple[list[Diagnostic], list[Diagnostic], tuple[str, ...], tuple[Asker, ...]]:
        own: list[Diagnostic] = []
        elsewhere: list[Diagnostic] = []
        crashes: list[str] = []
        askers: list[Asker] = []
        for rule, configured in rules:
            unit.asked_others = False
            try:
                found = list(_run(rule, configured, unit))
            except Exception as error:  # the border between us and a rule: the others go on
                crashes.append(f"rule `{rule.name}` failed on {self.path}: {error!r}")
                found = []
            if unit.asked_others:
                askers.append((rule, configured))
            (elsewhere if unit.asked_others else own).extend(found)
        meant = unit.fails_on_purpose if own or elsewhere else ()
        if meant:
            own = [d for d in own if not any(_within(d.span, span) for span in meant)]
            elsewhere = [d for d in elsewhere if not any(_within(d.span, span) for span in meant)]
        return own, elsewhere, tuple(crashes), tuple(askers)


def _run(rule: Rule, configured: Severity | None, unit: Unit) -> Iterator[Diagnostic]:
    for finding in rule.check(unit):
        severity = configured or rule.severity
        if finding.certainty is Certainty.MAYBE and severity is Severity.ERROR:
            severity = Severity.WARNING
        offered = _with_possible_fixes(rule, finding)
        yield Diagnostic(rule.name, rule.family, severity, offered, unit.number, rule.url)


def _with_possible_fixes(rule: Rule, finding: Finding) -> Finding:
    """A finding without the fixes that nobody here can write."""
    if not rule.structural or not finding.fixes or rewrites.are_available():
        return finding
    fixes = tuple([ref for ref in finding.fixes if ref.kind not in rule.structural])
    return replace(finding, fixes=fixes)


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end

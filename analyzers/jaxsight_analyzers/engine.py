"""Runs rules over a file and applies their fixes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from jaxsight_analyzers import garbage
from jaxsight_analyzers.data import dataclass, replace
from jaxsight_analyzers.diagnostic import (
    Applicability,
    Diagnostic,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
    Span,
    Tag,
)
from jaxsight_analyzers.findings import State
from jaxsight_analyzers.registry import all_rules, rule_named
from jaxsight_analyzers.rule import DOCS_URL, Rule
from jaxsight_analyzers.semantic import SemanticModel, limits
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile, SyntaxProblem
from jaxsight_analyzers.syntax.parsed import ParsedModule, parse
from jaxsight_analyzers.together import interfere

if TYPE_CHECKING:
    from jaxsight_analyzers.project.outgoing import OutgoingCall
    from jaxsight_analyzers.project.workspace import Workspace
    from jaxsight_analyzers.semantic.run import Run
    from jaxsight_analyzers.suppression import Suppression

Versions = Mapping[str, str]

_MAX_ROUNDS = 12
UNUSED_SUPPRESSION = "unused-suppression"
_SUPPRESSION = "suppression"  # the family of the finding about suppressions


@dataclass(frozen=True)
class Analysis:
    """One file, analysed: what was found in it, and the answers it was found with.

    The next analysis of the file goes on from this one's state. What is asked of this one after
    that is answered from a state made anew.
    """

    source: SourceFile
    module: ParsedModule
    config: Config
    versions: Versions
    diagnostics: tuple[Diagnostic, ...]
    suppressed: int
    crashes: tuple[str, ...]
    unused: Mapping[Diagnostic, Suppression]
    state: State
    others: Mapping[str, SourceFile]  # the other files that related places may lie in
    enabled: tuple[Rule, ...]  # the rules that the settings choose, if it was they that chose

    @property
    def model(self) -> SemanticModel:
        """What the text means."""
        if self.state.model.module is self.module and self.state.model.is_current:
            return self.state.model
        return self._anew.state.model

    @cached_property
    def _anew(self) -> Analysis:
        state = self.state
        return analyse(
            self.source,
            self.config,
            self.versions,
            rules=state.rules,
            workspace=state.interpretation.run.workspace,
            incoming=state.interpretation.incoming,
        )

    @cached_property
    def given_up(self) -> tuple[str, ...]:
        """What is not followed as far as it goes, so that the time is bounded: a sentence each.

        It is unknown, and nothing is found in it.
        """
        return limits.sentences(self.model)

    @property
    def problems(self) -> tuple[SyntaxProblem, ...]:
        """Where the text is not Python. The rest of the file is analysed all the same."""
        return self.module.problems

    def fixes(self, diagnostic: Diagnostic) -> tuple[Fix, ...]:
        """Every fix of a diagnostic, the best first."""
        fixes = (self.fix(diagnostic, ref) for ref in diagnostic.finding.fixes)
        return tuple(fix for fix in fixes if fix is not None)

    def fix(self, diagnostic: Diagnostic, ref: FixRef) -> Fix | None:
        """The edits of one fix; None where the text is broken at a place it edits, or libcst is."""
        if diagnostic.rule == UNUSED_SUPPRESSION:
            edit = self.unused[diagnostic].removal(self.source)
            return Fix(ref.title, (edit,), ref.applicability)
        rule = rule_named(diagnostic.rule)
        if rule is None or rule.fix is None:
            return None
        model = self.model
        try:
            fix = rule.fix(model.units[diagnostic.unit], ref)
        except ImportError:  # a libcst that is there and does not load: of another Python, say
            return None
        return None if fix is None else _in_source(fix, model.module)

    @cached_property
    def by_rule(self) -> Mapping[str, int]:
        """How many diagnostics each rule has."""
        counts: dict[str, int] = {}
        for diagnostic in self.diagnostics:
            counts[diagnostic.rule] = counts.get(diagnostic.rule, 0) + 1
        return counts


def analyse(
    source: SourceFile,
    config: Config | None = None,
    versions: Versions | None = None,
    previous: Analysis | None = None,
    rules: Iterable[Rule] | None = None,
    workspace: Workspace | None = None,
    incoming: tuple[OutgoingCall, ...] = (),
    preempted: Callable[[], bool] | None = None,
    shared: Run | None = None,
) -> Analysis:
    """Analyse one file. Never raises: a rule that does loses only its own findings.

    `previous` is the latest analysis of the same file: what an edit did not touch is not done
    again, and what does not parse stands as it last did. `rules` are those to run instead of the
    ones that `config` enables. What a name imported from the workspace is, its files say;
    `incoming` are the ways in which those run the functions of this one.

    `preempted` is asked now and then whether something urgent waits. If so, `PreemptedError` is
    raised and `previous` stays what it was; an analysis that goes on from it is not given up.

    `shared` is a run that this file shares with others of the workspace: see `project.sharing`.
    """
    config = config or Config()
    versions = versions or {}
    chosen = _enabled(config, source.path, previous) if rules is None else tuple(rules)
    state = State.after(
        previous, chosen, config, versions, source.path, workspace, incoming, shared
    )
    anew = previous is None or state is not previous.state
    state.interpretation.run.preempted = preempted if anew else None
    with garbage.put_off():
        module = parse(source, state.module)
        found, crashes = state.advance(module)
        state.interpretation.run.preempted = None
        kept, suppressed, unused = _suppress(source, module, state.model, config, found, chosen)
        ordered = _each_once(sorted([*kept, *unused], key=_order))
    return Analysis(
        source,
        module,
        config,
        versions,
        tuple(ordered),
        suppressed,
        tuple(crashes),
        unused,
        state,
        {source.path: source for source in state.others},
        chosen if rules is None else (),
    )


def check(text: str, rules: Iterable[Rule], versions: Versions | None = None) -> list[Diagnostic]:
    """What the given rules find in a text, in its order."""
    return list(analyse(SourceFile("", text), None, versions, rules=rules).diagnostics)


def apply_fixes(
    analysis: Analysis, at_least: Applicability, only: Collection[str] | None = None
) -> str:
    """The text after the first good-enough fix of each diagnostic, but for those that overlap.

    Fixes apply whole or not at all, in the order of the diagnostics.
    """
    text = analysis.source.text
    taken: list[Fix] = []
    for fix in _wanted(analysis, at_least, only):
        if not any(interfere(fix, other) for other in taken):
            taken.append(fix)
    for edit in sorted({edit for fix in taken for edit in fix.edits}, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def fix_all(
    source: SourceFile,
    config: Config,
    versions: Versions,
    at_least: Applicability,
    only: Collection[str] | None = None,
    workspace: Workspace | None = None,
    incoming: tuple[OutgoingCall, ...] = (),
) -> str:
    """The text after round upon round of fixes, until a round changes nothing.

    A round that would break the syntax of a text that parsed is not applied.
    """
    for _ in range(_MAX_ROUNDS):
        analysis = analyse(source, config, versions, workspace=workspace, incoming=incoming)
        fixed = SourceFile(source.path, apply_fixes(analysis, at_least, only))
        if fixed.text == source.text or (parse(fixed).problems and not analysis.problems):
            break
        source = fixed
    return source.text


def _enabled(config: Config, path: str, previous: Analysis | None) -> tuple[Rule, ...]:
    """The rules that the settings choose; for a stub, which never runs, those about names."""
    same = previous is not None and (previous.config, previous.source.path) == (config, path)
    if previous is not None and previous.enabled and same:
        return previous.enabled
    return tuple(
        [
            rule
            for rule in all_rules()
            if config.enabled(rule, path) and (rule.family == "api" or not path.endswith(".pyi"))
        ]
    )


def _in_source(fix: Fix, module: ParsedModule) -> Fix | None:
    edits: list[Edit] = []
    for edit in fix.edits:
        span = edit.span if edit.path else module.to_source(edit.span)
        if span is None:
            return None
        edits.append(replace(edit, span=span))
    return replace(fix, edits=tuple(edits))


def _suppress(
    source: SourceFile,
    module: ParsedModule,
    model: SemanticModel,
    config: Config,
    found: list[Diagnostic],
    ran: Collection[Rule],
) -> tuple[list[Diagnostic], int, dict[Diagnostic, Suppression]]:
    if not any(chunk.comments_to_us for chunk in module.chunks):
        return found, 0, {}  # the common case, spared an import
    from jaxsight_analyzers.suppression import suppressions_of

    suppressions = suppressions_of(module)

    def statement_line(line: int) -> int:
        offset = module.to_analysed(source.line_starts[line])
        start = module.analysed.line_starts[model.statement_start(module.analysed.line_of(offset))]
        moved = module.to_source(Span(start, start))
        return line if moved is None else source.line_of(moved.start)

    kept, unused = suppressions.apply(found, statement_line, {rule.name for rule in ran})
    reported = {
        _unused(suppression, config): suppression
        for suppression in unused
        if config.allows(UNUSED_SUPPRESSION, _SUPPRESSION, source.path)
    }
    return kept, len(found) - len(kept), reported


def _unused(suppression: Suppression, config: Config) -> Diagnostic:
    fix = FixRef("remove", "Remove the suppression", Applicability.SAFE)
    finding = Finding(suppression.span, suppression.message, fixes=(fix,), tag=Tag.UNNECESSARY)
    severity = config.severity.get(UNUSED_SUPPRESSION, Severity.WARNING.value)
    return Diagnostic(
        UNUSED_SUPPRESSION,
        _SUPPRESSION,
        Severity.WARNING if severity == "off" else Severity(severity),
        finding,
        url=DOCS_URL.format(name=UNUSED_SUPPRESSION),
    )


def _wanted(
    analysis: Analysis, at_least: Applicability, only: Collection[str] | None
) -> Iterator[Fix]:
    for diagnostic in analysis.diagnostics:
        if only is not None and diagnostic.rule not in only:
            continue
        for ref in diagnostic.finding.fixes:
            if ref.applicability >= at_least:
                fix = analysis.fix(diagnostic, ref)
                if fix is not None and fix.applicability >= at_least:
                    yield fix
                    break


def _each_once(ordered: list[Diagnostic]) -> list[Diagnostic]:
    """Diagnostics without repetitions; most differ in what they are ordered by."""
    found: list[Diagnostic] = []
    alike: list[Diagnostic] = []
    last: object = None
    for diagnostic in ordered:
        here = _order(diagnostic)
        if here != last:
            last, alike = here, []
        if diagnostic not in alike:
            alike.append(diagnostic)
            found.append(diagnostic)
    return found


def _order(diagnostic: Diagnostic) -> tuple[int, int, str, str]:
    finding = diagnostic.finding
    return finding.span.start, finding.span.end, diagnostic.rule, finding.message

"""What every report shows of a diagnostic: paths and positions as people count them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.baseline import Entry
from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.diagnostic import (
    Applicability,
    Diagnostic,
    Edit,
    FixRef,
    Related,
    Severity,
    Span,
)
from jaxsight_analyzers.engine import Analysis
from jaxsight_analyzers.registry import rule_named
from jaxsight_analyzers.source import SourceFile

if TYPE_CHECKING:
    from jaxsight_analyzers.notebook import VirtualModule


class Place(NamedTuple):
    """A range in a file or notebook cell. Lines and columns count from 1, columns in code points."""

    path: str
    source: SourceFile
    span: Span

    @property
    def start(self) -> tuple[int, int]:
        """Line and column of its first character."""
        line, column = self.source.position(self.span.start)
        return line + 1, column + 1

    @property
    def end(self) -> tuple[int, int]:
        """Line and column after its last character."""
        line, column = self.source.position(self.span.end)
        return line + 1, column + 1


class Remedy(NamedTuple):
    """A fix, with its edits as places and texts; None where it cannot be applied here, or was not asked for."""

    title: str
    applicability: Applicability
    edits: tuple[tuple[Place, str], ...] | None


class Problem(NamedTuple):
    """A diagnostic of one file, ready to be shown."""

    diagnostic: Diagnostic
    place: Place
    related: tuple[tuple[Place, str], ...]
    remedies: Callable[[bool], tuple[Remedy, ...]]
    """Its fixes; those that are structural with edits only if that is asked for."""

    @property
    def path(self) -> str:
        """Of the file; with `:cell N` for a cell of a notebook."""
        return self.place.path

    @property
    def file(self) -> str:
        """The path of its file, also for a cell: cells are numbered anew when one is put before them."""
        return self.path.partition(":cell ")[0]

    @property
    def mended_by(self) -> Applicability | None:
        """The safest of its fixes that change the code; None where there is none."""
        levels = {fix.applicability for fix in self.diagnostic.finding.fixes}
        order = (Applicability.SAFE, Applicability.UNSAFE)
        return next((level for level in order if level in levels), None)

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return self.diagnostic.severity

    def entry(self, path: str) -> Entry:
        """What a baseline knows it by, under a path relative to the baseline."""
        line = self.place.source.line_text(self.place.start[0] - 1)
        return Entry(path, self.diagnostic.rule, line.strip())


class Trouble(NamedTuple):
    """Something that kept us from checking a path, or a setting, as asked."""

    path: str
    message: str


def problems_of(analysis: Analysis, notebook: VirtualModule | None = None) -> list[Problem]:
    """The diagnostics of a file, ready to be shown; those of a notebook by cell."""
    placed = _Placing(analysis, notebook)
    return [
        Problem(
            diagnostic,
            placed.at(diagnostic.span),
            tuple(
                (placed.related(place), place.message)
                for place in diagnostic.related
                if place.path is None or place.path in analysis.others
            ),
            partial(placed.remedies, diagnostic),
        )
        for diagnostic in analysis.diagnostics
    ]


@dataclass(frozen=True)
class _Placing:
    analysis: Analysis
    notebook: VirtualModule | None

    def related(self, place: Related) -> Place:
        if place.path is None:
            return self.at(place.span)
        return Place(place.path, self.analysis.others[place.path], place.span)

    def at(self, span: Span) -> Place:
        source = self.analysis.source
        if self.notebook is None:
            return Place(source.path, source, span)
        number, inside = self.notebook.span_to_cell(span)
        return self.in_cell(number, inside)

    def in_cell(self, number: int, span: Span) -> Place:
        assert self.notebook is not None
        path = f"{self.analysis.source.path}:cell {number + 1}"
        return Place(path, SourceFile(path, self.notebook.cells[number].source), span)

    def remedies(self, diagnostic: Diagnostic, structural: bool) -> tuple[Remedy, ...]:
        rule = rule_named(diagnostic.rule)
        dear = frozenset[str]() if rule is None or structural else rule.structural
        return tuple(
            Remedy(ref.title, ref.applicability, None)
            if ref.kind in dear
            else self._remedy(diagnostic, ref)
            for ref in diagnostic.finding.fixes
        )

    def _remedy(self, diagnostic: Diagnostic, ref: FixRef) -> Remedy:
        fix = self.analysis.fix(diagnostic, ref)
        if fix is None:
            return Remedy(ref.title, ref.applicability, None)
        edits = [self._edit(edit) for edit in fix.edits]
        known = tuple(edit for edit in edits if edit is not None)
        return Remedy(fix.title, fix.applicability, known if len(known) == len(edits) else None)

    def _edit(self, edit: Edit) -> tuple[Place, str] | None:
        if self.notebook is None:
            return self.at(edit.span), edit.text
        moved = self.notebook.edit_to_cell(edit)
        return None if moved is None else (self.in_cell(moved[0], moved[1].span), moved[1].text)

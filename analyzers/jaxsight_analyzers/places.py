"""Where findings lie now. They are kept with their chunks, and placed anew when these have moved."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.diagnostic import Diagnostic, Finding, Related, Route, Span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxsight_analyzers.semantic import SemanticModel
    from jaxsight_analyzers.semantic.interpretation import Via
    from jaxsight_analyzers.semantic.tasks import Task
    from jaxsight_analyzers.syntax.chunks import Chunk
    from jaxsight_analyzers.syntax.parsed import ParsedModule


class Place(NamedTuple):
    """A related place. Its span counts from the beginning of its chunk; None: it stays where it is."""

    chunk: Chunk | None
    related: Related


class Resolved(NamedTuple):
    """The related places of some findings, as long as the same calls lead to them."""

    places: tuple[tuple[Place, ...], ...]
    through: Mapping[Task, Via | None]
    chunks: tuple[Chunk, ...]  # that they and the findings lie in
    lasts: bool  # they lie in one chunk each, and the text of all is still there

    def key(self, number: int, model: SemanticModel) -> tuple[int, ...] | None:
        """What tells where the findings lie now; None where that is not told quickly."""
        if not self.lasts or not all(chunk.is_whole for chunk in self.chunks):
            return None
        numbers, starts = model.numbers, model.module.parsed.starts
        return (number, *[starts[numbers[chunk]] for chunk in self.chunks])

    def holds(self, model: SemanticModel) -> bool:
        """Whether the routes still lead through the same places."""
        live, numbers = model.live, model.numbers
        same = all(live.get(task) == via for task, via in self.through.items())
        return same and self.lasts and all(chunk in numbers for chunk in self.chunks)


class Found:
    """The findings in one unit. Their spans count from the beginnings of their chunks."""

    __slots__ = ("_chunks", "_key", "_placed", "_resolved", "relative")

    def __init__(self, found: Iterable[Diagnostic], number: int, module: ParsedModule) -> None:
        start = module.starts[number] if module.chunks else 0
        moved = [_relative(diagnostic, start, module) for diagnostic in found]
        self.relative = tuple([diagnostic for diagnostic, _ in moved])
        self._chunks = tuple([chunks for _, chunks in moved])
        self._resolved: Resolved | None = None
        self._key: tuple[int, ...] | None = None  # where all that they speak of lay
        self._placed: tuple[Diagnostic, ...] = ()

    def speaks_of(self, chunks: AbstractSet[Chunk]) -> bool:
        """Whether a place that explains one of them lies in one of these chunks."""
        return any(not chunks.isdisjoint(places) for places in self._chunks)

    def placed(self, number: int, model: SemanticModel) -> tuple[Diagnostic, ...]:
        """The diagnostics where they lie in the source now; none whose text was just edited."""
        if not self.relative:
            return ()
        resolved = self._resolved
        if resolved is None or not resolved.holds(model):
            resolved, self._key = self._resolve(number, model), None
            self._resolved = resolved
        key = resolved.key(number, model)
        if key is None or key != self._key:
            placed = [
                _placed(diagnostic, places, number, model)
                for diagnostic, places in zip(self.relative, resolved.places)
            ]
            self._key = key
            self._placed = tuple([diagnostic for diagnostic in placed if diagnostic is not None])
        return self._placed

    def _resolve(self, number: int, model: SemanticModel) -> Resolved:
        through = model.asked_vias = {}
        resolved = [
            _related(diagnostic.finding, chunks, model)
            for diagnostic, chunks in zip(self.relative, self._chunks)
        ]
        model.asked_vias = {}
        mine = model.module.chunks[number]
        spans = [(mine, diagnostic.finding.span) for diagnostic in self.relative]
        spans += [(chunk, place.span) for each in resolved for chunk, place in each if chunk]
        apart = all(span.end <= len(chunk.text) for chunk, span in spans)
        chunks = dict.fromkeys([chunk for chunk, _ in spans])
        places = tuple(resolved)
        return Resolved(places, through, tuple(chunks), lasts=apart and not self._is_gone(model))

    def _is_gone(self, model: SemanticModel) -> bool:
        """Whether the text of a related place is not there now."""
        return any(
            isinstance(place, Related) and place.path is None and chunk not in model.numbers
            for diagnostic, chunks in zip(self.relative, self._chunks)
            for place, chunk in zip(diagnostic.finding.related, chunks)
        )


def _relative(
    diagnostic: Diagnostic, start: int, module: ParsedModule
) -> tuple[Diagnostic, tuple[Chunk, ...]]:
    """A diagnostic with spans that count from where their chunks begin."""
    finding = diagnostic.finding
    related: list[Related | Route] = []
    places: list[Chunk] = []
    for place in finding.related:
        number = 0
        if isinstance(place, Related) and place.path is None:
            number = module.chunk_at(place.span.start)
            place = replace(place, span=_shifted(place.span, -module.starts[number]))
        related.append(place)
        places.append(module.chunks[number])
    moved = replace(finding, span=_shifted(finding.span, -start), related=tuple(related))
    return replace(diagnostic, finding=moved), tuple(places)


def _related(
    finding: Finding, chunks: tuple[Chunk, ...], model: SemanticModel
) -> tuple[Place, ...]:
    """The places that explain a finding; those whose text is gone are left out."""
    found: list[Place] = []
    module = model.module
    for place, chunk in zip(finding.related, chunks):
        if isinstance(place, Route):
            found.extend([_chunked(related, module) for related in place.places(model)])
        elif place.path is not None:
            found.append(Place(None, place))
        elif chunk in model.numbers:
            found.append(Place(chunk, place))
    return tuple(found)


def _chunked(place: Related, module: ParsedModule) -> Place:
    if place.path is not None or place.span.end == 0:
        return Place(None, place)
    number = module.chunk_at(place.span.start)
    moved = replace(place, span=_shifted(place.span, -module.starts[number]))
    return Place(module.chunks[number], moved)


def _placed(
    diagnostic: Diagnostic, places: tuple[Place, ...], number: int, model: SemanticModel
) -> Diagnostic | None:
    module, finding = model.module, diagnostic.finding
    span = module.to_source(_shifted(finding.span, module.starts[number]))
    if span is None:
        return None
    related: list[Related] = []
    for chunk, place in places:
        if chunk is None:
            related.append(place)
            continue
        there = module.to_source(_shifted(place.span, module.starts[model.numbers[chunk]]))
        if there is not None:
            related.append(Related(there, place.message))
    fixes, tag = finding.fixes, finding.tag
    placed = Finding(span, finding.message, finding.certainty, tuple(related), fixes, tag)
    rule, family, severity = diagnostic.rule, diagnostic.family, diagnostic.severity
    return Diagnostic(rule, family, severity, placed, number, diagnostic.url)


def _shifted(span: Span, by: int) -> Span:
    return Span(span.start + by, span.end + by) if by else span

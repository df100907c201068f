"""What a rule reports, and what leaves the engine. Plain data: no LSP types, no syntax nodes."""

from __future__ import annotations

from enum import Enum, IntEnum

from jaxsight_analyzers.data import dataclass, field


class Certainty(IntEnum):
    """How sure the model is that a statement holds on every path. Ordered."""

    NO = 0
    MAYBE = 1
    YES = 2


class Applicability(IntEnum):
    """How sure we are that a fix does what its author wants. Ordered: higher is safer."""

    DISPLAY = 0
    UNSAFE = 1
    SAFE = 2


class Severity(Enum):
    """How grave a rule's findings are, unless the user says otherwise."""

    ERROR = "error"  # raises, or silently computes something else
    WARNING = "warning"  # costs time, memory or precision
    HINT = "hint"  # works; there is a plainer way


class Tag(Enum):
    """How an editor may draw a finding's range."""

    DEPRECATED = "deprecated"  # struck through
    UNNECESSARY = "unnecessary"  # faded


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """A half-open range of code-point offsets into one file's text."""

    start: int
    end: int

    def overlaps(self, other: Span) -> bool:
        """Whether the two share a character, or an empty one lies strictly inside the other."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, order=True, slots=True)
class Edit:
    """Replace the text at `span` with `text`. An empty span inserts, an empty text deletes.

    `path` names another file than the finding's own; None is the finding's own.
    """

    span: Span
    text: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Fix:
    """One way to resolve one diagnostic: edits applied together or not at all.

    `edits` do not overlap. Fixes of different diagnostics are changes to the same text, like
    commits with the same parent; combining them is the engine's work, never a rule's.
    """

    title: str
    edits: tuple[Edit, ...]
    applicability: Applicability


@dataclass(frozen=True, slots=True)
class FixRef:
    """A promise of a fix: the rule's `fix` turns it into edits when someone wants them.

    `title` and `applicability` are known beforehand, so that a light bulb costs no edits.
    `data` is the number of the place in the rule's stream of the same unit.
    """

    kind: str
    title: str
    applicability: Applicability
    data: int = 0


@dataclass(frozen=True, order=True, slots=True)
class Related:
    """A place that explains a finding, with a sentence such as "`step` is compiled here"."""

    span: Span
    message: str
    path: str | None = None


class Route:
    """How code comes to run as it does: places that are looked up when a finding leaves the engine.

    Which calls lead to a function can change while the function and its findings stay as they are.
    """

    __slots__ = ()

    def places(self, model: object) -> tuple[Related, ...]:
        """The places, for the state of the file that a model describes."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check yields: where, what, how sure, and how to mend it. Not how grave it is."""

    span: Span
    message: str
    certainty: Certainty = Certainty.YES
    related: tuple[Related | Route, ...] = ()
    fixes: tuple[FixRef, ...] = ()
    tag: Tag | None = None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A finding of one rule in one file, as it leaves the engine."""

    rule: str
    family: str
    severity: Severity
    finding: Finding
    unit: int = field(default=0, compare=False)  # which unit of the model made it
    url: str | None = None

    @property
    def span(self) -> Span:
        """Where it is."""
        return self.finding.span

    @property
    def message(self) -> str:
        """What it says: one sentence without a full stop."""
        return self.finding.message

    @property
    def related(self) -> tuple[Related, ...]:
        """The places that explain it. Routes are resolved before it leaves the engine."""
        return tuple([place for place in self.finding.related if isinstance(place, Related)])

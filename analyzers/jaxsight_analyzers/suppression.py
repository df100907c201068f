"""Comments that accept a finding: `# jaxsight: ignore[rule-name] why`.

On a finding's line, on the first line of its statement, or alone on the line before. And for a
whole file: `# jaxsight: file-ignore[rule-name] why`. In brackets stand names of rules or of families.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from jaxsight_analyzers.data import dataclass, field, replace
from jaxsight_analyzers.diagnostic import Diagnostic, Edit, Span
from jaxsight_analyzers.registry import families, rule_named
from jaxsight_analyzers.source import SourceFile
from jaxsight_analyzers.syntax.lexing import Lexed, lex

if TYPE_CHECKING:
    from jaxsight_analyzers.syntax.parsed import ParsedModule

UNUSED_SUPPRESSION = "unused-suppression"

_DIRECTIVE = re.compile(
    r"#\s*jaxsight\s*:\s*(?P<kind>file-ignore|ignore)(?![\w-])"
    r"(?P<brackets>\s*\[(?P<names>[^\]#\r\n]*)(?P<closed>\]?))?"
)
_NAME = re.compile(r"[^\s,]+")
_CODING = re.compile(r"[ \t\f]*#.*?coding[:=]")


class Kind(Enum):
    """How far a suppression reaches."""

    LINE = "ignore"
    FILE = "file-ignore"


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a suppression's brackets."""

    text: str
    span: Span

    @property
    def is_known(self) -> bool:
        """Whether a rule or a family has this name, or had it once."""
        text = self.text
        return text == UNUSED_SUPPRESSION or text in families() or rule_named(text) is not None

    def covers(self, diagnostic: Diagnostic) -> bool:
        """Whether a finding belongs to the rule or the family named."""
        if self.text in (diagnostic.rule, diagnostic.family):
            return True
        rule = rule_named(self.text)
        return rule is not None and rule.name == diagnostic.rule


@dataclass(frozen=True, slots=True)
class Suppression:
    """One comment. `unused` are those of its names that suppressed nothing, once that is known."""

    span: Span
    kind: Kind
    names: tuple[Name, ...]
    closed: bool
    line: int
    alone: bool
    covered_line: int  # of a comment that is alone: the line of code below it
    unused: tuple[Name, ...] = ()

    @property
    def message(self) -> str:
        """What is wrong with it, as the finding `unused-suppression` says it."""
        directive = self.kind.value
        if not self.names:
            return f"`# jaxsight: {directive}` names no rule and so suppresses nothing; write `{directive}[rule-name]`"
        if not self.closed:
            return f"`# jaxsight: {directive}[...` has no closing bracket and so suppresses nothing"
        unknown = [name.text for name in self.unused if not name.is_known]
        if unknown:
            there_is = "there is no rule or family" if len(unknown) == 1 else "there are no rules"
            return f"{there_is} {_quoted(unknown)}, so this suppresses nothing"
        where = "in this file" if self.kind is Kind.FILE else "here"
        return f"no finding of {_quoted(name.text for name in self.unused)} {where} to suppress"

    def removal(self, source: SourceFile) -> Edit:
        """The edit that removes what is unused: the comment, or some of its names."""
        left = [name for name in self.names if name not in self.unused]
        if not left or not self.closed:
            return self._removal_of_all(source)
        inside = Span(self.names[0].span.start, self.names[-1].span.end)
        return Edit(inside, ", ".join(name.text for name in left))

    def _removal_of_all(self, source: SourceFile) -> Edit:
        line = source.line_span(self.line)
        before = source.text[line.start : self.span.start]
        after = source.text[self.span.end : line.end]
        if before.strip():
            return Edit(Span(line.start + len(before.rstrip()), self.span.end), "")
        if after.strip():  # another tool's comment follows
            return Edit(Span(self.span.start, line.end - len(after.lstrip())), "")
        if self.line + 1 < len(source.line_starts):
            return Edit(Span(line.start, source.line_starts[self.line + 1]), "")
        return Edit(line, "")

    def covers(self, diagnostic: Diagnostic) -> Name | None:
        """The name that suppresses a finding on a line that it is for."""
        if not self.closed:
            return None
        return next((name for name in self.names if name.covers(diagnostic)), None)


@dataclass(frozen=True, slots=True)
class Suppressions:
    """All suppressions of one file, in its order."""

    source: SourceFile
    items: tuple[Suppression, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.items)

    def apply(
        self,
        diagnostics: Iterable[Diagnostic],
        statement_start: Callable[[int], int],
        ran: Collection[str] | None = None,
    ) -> tuple[list[Diagnostic], tuple[Suppression, ...]]:
        """What is left of the diagnostics, and the suppressions that are not needed, wholly or in part.

        Lines count from zero; `statement_start` gives the first line of the simple statement, or of
        the header, that a line belongs to. `ran` names the rules that were run, None if all were:
        a suppression of one that was not run is not unused.
        """
        kept: list[Diagnostic] = []
        used: set[Span] = set()
        everywhere = [item for item in self.items if item.kind is Kind.FILE]
        on_line: dict[int, list[Suppression]] = {}
        for item in self.items:
            if item.kind is Kind.LINE:
                here = item.covered_line if item.alone else item.line
                on_line.setdefault(here, []).append(item)
        for diagnostic in diagnostics:
            line = self.source.line_of(diagnostic.span.start)
            statement = statement_start(line)
            items = [*everywhere, *(i for at in {line, statement} for i in on_line.get(at, ()))]
            covering = [name for item in items if (name := item.covers(diagnostic))]
            used.update(name.span for name in covering)
            if not covering:
                kept.append(diagnostic)
        return kept, self._unused(used, ran)

    def _unused(self, used: set[Span], ran: Collection[str] | None) -> tuple[Suppression, ...]:
        if any(
            item.kind is Kind.FILE and item.closed and name.text == UNUSED_SUPPRESSION
            for item in self.items
            for name in item.names
        ):
            return ()
        found: list[Suppression] = []
        for item in self.items:
            unused = tuple(
                name
                for name in item.names
                if name.span not in used and (not item.closed or not _may_be_needed(name, ran))
            )
            if unused or not item.names:
                found.append(replace(item, unused=unused))
        return tuple(found)


def _may_be_needed(name: Name, ran: Collection[str] | None) -> bool:
    """Whether a name may suppress something in another run: its rule was not run in this one."""
    if name.text == UNUSED_SUPPRESSION:
        return True
    if ran is None or not name.is_known:
        return False
    rule = rule_named(name.text)
    return rule is None or rule.name not in ran


def parse_suppressions(source: SourceFile) -> Suppressions:
    """Every suppression of a text, which need not be Python. One in a string is none."""
    comments = lex(source.text).comments if "jaxsight" in source.text else ()
    return _in_comments(source, comments)


def suppressions_of(module: ParsedModule) -> Suppressions:
    """Every suppression of a file that is parsed: only what an edit touched is looked through for comments."""
    parsed = module.parsed
    comments = [
        Span(start + comment.start, start + comment.end)
        for chunk, start in zip(parsed.chunks, parsed.starts)
        for comment in chunk.comments_to_us
    ]
    return _in_comments(module.source, comments)


def _in_comments(source: SourceFile, comments: Iterable[Span]) -> Suppressions:
    items = [
        _suppression(source, match, comment)
        for comment in comments
        for match in _DIRECTIVE.finditer(source.text, comment.start, comment.end)
    ]
    return Suppressions(source, tuple(items))


def _suppression(source: SourceFile, match: re.Match[str], comment: Span) -> Suppression:
    # The reason reaches to the end of the comment or to another tool's comment in it.
    following = source.text.find(" #", match.end(), comment.end)
    end = comment.end
    if following >= 0:
        end = len(source.text[:following].rstrip(" \t"))
    line = source.line_of(comment.start)
    alone = not source.text[source.line_starts[line] : comment.start].strip()
    names: tuple[Name, ...] = ()
    if match["brackets"]:
        inside = match.span("names")
        found = _NAME.finditer(source.text, *inside)
        names = tuple(Name(name.group(), Span(*name.span())) for name in found)
    return Suppression(
        Span(match.start(), end),
        Kind(match["kind"]),
        names,
        closed=match["closed"] == "]",
        line=line,
        alone=alone,
        covered_line=_next_code_line(source, line),
    )


def _next_code_line(source: SourceFile, line: int) -> int:
    """The first line below a comment that is neither blank nor a comment: no string goes on in these."""
    for below in range(line + 1, len(source.line_starts)):
        if not _is_blank_or_comment(source.line_text(below)):
            return below
    return line


def insert_suppression(source: SourceFile, offset: int, rule: str) -> Edit:
    """The edit that suppresses a rule for what begins at an offset: into a comment that is there already,
    at the end of the line, or, where a comment cannot follow, on a line of its own.
    """
    line = source.line_of(offset)
    lexed = lex(source.text)
    first = lexed.first_lines[line]
    for item in parse_suppressions(source).items:
        here = item.covered_line if item.alone else item.line
        if item.kind is Kind.LINE and item.closed and item.names and here in (line, first):
            return _add_name(item, rule)
    comment = f"# jaxsight: {Kind.LINE.value}[{rule}]"
    if line not in lexed.open_ended:
        end = source.line_span(line).end
        code_end = len(source.text[:end].rstrip(" \t"))
        return Edit(Span(code_end, end), f"  {comment}")
    start = source.line_starts[first]
    text = source.line_text(first)
    indent = text[: len(text) - len(text.lstrip())]
    return Edit(Span(start, start), f"{indent}{comment}{_newline(source)}")


def insert_file_suppression(source: SourceFile, rule: str) -> Edit:
    """The edit that suppresses a rule in a whole file: into a comment that is there already, else on
    a new line after the file's head: `#!` line, encoding, comments and docstring.
    """
    for item in parse_suppressions(source).items:
        if item.kind is Kind.FILE and item.closed and item.names:
            return _add_name(item, rule)
    line = _line_after_head(source, lex(source.text))
    comment = f"# jaxsight: {Kind.FILE.value}[{rule}]"
    newline = _newline(source)
    if line < len(source.line_starts):
        start = source.line_starts[line]
        return Edit(Span(start, start), comment + newline)
    end = len(source.text)  # the head is the whole text and lacks a line end
    return Edit(Span(end, end), newline + comment + newline)


def _line_after_head(source: SourceFile, lexed: Lexed) -> int:
    """The first line that may hold a comment about the file."""
    line = 0
    if source.text.startswith("#!"):
        line = 1
    if line < len(source.line_starts) and _CODING.match(source.line_text(line)):
        line += 1
    # A docstring stays the first statement either way; the comment reads better below it.
    below = line
    while below < len(source.line_starts) and _is_blank_or_comment(source.line_text(below)):
        below += 1
    if below < len(source.line_starts):
        start = source.line_starts[below]
        docstring = next((span for span in lexed.strings if start <= span.start <= start + 2), None)
        if docstring is not None and not source.text[start : docstring.start].strip("rRuU"):
            return source.line_of(docstring.end) + 1
    return line


def _is_blank_or_comment(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _add_name(item: Suppression, rule: str) -> Edit:
    end = item.names[-1].span.end
    return Edit(Span(end, end), f", {rule}")


def _newline(source: SourceFile) -> str:
    """The line end the file uses."""
    if len(source.line_starts) < 2:
        return "\n"
    first = source.line_span(0)
    return source.text[first.end : source.line_starts[1]]


def _quoted(names: Iterable[str]) -> str:
    listed: Sequence[str] = [f"`{name}`" for name in names]
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"

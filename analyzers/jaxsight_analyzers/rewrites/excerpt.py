"""Some statements of a block as a tree of libcst, and back into the file as one edit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import libcst as cst

from jaxsight_analyzers.diagnostic import Edit, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.semantic import Unit

Statement = cst.BaseCompoundStatement | cst.SimpleStatementLine
"""A statement as it stands in a block: with its lines."""

_REST_OF_LINE = re.compile(r"[ \t]*(#[^\r\n]*)?(?=\r|\n|\Z)")
_HEADER = "if True:"


class Excerpt(NamedTuple):
    """Statements that follow each other, with the comment behind the last one."""

    span: Span
    indent: str
    newline: str
    module: cst.Module
    statements: tuple[Statement, ...]

    def replaced_by(self, statements: Iterable[Statement]) -> Edit:
        """The edit that puts other statements in their place."""
        return Edit(self.span, self.text_of(statements))

    def text_of(self, statements: Iterable[Statement]) -> str:
        """Statements as they are written here; all lines but the first are indented."""
        written = _with_body(self.module, self.indent, statements).code
        if self.indent:
            written = written[len(_HEADER) + len(self.newline) :]
        return written.removeprefix(self.indent).removesuffix(self.newline)

    def code(self, node: cst.CSTNode) -> str:
        """A node as it is written here."""
        return self.module.code_for_node(node)

    def apart(self, statement: Statement) -> Statement:
        """A statement with an empty line above it, and the comments it has there."""
        kept = [line for line in statement.leading_lines if line.comment is not None]
        return statement.with_changes(leading_lines=[cst.EmptyLine(indent=False), *kept])

    def parsed(self, text: str) -> Statement:
        """A statement that is written from scratch, with `\\n` between its lines."""
        found = cst.parse_statement(
            text.replace("\n", self.newline), self.module.config_for_parsing
        )
        assert isinstance(found, Statement)
        return found

    def function(
        self,
        name: str,
        parameters: Sequence[str],
        body: Iterable[Statement],
        result: str,
        suite: cst.BaseSuite | None = None,
    ) -> Statement:
        """A local function that runs statements and, unless that is empty, returns a result.

        `suite` is where the statements come from: comments at its beginning and end move with them.
        """
        made = self.parsed(f"def {name}({', '.join(parameters)}):\n    pass\n")
        assert isinstance(made, cst.FunctionDef)
        inside = list(body)
        if result:
            inside.append(self.parsed(f"return {result}"))
        block = cst.IndentedBlock(inside)
        if isinstance(suite, cst.IndentedBlock):
            block = block.with_changes(header=suite.header, footer=suite.footer)
        return made.with_changes(body=block)


def excerpt(unit: Unit, first: ast.stmt, last: ast.stmt | None = None) -> Excerpt | None:
    """Statements from the first to the last one; None where they share a line with others."""
    module = unit.model.module
    text = module.analysed.text
    place = edits.place_at(unit, module.span(first).start)
    if place is None or place.node is not first or not edits.starts_its_line(unit, place.span):
        return None
    rest = _REST_OF_LINE.match(text, module.span(last or first).end)
    if rest is None:
        return None
    span = Span(place.span.start, rest.end())
    newline = edits.newline(unit)
    written = f"{place.indent}{text[span.start : span.end]}{newline}"
    header = f"{_HEADER}{newline}" if place.indent else ""
    parsed = _parsed(header + written, edits.indent_unit(unit))
    if parsed is None:
        return None
    return Excerpt(span, place.indent, newline, parsed, _statements(parsed, place.indent))


def one_line(statement: Statement) -> cst.BaseSmallStatement | None:
    """The only small statement on a line; None where there are several, or it has a block."""
    if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        return statement.body[0]
    return None


def lines_of(suite: cst.BaseSuite) -> tuple[Statement, ...]:
    """The statements of a suite, each on a line of its own."""
    if isinstance(suite, cst.IndentedBlock):
        return tuple(s for s in suite.body if isinstance(s, Statement))
    assert isinstance(suite, cst.SimpleStatementSuite)
    parts = [part.with_changes(semicolon=cst.MaybeSentinel.DEFAULT) for part in suite.body]
    lines = [cst.SimpleStatementLine([part]) for part in parts]
    lines[-1] = lines[-1].with_changes(trailing_whitespace=suite.trailing_whitespace)
    return tuple(lines)


class _IndentAsWritten(cst.CSTTransformer):
    """Lets each block keep its indentation when that of new ones is set."""

    def __init__(self, indent: str) -> None:
        super().__init__()
        self.indent = indent

    def leave_IndentedBlock(  # noqa: N802 - libcst's name
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        if updated_node.indent is None:
            return updated_node.with_changes(indent=self.indent)
        return updated_node


def _parsed(text: str, indent: str) -> cst.Module | None:
    try:
        module = cst.parse_module(text)
    except cst.ParserSyntaxError:
        return None  # of a grammar that libcst does not know yet
    if module.default_indent == indent:
        return module
    module = module.visit(_IndentAsWritten(module.default_indent))
    return module.with_changes(default_indent=indent)


def _statements(module: cst.Module, indent: str) -> tuple[Statement, ...]:
    if not indent:
        return tuple(module.body)
    wrapper = module.body[0]
    assert isinstance(wrapper, cst.If)
    return lines_of(wrapper.body)


def _with_body(module: cst.Module, indent: str, statements: Iterable[Statement]) -> cst.Module:
    body = list(statements)
    if not indent:
        return module.with_changes(body=body)
    wrapper = module.body[0]
    assert isinstance(wrapper, cst.If)
    block = wrapper.body.with_changes(body=body)
    return module.with_changes(body=[wrapper.with_changes(body=block)])

"""Programs to make mistakes in, and the mistakes: a text with one place changed."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol, cast

OWN = Path(__file__).parent / "programs"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Edit(NamedTuple):
    """What replaces a node; the rest of the text keeps its lines as far as that is possible."""

    node: ast.AST
    text: str


class Mutant(NamedTuple):
    """One mistake in one program."""

    kind: str
    rule: str
    place: str  # `line:column` in the program, and what tells it from others there
    text: str
    lines: tuple[int, ...]  # where a finding may be, counted from 1 in the mutant


class Program:
    """A program that is correct, with what mutators ask about it."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.tree = ast.parse(text)
        self.lines = text.split("\n")

    @property
    def digest(self) -> str:
        """Tells whether a program is still the one that was run."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node around each node."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around a node, from the inside out."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def function(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The function that a node stands in."""
        return next((each for each in self.above(node) if isinstance(each, FUNCTIONS)), None)

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that a node is part of."""
        if isinstance(node, ast.stmt):
            return node
        return next(each for each in self.above(node) if isinstance(each, ast.stmt))

    def source(self, node: ast.AST) -> str:
        """The text of a node."""
        return self.text[slice(*self.span(node))]

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where a node starts and ends; the programs are ASCII."""
        placed, starts = at(node), self._line_starts
        return (
            starts[placed.lineno - 1] + placed.col_offset,
            starts[placed.end_lineno - 1] + placed.end_col_offset,
        )

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        for line in self.lines:
            starts.append(starts[-1] + len(line) + 1)
        return starts

    def edited(self, *edits: Edit) -> str:
        """The text after some replacements that do not overlap."""
        text = self.text
        for edit in sorted(edits, key=lambda each: self.span(each.node), reverse=True):
            start, end = self.span(edit.node)
            text = text[:start] + edit.text + text[end:]
        return text

    def indent(self, statement: ast.stmt) -> str:
        """The white space before a statement."""
        return " " * statement.col_offset

    @cached_property
    def names(self) -> dict[str, str]:
        """What the imports call things: the name here and the dotted name it stands for."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for each in node.names:
                    top = each.name.partition(".")[0]
                    found[each.asname or top] = each.name if each.asname else top
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for each in node.names:
                    found[each.asname or each.name] = f"{node.module}.{each.name}"
        return found

    def qualified(self, node: ast.AST) -> str:
        """The dotted name that an expression spells; empty for everything else."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.names:
            return ""
        return ".".join([self.names[node.id], *reversed(parts)])

    def calls(self, *qualified: str) -> Iterator[ast.Call]:
        """The calls of certain functions of libraries."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and self.qualified(node.func) in qualified:
                yield node


class Placed(Protocol):
    """A node that has a place in the text."""

    lineno: int
    col_offset: int
    end_lineno: int
    end_col_offset: int


def at(node: ast.AST) -> Placed:
    """Where a node is: `ast` does not say which nodes have a place."""
    return cast("Placed", node)


def place(node: ast.AST, detail: str = "") -> str:
    """How a list of mutants names a place."""
    return f"{at(node).lineno}:{at(node).col_offset} {detail}".strip()


def lines(*nodes: ast.AST) -> tuple[int, ...]:
    """The lines that some nodes take up."""
    found: set[int] = set()
    for node in nodes:
        found.update(range(at(node).lineno, at(node).end_lineno + 1))
    return tuple(sorted(found))

"""Scopes and definitions: which functions and classes a file has, and what binds each name in it.

Definitions are cells that outlive an edit: a function whose text changed keeps its `FunctionScope`,
which then holds the new node. Values and memoised results refer to cells, never to nodes of
definitions, so that an edit of one body leaves everything else as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from jaxsight_analyzers.data import dataclass, field
from jaxsight_analyzers.semantic.body_text import BodyText, body_text_of
from jaxsight_analyzers.semantic.parameters import (
    FunctionNode,
    Parameters,
    parameters_of,
)
from jaxsight_analyzers.semantic.tasks import Dependency
from jaxsight_analyzers.semantic.trees import (
    children,
    is_generator,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.changes import Changes
    from jaxsight_analyzers.semantic.evidence import Evidence
    from jaxsight_analyzers.semantic.module import Module
    from jaxsight_analyzers.semantic.states import Home
    from jaxsight_analyzers.syntax.chunks import Chunk

NOTHING: Mapping[str, str] = {}
NO_NAMES: AbstractSet[str] = frozenset()
DefinitionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class FunctionScope(Dependency):
    """A `def` or a lambda: where it is and what it binds. Who runs its body depends on it.

    `head` stands for its signature and decorators: who only binds arguments depends on that.
    `evidence` is what its text says of its parameters, once someone has asked.
    """

    __slots__ = (
        "_body",
        "_generator",
        "_parameters",
        "declared",
        "evidence",
        "head",
        "home",
        "keeps",
        "local_names",
        "mentions",
        "name",
        "nested",
        "node",
        "owner",
        "parameter_homes",
        "piece",
        "qualname",
        "stores",
        "telling",
    )

    def __init__(
        self,
        node: FunctionNode,
        name: str,
        qualname: str,
        owner: ClassScope | None,
        nested: bool,
        home: Module,
        piece: Piece,
    ) -> None:
        super().__init__()
        self.node = node
        self.name = name
        self.qualname = qualname
        self.owner = owner  # the class whose method it is
        self.nested = nested  # inside another function
        self.home = home
        self.piece = piece
        self.local_names: set[str] = set()
        self.declared: Mapping[str, str] = NOTHING  # its names that are "global" or "nonlocal"
        self.parameter_homes: dict[str, Home] | None = None  # once it has run
        self.stores = NO_NAMES  # the attributes of `self` that a method sets
        self.keeps = NO_NAMES  # those of them that it may give a function or an object
        self.mentions = NO_NAMES  # names and attributes in it; of functions that are not nested
        self.head = Dependency()
        self.evidence: Evidence | None = None
        self.telling = Dependency()  # stands for the evidence
        self._parameters: Parameters | None = None
        self._body: BodyText | None = None
        self._generator: tuple[FunctionNode, bool] | None = None

    @property
    def is_generator(self) -> bool:
        """Whether its body yields, as its text is now."""
        known = self._generator
        if known is None or known[0] is not self.node:
            known = self._generator = self.node, is_generator(self.node)
        return known[1]

    @property
    def body(self) -> BodyText:
        """What the text of its body says now."""
        known = self._body
        if known is None or known.node is not self.node:
            known = self._body = body_text_of(self.node)
        return known

    @property
    def parameters(self) -> Parameters:
        """What its signature says now."""
        known = self._parameters
        if known is None or known.node is not self.node:
            known = self._parameters = parameters_of(self.node)
        return known

    def dismantle(self) -> None:
        """Drop those who use it."""
        for dependency in (self, self.head, self.telling):
            dependency.forget_users()

    def __repr__(self) -> str:
        return f"<function {self.qualname}>"


class ClassScope(Dependency):
    """A class of a file: its methods, its fields and the expressions it derives from."""

    __slots__ = (
        "assigned",
        "fields",
        "home",
        "methods",
        "name",
        "nested",
        "node",
        "piece",
        "qualname",
    )

    def __init__(
        self, node: ast.ClassDef, name: str, qualname: str, nested: bool, home: Module, piece: Piece
    ) -> None:
        super().__init__()
        self.node = node
        self.name = name
        self.qualname = qualname
        self.nested = nested
        self.home = home
        self.piece = piece
        self.methods: dict[str, FunctionScope] = {}
        self.fields: dict[str, ast.AnnAssign] = {}
        self.assigned: dict[str, ast.expr | None] = {}

    def is_property(self, name: str) -> bool:
        """Whether reading the attribute runs code."""
        method = self.methods.get(name)
        return method is not None and any(
            _is_property(decorator) for decorator in decorators_of(method.node)
        )

    def assign(self, name: str, value: ast.expr) -> None:
        """`name = value` in the class's body; None for a name that is assigned more than once."""
        self.assigned[name] = None if name in self.assigned else value

    def writers(self, attribute: str) -> list[str]:
        """The methods that set an attribute of `self`."""
        return [name for name, method in self.methods.items() if attribute in method.stores]

    def keepers(self, attribute: str) -> list[str]:
        """The methods that may give an attribute of `self` a function or an object."""
        return [name for name, method in self.methods.items() if attribute in method.keeps]

    def dismantle(self) -> None:
        """Drop those who use it, and its methods, whose owner it is."""
        self.forget_users()
        self.methods = {}

    def __repr__(self) -> str:
        return f"<class {self.qualname}>"


Scope = FunctionScope | ClassScope


class Definitions:
    """Every definition of the files that are analysed together, by its node."""

    def __init__(self) -> None:
        self.functions: dict[ast.AST, FunctionScope] = {}
        self.classes: dict[ast.AST, ClassScope] = {}


@dataclass(eq=False, slots=True)
class Piece:
    """What one chunk of a file defines, binds and speaks of."""

    chunk: Chunk
    scopes: list[Scope] = field(default_factory=list[Scope])
    names: set[str] = field(default_factory=set[str])  # bound at the module's level
    bindings: dict[str, list[ast.stmt]] = field(default_factory=dict[str, list[ast.stmt]])
    fields: dict[str, ast.AnnAssign] = field(
        default_factory=dict[str, ast.AnnAssign]
    )  # of a member's class
    assigns: list[tuple[str, ast.expr]] = field(default_factory=list[tuple[str, ast.expr]])
    imports: bool = False
    libraries: AbstractSet[str] = NO_NAMES  # names under which it imports libraries
    fallbacks: set[ast.stmt] = field(default_factory=set[ast.stmt])
    """What runs only where something before it failed."""
    mentions: set[str] = field(default_factory=set[str])  # names and attributes outside functions
    changes: Changes | None = None  # once someone has asked

    def all_mentions(self) -> list[AbstractSet[str]]:
        """The names and attributes that the chunk speaks of, of each of its functions apart."""
        return [self.mentions, *[s.mentions for s in self.scopes if isinstance(s, FunctionScope)]]


# What the syntax says


def lines_of_statements(body: Iterable[ast.stmt]) -> dict[int, int]:
    """For each further line of a statement of several lines, or of a block's header, its first line."""
    found: dict[int, int] = {}
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        waiting.extend(children(node))
        if not isinstance(node, ast.stmt):
            continue
        end = node.end_lineno or node.lineno
        inside = getattr(node, "body", None)
        if isinstance(inside, list) and inside:
            end = max(node.lineno, first_line(inside[0]) - 1)  # type: ignore[arg-type]
        for line in range(node.lineno + 1, end + 1):
            found[line] = max(found.get(line, 0), node.lineno)
    return found


def statements_below(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements at any depth of blocks, but not those of nested functions and classes."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from statements_below(getattr(statement, name, ()) or [])
        for handler in getattr(statement, "handlers", ()):
            yield from statements_below(handler.body)
        for case in getattr(statement, "cases", ()):
            yield from statements_below(case.body)


def decorators_of(node: FunctionNode) -> list[ast.expr]:
    """The decorators of a function; a lambda has none."""
    return [] if isinstance(node, ast.Lambda) else node.decorator_list


def _is_property(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Attribute):
        return "property" in decorator.attr
    return isinstance(decorator, ast.Name) and "property" in decorator.id


def first_line(node: ast.stmt) -> int:
    """The line on which a statement begins, with its decorators."""
    decorators = getattr(node, "decorator_list", None)
    return decorators[0].lineno if decorators else node.lineno

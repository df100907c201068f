"""What the interpretation saw: raw observations, before they are merged into streams.

A node may be seen many times: in each context that runs it and in each pass of a loop around it.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

from jaxsight_analyzers.data import dataclass, field
from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.loader import FunctionFacts
from jaxsight_analyzers.semantic.contexts import Frame, Transformation
from jaxsight_analyzers.semantic.keys import Consumption, KeyToken
from jaxsight_analyzers.semantic.values import FunctionData, Value


class BranchSeen(NamedTuple):
    """A test that Python decides: its value in one context."""

    node: ast.AST  # the statement or expression that branches
    test: ast.expr
    kind: str  # "if", "elif", "ternary", "comprehension", "match", "while", "assert"
    value: Value
    frame: Frame
    guards: tuple[str, ...]


class ArgumentSeen(NamedTuple):
    """One argument of a call, under the name of the parameter it binds to where that is known."""

    parameter: str | None
    node: ast.expr
    value: Value
    starred: bool = False


class CallSeen(NamedTuple):
    """A call of something with a qualified name."""

    node: ast.Call
    qualified: str
    facts: FunctionFacts | None
    arguments: tuple[ArgumentSeen, ...]
    frame: Frame
    guards: tuple[str, ...]


class ItemAssignmentSeen(NamedTuple):
    """`base[index] = value`, `base[index] op= value` or `del base[index]`."""

    node: ast.stmt
    target: ast.Subscript
    base: Value
    value: ast.expr | None
    operator: ast.operator | None
    frame: Frame
    guards: tuple[str, ...]


class KeyReuseSeen(NamedTuple):
    """A key that is used up although it was used up before."""

    node: ast.AST  # what uses it now: the call, or the argument in it
    argument: ast.expr | None
    token: KeyToken
    by: str
    earlier: Consumption
    certainty: Certainty
    in_loop: bool
    repeated_by: str | None  # the transformation that runs the body many times
    frame: Frame


class CompilationSeen(NamedTuple):
    """A compiled function that is made anew for each call of it."""

    transformation: Transformation
    function: FunctionData | None
    what: str  # "lambda", "nested function", "partial", "bound method", "transformed function"
    hot: bool  # made in a function that a loop calls, not in the loop itself
    frame: Frame


class ReferenceSeen(NamedTuple):
    """A name or dotted chain that stands for something of a library."""

    node: ast.AST  # the expression, or the `ast.alias` of an import
    qualified: str
    kind: str  # "attribute", "name", "import"
    guarded: bool
    statement: ast.stmt | None = None  # of an import


@dataclass(slots=True)
class Events:
    """Everything seen, in the order of the interpretation."""

    branches: list[BranchSeen] = field(default_factory=list[BranchSeen])
    calls: list[CallSeen] = field(default_factory=list[CallSeen])
    item_assignments: list[ItemAssignmentSeen] = field(default_factory=list[ItemAssignmentSeen])
    key_reuses: list[KeyReuseSeen] = field(default_factory=list[KeyReuseSeen])
    compilations: list[CompilationSeen] = field(default_factory=list[CompilationSeen])
    references: list[ReferenceSeen] = field(default_factory=list[ReferenceSeen])
    reveals: list[tuple[ast.Call, str, str, Frame]] = field(
        default_factory=list[tuple[ast.Call, str, str, Frame]]
    )
    contexts: dict[ast.AST, list[Frame]] = field(default_factory=dict[ast.AST, list[Frame]])

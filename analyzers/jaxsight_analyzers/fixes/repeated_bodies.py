"""Bodies that a call runs again and again, `scan`'s and its kin's: which call runs one, and what it does with names."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Edit
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.key_streams import KeyReuse
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.streams import Argument, Call

Function = ast.FunctionDef | ast.Lambda
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
"""What runs in its own way."""

_BODIES = ("body_fun", "f", "fun", "function")


class Cure(NamedTuple):
    """How each run gets a key of its own."""

    kind: str
    title: str
    edits: tuple[Edit, ...]


class Loop(NamedTuple):
    """A body, and the call that runs it again and again."""

    call: Call
    body: Function

    def argument(self, parameter: str) -> Argument | None:
        """What the call is given for a parameter of its own."""
        return next((a for a in self.call.arguments if a.parameter == parameter), None)

    def parameter(self, number: int) -> ast.arg | None:
        """The parameter of the body that has this number."""
        given = self.body.args
        found = [*given.posonlyargs, *given.args]
        return found[number] if number < len(found) and not given.vararg else None


def loops_of(unit: Unit, reuse: KeyReuse) -> Iterator[Loop]:
    """The call that runs the body which uses the key."""
    for call in unit.calls:
        if call.facts is None or display(call.canonical) != reuse.repeated_by:
            continue
        given = next((a.node for a in call.arguments if a.parameter in _BODIES), None)
        body = given if isinstance(given, ast.Lambda) else _defined(unit, call, given)
        if body is None:
            continue
        if call.node is reuse.node or any(node is reuse.node for node in inside(body)):
            yield Loop(call, body)


def _defined(unit: Unit, call: Call, given: ast.expr | None) -> ast.FunctionDef | None:
    """The function of that name above the call, if the call is all that it is used for."""
    if not isinstance(given, ast.Name):
        return None
    for place in reversed(edits.places_at(unit, call.span.start)):
        for statement in reversed(place.block[: place.index]):
            if isinstance(statement, ast.FunctionDef) and statement.name == given.id:
                return statement if reads(place.block, given.id) == [given] else None
    return None


def inside(body: Function) -> Iterator[ast.AST]:
    """What runs in a body itself: not in functions that it makes."""
    rest: list[ast.AST] = [body.body] if isinstance(body, ast.Lambda) else [*body.body]
    while rest:
        node = rest.pop()
        yield node
        if not isinstance(node, SCOPES):
            rest += ast.iter_child_nodes(node)


def reads(nodes: Iterable[ast.AST], name: str) -> list[ast.Name]:
    """Where a name is read, in functions that are made there too."""
    return [
        node
        for outer in nodes
        for node in ast.walk(outer)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
    ]

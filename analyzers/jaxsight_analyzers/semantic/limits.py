"""Where a file is followed with less detail than there is, so that the time it takes is bounded.

What is not followed is unknown, never a finding. It is noted with the task that met the limit, and
`sentences` says it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.semantic.run import (
    MAX_ACTIVATIONS,
    MAX_ACTIVATIONS_ELSEWHERE,
    MAX_DEPTH,
    MAX_SUMMARIES,
    Run,
)
from jaxsight_analyzers.semantic.tasks import DeeperError, Limit
from jaxsight_analyzers.semantic.values import UNKNOWN, Kind, Value
from jaxsight_analyzers.syntax import deep

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.contexts import Frame
    from jaxsight_analyzers.semantic.keys import Passes
    from jaxsight_analyzers.semantic.model import SemanticModel
    from jaxsight_analyzers.semantic.scopes import FunctionScope
    from jaxsight_analyzers.semantic.states import State
    from jaxsight_analyzers.source import SourceFile

MAX_LOOPS = 4
"""Loops in more loops than this run once: the cost of a body doubles with each loop around it."""

_BUDGET = "budget"
_STACK = "stack"
_WAYS = "ways"
_WAYS_ELSEWHERE = "ways elsewhere"
_SENTENCES = {
    _WAYS: f"is called in more than {MAX_ACTIVATIONS} ways: its arguments are followed in less detail",
    _WAYS_ELSEWHERE: f"is called in more than {MAX_ACTIVATIONS_ELSEWHERE} ways: its arguments are followed in less detail",
    _BUDGET: "is not followed in each call: the file asks for too much",
    "closures": f"is called in more than {MAX_SUMMARIES} ways in one function: it is not followed in the others",
    "depth": f"is not followed in calls through more than {MAX_DEPTH} nested functions",
    "loops": f"a loop in more than {MAX_LOOPS} loops is followed through one pass only",
    "items": "a container is too big or too deep to be followed item by item",
    _STACK: "the code is nested too deeply to be followed",
}  # fmt: skip


def note(run: Run, what: str, node: ast.AST | None) -> None:
    """Note that something is not followed as far as it goes."""
    limit = Limit(what, node)
    if limit not in run.task.limits:
        run.task.limits = (*run.task.limits, limit)


def note_budget(run: Run, scope: FunctionScope) -> None:
    """Note that a call is not followed since the file asks for too much, which depends on the order."""
    run.exhaust()
    note(run, _BUDGET, scope.node)


_PLAIN = (Kind.STATIC, Kind.UNKNOWN, Kind.HOST, Kind.ARRAY, Kind.IMPORTED)


def of_items(run: Run, node: ast.expr, value: Value, items: Collection[Value]) -> Value:
    """A container; where its items are not followed although there is something to follow, that is noted."""
    if value.kind not in (Kind.SEQUENCE, Kind.MAPPING) and any(
        item.traced or item.kind not in _PLAIN for item in items
    ):
        note(run, "items", node)
    return value


def note_stack(run: Run, node: ast.AST) -> None:
    """Note that Python's stack is too small for something."""
    run.exhaust()
    note(run, _STACK, node)


class Footing(NamedTuple):
    """Where a body of statements stands, to come back to."""

    frame: Frame
    guards: tuple[str, ...]
    loops: Passes
    inside: int  # loops of the frame


def footing(run: Run) -> Footing:
    """Where we stand."""
    frame = run.frame
    return Footing(frame, frame.guards, frame.loops, len(frame.breaks))


def run_alone_first(run: Run) -> None:
    """Have what runs now run on its own first, unless it did.

    So it does not depend on who asks for it whether Python's stack is too small for it.
    """
    for task in reversed(run.stack[2:]):
        if task.stands_alone:
            if task in run.alone:
                return
            run.alone.add(task)
            raise DeeperError(task)


def leave_out(run: Run, back: Footing, state: State, statement: ast.stmt) -> list[str]:
    """Come back from a statement that Python's stack is too small for; the names that are unknown after it."""
    run_alone_first(run)
    frame = run.frame = back.frame
    frame.state, frame.guards, frame.loops = state, back.guards, back.loops
    del frame.breaks[back.inside :], frame.continues[back.inside :]
    note_stack(run, statement)
    if any(isinstance(node, ast.Return) for node in ast.walk(statement)):
        frame.leave(UNKNOWN)
        state.dead = False
    return sorted(set(deep.bound_in(statement)))


def sentences(
    model: SemanticModel, where: Callable[[SourceFile, int], str] | None = None
) -> tuple[str, ...]:
    """What is not followed as far as it goes, in the order of the text; `where` words a place."""
    reached = dict.fromkeys(
        limit
        for task in (*model.live, *model.interpretation.names)
        for limit in (*(_too_many_ways(model, scope) for scope, _ in task.asked), *task.limits)
    )
    for piece in model.interpretation.module.pieces:
        if any(deep.UNKNOWN_NAME in mentions for mentions in piece.all_mentions()):
            reached.update((Limit(_STACK, node), None) for node in deep.unknown(piece.chunk.body))
    said = {_said(model, limit, where or _line) for limit in reached}
    return tuple([sentence for _, sentence in sorted(said)])


def _too_many_ways(model: SemanticModel, scope: FunctionScope) -> Limit:
    own = scope.home is model.interpretation.module
    return Limit(_WAYS if own else _WAYS_ELSEWHERE, scope.node)


def _line(source: SourceFile, offset: int) -> str:
    return f"line {source.line_of(offset) + 1}"


def _said(
    model: SemanticModel, limit: Limit, where: Callable[[SourceFile, int], str]
) -> tuple[tuple[str, int], str]:
    sentence, node = _SENTENCES[limit.what], limit.node
    if node is None:
        return ("", 0), sentence
    module = next(one for one in (model.module, *model.others) if one.owns(node))
    span = module.span(node)
    offset = (module.to_source(span) or span).start
    if module is model.module:
        path, place = "", where(module.source, offset)
    else:
        path = module.source.path
        place = f"{path}, {_line(module.source, offset)}"
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return (path, offset), f"`{node.name}` ({place}) {sentence}"
    if isinstance(node, ast.Lambda):
        return (path, offset), f"the lambda ({place}) {sentence}"
    return (path, offset), f"{place}: {sentence}"

"""The stream of effects: what functions read and do that outlives them, merged over contexts."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any, NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Route, Span
from jaxsight_analyzers.semantic.contexts import Frame, place
from jaxsight_analyzers.semantic.events import EffectSeen
from jaxsight_analyzers.semantic.homes import root_and_rest
from jaxsight_analyzers.semantic.routes import CalledThrough, ChangedHere
from jaxsight_analyzers.semantic.scopes import statements_below
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.streams import Places, tracer_of
from jaxsight_analyzers.semantic.trees import TRIES


class Effect(NamedTuple):
    """Something that a function reads or does and that outlives the call."""

    node: ast.AST
    span: Span
    kind: str  # "read", "write", "io", "time", "random", "cache", "iterate"
    what: str  # the place, such as `self.count`, or a library's function by qualified name
    name: str  # as people write it
    category: str  # "global", "nonlocal", "self", "argument", "default", "module container", "environment"
    value: Certainty  # whether what is written, handed out or kept is a tracer
    passed: Certainty  # of a cache: whether an argument is a tracer, which cannot be hashed
    certainty: Certainty
    legitimate: bool
    why: str  # it is legitimate
    copied: bool  # the object is a copy that the trace made: the caller's stays as it is
    put_back: bool  # the same function changes the place again after it, to what is no tracer
    returned: bool  # the object that is changed, or a name that holds it, is returned
    traced: bool  # the function runs on tracers
    compiled: bool  # it is part of compiled code, which later calls run
    repeated: bool  # it is part of the body of a `scan` and its like, which runs many times
    function: str  # what traces it
    enclosing: str  # the function it stands in
    changes: tuple[Span, ...]  # of a read: where the name is bound again or its object changed
    later: tuple[Route, ...]  # these places, for the finding of a rule
    related: tuple[Route, ...]


def effects(seen: Iterable[EffectSeen], places: Places) -> list[Effect]:
    """Each effect once, in the context in which it does the most harm; in the order of the text.

    Contexts come in another order after some edits.
    """
    best: dict[Any, tuple[tuple[object, ...], EffectSeen]] = {}
    writes: list[EffectSeen] = []
    for event in seen:
        if event.kind == "write":
            writes.append(event)
        if "tracer" in event.guards or "raises" in event.guards:
            continue
        rank = (event.frame.traced, not event.why, event.certainty, event.value)
        before = best.get(event.key)
        if before is None or rank > before[0]:
            best[event.key] = rank, event
    return [_effect(best[key][1], writes, places) for key in sorted(best)]


def _effect(event: EffectSeen, writes: Iterable[EffectSeen], places: Places) -> Effect:
    return Effect(
        _node_now(event, places),
        places.span(event.node),
        event.kind,
        event.what,
        display(event.what),
        event.home.category,
        event.value,
        event.passed,
        event.certainty,
        bool(event.why),
        event.why,
        event.copied,
        _is_put_back(event, writes),
        _is_returned(event),
        event.frame.traced,
        event.frame.compiled,
        _is_body(event.frame),
        tracer_of(event.frame),
        event.scope.name,
        tuple([places.span(node) for node in event.changes if places.module.owns(node)]),
        (ChangedHere(event.what, event.changes),) if event.changes else (),
        _related(event, places),
    )


def _node_now(event: EffectSeen, places: Places) -> ast.AST:
    """The node in the tree of this text: who calls a function need not run again where that was edited,
    as long as what it does stays in its place, and holds the node that was there."""
    module, old = places.module, event.node
    if not event.through or not module.owns(old):
        return old
    mine = place(old)
    waiting: list[ast.AST] = list(module.chunks[module.number_of(old)].body)
    while waiting:
        node = waiting.pop()
        first, _, last, _ = place(node)
        if last and not first <= mine[0] <= mine[2] <= last:
            continue
        if place(node) == mine and node.__class__ is old.__class__:
            return node
        waiting.extend(ast.iter_child_nodes(node))
    return old


def _related(event: EffectSeen, places: Places) -> tuple[Route, ...]:
    traced = places.related(event.frame)
    return (*traced, CalledThrough(event.through)) if traced and event.through else traced


def _is_body(frame: Frame) -> bool:
    """Whether it is part of what is traced once and then runs many times, such as the body of a `scan`."""
    for inner in frame.chain():
        if inner.tracing is not None:
            facts = inner.tracing.facts
            return facts.repeats and facts.when == "now"
    return False


def _is_put_back(event: EffectSeen, writes: Iterable[EffectSeen]) -> bool:
    """`env.sys = x` before `env.sys = old`, `stack.append(x)` before `stack.pop()`."""
    if event.kind != "write":
        return False
    mine, tail = place(event.node), _tail(event.what)
    return _assigned_finally(event) or any(
        other.frame is event.frame
        and other.scope is event.scope
        and other.value is not Certainty.YES
        and place(other.node) > mine
        and _tail(other.what) == tail
        for other in writes
    )


def _assigned_finally(event: EffectSeen) -> bool:
    """Whether a `finally:` of the function assigns to the same attribute, of whatever it calls the object."""
    node, body = event.node, getattr(event.scope.node, "body", None)
    if not isinstance(node, ast.Attribute) or not isinstance(body, list):
        return False
    finals = (s.finalbody for s in statements_below(body) if isinstance(s, TRIES))  # type: ignore[arg-type]
    return any(
        isinstance(target, ast.Attribute) and target.attr == node.attr
        for final in finals
        for statement in statements_below(final)
        for target in getattr(statement, "targets", ())
    )


def _tail(what: str) -> str:
    """The attribute or element in which a place ends, for one object has several names."""
    return what[max(what.rfind("."), what.rfind("["), 0) :]


def _is_returned(event: EffectSeen) -> bool:
    root = root_and_rest(event.what)[0]
    body = getattr(event.frame.node, "body", None)
    if not isinstance(body, list):
        return False
    return any(
        isinstance(name, ast.Name) and name.id == root
        for statement in statements_below(body)  # type: ignore[arg-type]
        if isinstance(statement, ast.Return) and statement.value is not None
        for name in ast.walk(statement.value)
    )

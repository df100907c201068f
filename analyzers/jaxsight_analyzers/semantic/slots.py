"""The state of a module's own code around one chunk: what it can see, and what it leaves.

A chunk whose surroundings hold the same objects as before leaves what it left before. What it can
see are the names that stand in it, with their parts and their keys.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.keys import Consumed
from jaxsight_analyzers.semantic.signatures import is_portable, signature
from jaxsight_analyzers.semantic.states import State
from jaxsight_analyzers.semantic.structures import tokens_in
from jaxsight_analyzers.semantic.trees import children
from jaxsight_analyzers.semantic.values import Value


@dataclass(eq=False, slots=True)
class Slots:
    """What of the module's state a chunk can see or has left."""

    names: dict[str, Value]
    consumed: Consumed
    conditions: tuple[object, ...]
    dead: bool
    guards: tuple[str, ...]

    def same(self, other: Slots) -> bool:
        """Whether the two are the same objects."""
        return (
            self.dead == other.dead
            and self.guards == other.guards
            and self.conditions == other.conditions
            and _identical(self.names, other.names)
            and _identical(self.consumed, other.consumed)
        )


def _identical(one: dict[str, Value] | Consumed, other: dict[str, Value] | Consumed) -> bool:
    return one.keys() == other.keys() and all(
        value is other[key]  # type: ignore[index]
        for key, value in one.items()
    )


def slots(frame: Frame, names: frozenset[str]) -> Slots:
    """What a chunk in which these names stand can see now."""
    state = frame.state
    held = _held(state, names)
    consumed: Consumed = {}
    if state.consumed:
        roots = {token.root for value in held.values() for token in tokens_in(value)}
        consumed = {t: use for t, use in state.consumed.items() if t.root in roots}
    return Slots(held, consumed, state.conditions, state.dead, frame.guards)


def _held(state: State, names: frozenset[str]) -> dict[str, Value]:
    found = {name: state.names[name] for name in names if name in state.names}
    for name in names if state.parts else ():
        for place in state.parts.get(name, ()):
            if place in state.names:
                found[place] = state.names[place]
    return found


def left_by(frame: Frame, names: frozenset[str], consumed: Consumed, kept: Slots | None) -> Slots:
    """What a chunk has left. What it left before stays where the new is no different."""
    state = frame.state
    held = _held(state, names)
    if kept is not None:
        for name, value in held.items():
            old = kept.names.get(name)
            if old is not None and old is not value and _same(old, value):
                held[name] = state.names[name] = old
    changed = {t: use for t, use in state.consumed.items() if consumed.get(t) is not use}
    return Slots(held, changed, state.conditions, state.dead, frame.guards)


def _same(old: Value, new: Value) -> bool:
    return (
        old.donated is None
        and new.donated is None
        and not tokens_in(old)
        and not tokens_in(new)
        and is_portable(old)
        and is_portable(new)
        and signature(old) == signature(new)
    )


def restore(frame: Frame, names: frozenset[str], left: Slots) -> None:
    """Leave what a chunk left before."""
    state = frame.state
    for name in names:
        state.names.pop(name, None)
        state.forget_parts(name)
    for place, value in left.names.items():
        state.hold(place, value)
    state.consumed.update(left.consumed)
    state.conditions = left.conditions  # type: ignore[assignment]
    state.dead = left.dead
    frame.guards = left.guards


def mentioned(body: Iterable[ast.AST]) -> set[str]:
    """The names that stand in a module's own code: in functions only what runs with the `def`."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        kind = node.__class__
        if kind is ast.Constant:
            continue
        if kind is ast.Name:
            found.add(node.id)  # type: ignore[attr-defined]
            continue
        if kind in _NAMING:
            found.update(_named(node))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                waiting.extend((*node.decorator_list, node.args))
                if node.returns is not None:
                    waiting.append(node.returns)
                continue
        waiting.extend(children(node))
    return found


_NAMING = {
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.alias),
    *(ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping),
}


def _named(node: ast.AST) -> Iterator[str]:
    """The names that a node binds by itself."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest

"""Trees that `jax.tree.map` is given together, and whether the others go as deep as the first one."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.semantic import avals
from jaxsight_analyzers.semantic.body_types import Mismatch
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.structures import entries_of, items_of
from jaxsight_analyzers.semantic.values import MISSING, NEVER, Kind, Value, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.knowledge.facts import FunctionFacts
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.run import Run

_MAPS = ("jax.tree.map", "jax.tree.map_with_path")
NOTHING = "None"
"""What is said of a tree that is None."""


class TreesSeen(NamedTuple):
    """A call with trees that do not fit."""

    node: ast.Call
    tree: ast.expr  # that does not fit
    name: str  # of the function
    mismatch: Mismatch
    frame: Frame
    guards: tuple[str, ...]


def note(run: Run, node: ast.expr, facts: FunctionFacts, arguments: Arguments) -> None:
    """Record a call whose trees surely do not fit. What is a leaf, `is_leaf` may say."""
    if facts.name not in _MAPS or not isinstance(node, ast.Call) or run.frame.state.dead:
        return
    if arguments.open or arguments.get(facts, "is_leaf") is not None:
        return
    first = arguments.get(facts, "tree")
    if first is None:
        return
    for name, tree, value in arguments.named(facts):
        if name != facts.variadic or tree is None:
            continue
        mismatch = _mismatch(first[1], value, ())
        if mismatch is not None:
            run.events.trees.append(
                TreesSeen(node, tree, facts.name, mismatch, run.frame, run.guards)
            )
            return


def _mismatch(first: Value, other: Value, path: tuple[object, ...]) -> Mismatch | None:
    """Where another tree surely is built otherwise: a leaf of the first one may be anything in it."""
    one, two = _words(first), _words(other)
    if one in (None, "a leaf") or two is None:
        return None
    if one != two:
        return Mismatch(path, "structure", str(one), two)
    for key, value, against in _pairs(first, other):
        found = _mismatch(value, against, (*path, key))
        if found is not None:
            return found
    return None


def _pairs(first: Value, other: Value) -> list[tuple[object, Value, Value]]:
    entries, others = entries_of(first), entries_of(other)
    if entries is not None and others is not None:
        return [(key, value, others[key]) for key, value in entries.items()]
    items, against = items_of(first) or (), items_of(other) or ()
    return [(number, *pair) for number, pair in enumerate(zip(items, against))]


def _words(value: Value) -> str | None:
    """How a tree is built, in words; None where that is not known."""
    if value is NEVER or value.optional:
        return None
    entries = entries_of(value)
    if entries is not None:
        # what is empty here may be filled elsewhere
        return f"a dict of {', '.join(sorted(map(repr, entries)))}" if entries else None
    if value.kind is Kind.SEQUENCE:
        return f"a container of {len(items_of(value) or ())}"
    if value.kind is Kind.STATIC:
        constant = constant_of(value)
        if constant is None:
            return NOTHING
        return "a leaf" if constant is not MISSING else None
    return "a leaf" if avals.aval_of(value) is not None else None

"""Keys that come from keys: elements and slices of an array of keys, and what `fold_in` derives."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import cast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import keys
from jaxsight_analyzers.semantic.keys import Index, KeyToken, Loop, Passes
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.states import Environment
from jaxsight_analyzers.semantic.structures import items_of
from jaxsight_analyzers.semantic.values import MISSING, UNKNOWN, Kind, Value, constant_of

_STEADY = (
    ast.Name,
    ast.Constant,
    ast.BinOp,
    ast.UnaryOp,
    ast.operator,
    ast.unaryop,
    ast.expr_context,
)


def like(value: Value, kind: Kind, tokens: Iterable[KeyToken], data: object = None) -> Value:
    """A key or an array of keys, traced as another value is."""
    return Value(
        kind,
        value.traced,
        value.origin,
        concrete=value.concrete,
        data=data,
        tokens=frozenset(tokens) or None,
    )


def used_in_all_passes(run: Run, loop: Loop | ast.AST, sure: bool) -> None:
    """After a loop, or a body run over an array of keys, that is as used up as its elements were."""
    consumed, loops = run.frame.state.consumed, run.frame.loops
    for token, use in list(consumed.items()):
        if token.parent is None or token.parent in consumed or not _is_of(token.index, loop):
            continue
        certainty = use.certainty if sure else Certainty.MAYBE
        consumed[token.parent] = use._replace(certainty=certainty, on_path=certainty, passes=loops)


def _is_of(index: Index, loop: Loop | ast.AST) -> bool:
    """Whether it is the index of what a loop or a body was run over."""
    if index[0] == "pass":
        passes = cast("Passes", index[1])
        return bool(passes) and passes[-1][0] == loop  # none outside of loops
    return index[0] == "body" and index[1] is loop


def subscript(run: Run, base: Value, index: Value, node: ast.Subscript) -> Value:
    """`keys[i]`, `keys[1:]`: the same keys for the same index."""
    name = ast.unparse(node)
    place = _slice_of(run, node.slice) if isinstance(node.slice, ast.Slice) else None
    part = Kind.KEY if place is None else Kind.KEYS
    number = constant_of(index)

    def index_in(token: KeyToken) -> Index:
        found: Index | None = None
        if place is not None:
            found = keys.constant_slice(token.length, *place) if place else None
        elif isinstance(number, int):
            found = keys.constant_index(token.length, number)
        return found or _written(run, node.slice, ast.unparse(node.slice))

    return like(base, part, _elements(run, base, index_in, node, name))


def _elements(
    run: Run,
    base: Value,
    index_in: Callable[[KeyToken], Index],
    node: ast.AST,
    name: str,
) -> list[KeyToken]:
    return [keys.element(token, index_in(token), node, name) for token in run.ordered(base.tokens)]


def _slice_of(run: Run, node: ast.Slice) -> tuple[int | None, int | None] | tuple[()]:
    """The bounds of a slice; empty where they are not known or there is a step."""
    bounds: list[int | None] = []
    for part in (node.lower, node.upper):
        bound = None if part is None else constant_of(run.evaluate(part))
        if bound is not None and not isinstance(bound, int):
            return ()
        bounds.append(bound)
    return () if node.step is not None else (bounds[0], bounds[1])


def _written(run: Run, node: ast.expr, text: str) -> Index:
    """An index by its text and what its names stand for now; unlike any other where that is not enough."""
    return ("text", text, names_now(run, node))


def names_now(run: Run, node: ast.expr) -> tuple[object, ...]:
    """What the names in an expression stand for now, so that it can be told from the same text at another time."""
    found: list[object] = []
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            value = run.lookup(part.id)
            known = constant_of(value)
            found.append(value if known is MISSING else (type(known), known))
    return tuple(found)


def iterated(run: Run, base: Value, node: ast.expr) -> Value:
    """The key that a loop over an array of keys binds in this pass."""
    index = ("pass", run.frame.loops)
    return like(base, Kind.KEY, _elements(run, base, lambda _: index, node, ast.unparse(node)))


def mapped(run: Run, base: Value, node: ast.AST) -> Value:
    """The key that a body gets when it is run over an array of keys."""
    index = ("body", node)
    tokens = [keys.element(token, index, node, token.name) for token in run.ordered(base.tokens)]
    return like(base, Kind.KEY, tokens)


def unpacked(
    run: Run, base: Value, target: ast.expr, position: int, count: int, star: int
) -> Value:
    """The key, or the list of keys, that one target of `a, *rest = keys` gets; `star` is -1 without one."""
    name = ast.unparse(target)
    after = count - 1 - position

    def index_in(token: KeyToken) -> Index:
        if star < 0 or position < star:
            return ("at", position)
        if position == star:
            known = keys.constant_slice(token.length, position, -after or None)
        else:
            known = keys.constant_index(token.length, -1 - after)
        return known or ("text", f"{position} of {count}", ())

    kind = Kind.KEYS if position == star else Kind.KEY
    return like(base, kind, _elements(run, base, index_in, target, name))


def forwarded(
    run: Run, node: ast.expr, value: Value, data: ast.expr | None, number: Value
) -> Value:
    """What `fold_in(key, data)` gives: for the same key and data the same key."""
    name = ast.unparse(node)
    place = None if data is None else _folded(run, data, number)
    if place is None or value.tokens is None or items_of(value) is not None:
        return like(value, Kind.KEY, list(run.new_key(name, node)))
    tokens = [keys.forward(token, place, data or node, name) for token in run.ordered(value.tokens)]
    return like(value, Kind.KEY, tokens)


def _folded(run: Run, data: ast.expr, number: Value) -> Index | None:
    """What is folded in, where two readings of the text surely give the same."""
    known = constant_of(number)
    if isinstance(known, (int, float, bool)):
        return ("fold", known)
    if not all(isinstance(part, _STEADY) for part in ast.walk(data)):
        return None
    versions: list[object] = []
    for part in ast.walk(data):
        if isinstance(part, ast.Name):
            value = _local(run.frame.environment, part.id)
            if value is None or value is UNKNOWN:
                return None
            versions.append(value)
    return ("fold", ast.unparse(data), tuple(versions))


def _local(environment: Environment | None, name: str) -> Value | None:
    """What a name stands for in the functions around; not what the module may change meanwhile."""
    while environment is not None:
        value = environment.state.names.get(name)
        if value is not None:
            return value
        environment = environment.parent
    return None


def varies(token: KeyToken, local_names: frozenset[str] | set[str]) -> bool:
    """Whether it is another key in each run of a body that has these names for itself."""
    inner = token
    while inner.parent is not None:
        if inner.index[0] == "call":
            return True  # a call computed it from its arguments
        if inner.index[0] in ("text", "fold"):
            place = inner.node.slice if isinstance(inner.node, ast.Subscript) else inner.node
            if any(isinstance(n, ast.Name) and n.id in local_names for n in ast.walk(place)):
                return True
        inner = inner.parent
    return False

"""The streams of what asks tracers for their truth, for a number or for a hash, merged over contexts."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Related, Route, Span
from jaxsight_analyzers.semantic.events import ArgumentSeen, AskedSeen, CallSeen
from jaxsight_analyzers.semantic.streams import Branch, Places, is_meant, tracer_of, truth_fails
from jaxsight_analyzers.semantic.structures import item_of_series, items_of
from jaxsight_analyzers.semantic.values import Kind, Value

_TRUTHS = ("any", "all")
_BOOL = "bool"
_ORDERS = ("max", "min", "sorted")
_NUMBERS = ("range", "chr", "hex", "oct", "bin")


class Asked(NamedTuple):
    """An operation that asks a tracer for what it does not have."""

    node: ast.expr
    span: Span
    operation: str
    """A truth: "not", "and", "or", "chain", "in", or the builtin "bool", "any", "all", "max", "min", "sorted"; an
    index: "list", "tuple", "dict", "set", "string", "NumPy array", or "range", "hash" and their kin."""
    operand: ast.expr
    text: str  # of the operand
    is_array: bool  # what is looked into is one array, or may be made one
    asked: Certainty
    function: str  # what traces it, such as `jax.jit`
    related: tuple[Related | Route, ...]
    given: str | None  # `bool` or `int`: what callers pass for it


_Found = tuple[Certainty, AskedSeen]


def truths(
    seen: Iterable[AskedSeen],
    calls: Iterable[CallSeen],
    branches: Iterable[Branch],
    places: Places,
) -> list[Asked]:
    """What asks for a truth, but for the parts of a test that fails as a whole."""
    best: dict[ast.expr, _Found] = {}
    for event in (*seen, *_asking_calls(calls)):
        _add(best, event, truth_fails(event.value))
    covered = {id(part) for branch in branches for part in _parts(branch.asked)}
    for node in best:
        covered.update(id(part) for part in _parts(node) if part is not node)
    return [_asked(*found, places) for node, found in best.items() if id(node) not in covered]


def indices(seen: Iterable[AskedSeen], calls: Iterable[CallSeen], places: Places) -> list[Asked]:
    """What asks for a number or a hash."""
    best: dict[ast.expr, _Found] = {}
    for event in (*seen, *_counting_calls(calls)):
        _add(best, event, event.value.traced)
    return [_asked(*found, places) for found in best.values()]


def _add(best: dict[ast.expr, _Found], event: AskedSeen, fails: Certainty) -> None:
    certainty = fails if event.sure else min(fails, Certainty.MAYBE)
    if certainty is Certainty.NO or is_meant(event.guards):
        return
    before = best.get(event.node)
    if before is None or certainty > before[0]:
        best[event.node] = certainty, event


def _parts(test: ast.expr) -> Iterator[ast.expr]:
    """What is asked for its truth where a test is."""
    yield test
    if isinstance(test, ast.BoolOp):
        for value in test.values:
            yield from _parts(value)
    elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _parts(test.operand)


def _asked(certainty: Certainty, event: AskedSeen, places: Places) -> Asked:
    return Asked(
        event.node,
        places.span(event.node),
        event.operation,
        event.operand,
        places.text(event.operand),
        event.numbers,
        certainty,
        tracer_of(event.frame),
        places.related(event.frame, event.value.origin),
        event.value.given,
    )


# Builtins


def _asking_calls(calls: Iterable[CallSeen]) -> Iterator[AskedSeen]:
    for event in calls:
        library, _, name = event.qualified.partition(".")
        if library == "builtins" and name in (*_TRUTHS, *_ORDERS, _BOOL) and not _has_key(event):
            found = _in_call(name, event.arguments)
            if found is not None:
                argument, value, sure = found
                whole = argument.value.kind is Kind.ARRAY
                yield AskedSeen(
                    event.node, argument.node, name, value, sure, event.frame, event.guards, whole
                )


def _has_key(event: CallSeen) -> bool:
    """`max(xs, key=len)` compares what a function makes of the items."""
    return any(a.parameter == "key" or a.starred for a in event.arguments)


def _in_call(
    name: str, arguments: Sequence[ArgumentSeen]
) -> tuple[ArgumentSeen, Value, bool] | None:
    """The argument of a builtin whose truth, or that of a comparison with it, is asked for."""
    given = [a for a in arguments if a.parameter != "default"]
    if len(given) > 1 and name in ("max", "min"):
        most = max(given, key=lambda a: truth_fails(_compared(a.value)))
        return most, _compared(most.value), True
    if len(given) != 1:
        return None
    only = given[0]
    if only.value.concrete:
        return None
    if name == _BOOL:
        return only, only.value, True
    if only.value.kind is Kind.TREE:  # a dict is walked by its keys
        return only, Value(Kind.ARRAY, only.value.traced, only.value.origin), False
    items = items_of(only.value)
    if items is None:
        item = item_of_series(only.value)
        return only, only.value if item is None else item, item is None or name in _TRUTHS
    if len(items) < (1 if name in _TRUTHS else 2):
        return None
    most = max(items, key=truth_fails)
    return only, most, name in _ORDERS or most is items[0]


def _compared(value: Value) -> Value:
    """A value that is compared with another one: as an array, or the comparison fails anyhow."""
    if value.kind is Kind.TREE:
        return Value(Kind.ARRAY, value.traced, value.origin, concrete=value.concrete)
    return value


def _counting_calls(calls: Iterable[CallSeen]) -> Iterator[AskedSeen]:
    for event in calls:
        library, _, name = event.qualified.partition(".")
        if library != "builtins" or name not in (*_NUMBERS, "hash", "enumerate"):
            continue
        for argument in event.arguments[1 if name == "enumerate" else 0 :]:
            value = argument.value
            if value.traced is not Certainty.NO and not (value.concrete or argument.starred):
                sure = name != "hash" or value.kind is not Kind.TREE
                yield AskedSeen(
                    event.node, argument.node, name, value, sure, event.frame, event.guards
                )
                break

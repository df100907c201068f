"""Whether what bodies return is of the type that it has to be: that of the carry, that of the other branch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.semantic import avals
from jaxsight_analyzers.semantic.avals import Aval
from jaxsight_analyzers.semantic.events import TypesSeen
from jaxsight_analyzers.semantic.structures import entries_of, items_of
from jaxsight_analyzers.semantic.values import NEVER, FunctionData, Kind, Value

if TYPE_CHECKING:
    from jaxsight_analyzers.knowledge.facts import FunctionFacts
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.run import Run

_LOOPS = {"jax.lax.scan": "init", "jax.lax.while_loop": "init_val", "jax.lax.fori_loop": "init_val"}
_BRANCHES = ("jax.lax.cond", "jax.lax.switch")
_BITS: dict[str, frozenset[str]] = {
    "float": frozenset(["float32", "float64"]),
    "float64": frozenset(["float32", "float64"]),
    "int": frozenset(["int32", "int64"]),
    "int64": frozenset(["int32", "int64"]),
    "uint64": frozenset(["uint32", "uint64"]),
    "complex": frozenset(["complex64", "complex128"]),
    "complex128": frozenset(["complex64", "complex128"]),
}
"""What a dtype may be, as a setting says how many bits there are."""


class Mismatch(NamedTuple):
    """Where two values differ that have to be of one type."""

    path: tuple[object, ...]  # into the containers
    kind: str  # "dtype", "shape" or "structure"
    one: str
    other: str


def note_carry(
    run: Run,
    node: ast.expr,
    facts: FunctionFacts,
    parameter: str,
    arguments: Arguments,
    data: FunctionData,
    returned: Value,
) -> None:
    """Record a body of a loop that hands on a carry of another type than it starts with."""
    start = _LOOPS.get(facts.name)
    found = None if start is None else arguments.get(facts, start)
    if found is None or parameter == "cond_fun":
        return
    if facts.name == "jax.lax.scan":
        items = items_of(returned)
        if returned.optional or items is None or len(items) != 2:
            return  # which another rule is about
        returned = items[0]
    mismatch = next(_mismatches(found[1], returned, (), yields=True), None)
    if mismatch is not None:
        _note(run, node, facts, found[0], mismatch, (data,))


def note_branches(
    run: Run, node: ast.expr, facts: FunctionFacts, branches: list[tuple[FunctionData, Value]]
) -> None:
    """Record branches of which one returns another type than the first one."""
    if facts.name not in _BRANCHES:
        return
    for data, returned in branches[1:]:
        first, expected = branches[0]
        mismatch = next(_mismatches(expected, returned, (), yields=False), None)
        if mismatch is not None:
            _note(run, node, facts, None, mismatch, (first, data))
            return


def _mismatches(
    one: Value, other: Value, path: tuple[object, ...], *, yields: bool
) -> Iterator[Mismatch]:
    """What surely differs. `yields` says that a weak dtype on the one side becomes the other's."""
    if one is NEVER or other is NEVER or one.optional or other.optional:
        return
    structures = _structure(one), _structure(other)
    if None in structures:
        return
    if structures[0] != structures[1]:
        yield Mismatch(path, "structure", str(structures[0]), str(structures[1]))
        return
    first, second = items_of(one), items_of(other)
    if first is not None and second is not None:
        for number, (a, b) in enumerate(zip(first, second)):
            yield from _mismatches(a, b, (*path, number), yields=yields)
        return
    mine, others = entries_of(one), entries_of(other)
    if mine is not None and others is not None:
        for key, value in mine.items():
            yield from _mismatches(value, others[key], (*path, key), yields=yields)
        return
    known, found = avals.aval_of(one), avals.aval_of(other)
    if known is not None and found is not None:
        yield from _of_arrays(known, found, path, yields=yields)


def _structure(value: Value) -> str | None:
    """How a value is built, in words; None where that is not known."""
    if value.kind is Kind.SEQUENCE:
        count = len(items_of(value) or ())
        return f"a container of {count}"
    entries = entries_of(value)
    if entries is not None:
        return f"a dict of {', '.join(sorted(map(repr, entries)))}"
    return None if avals.aval_of(value) is None else "an array"  # what is unpacked may be a tree


def _of_arrays(
    one: Aval, other: Aval, path: tuple[object, ...], *, yields: bool
) -> Iterator[Mismatch]:
    if not (yields and one.weak) and _dtypes_differ(one.dtype, other.dtype):
        yield Mismatch(path, "dtype", str(one.dtype), str(other.dtype))
    elif _shapes_differ(one, other):
        yield Mismatch(path, "shape", _shape(one), _shape(other))


def _dtypes_differ(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return False
    first = _BITS.get(one, frozenset([one]))
    return first.isdisjoint(_BITS.get(other, frozenset([other])))


def _shapes_differ(one: Aval, other: Aval) -> bool:
    if one.shape is None or other.shape is None:
        return False
    if len(one.shape) != len(other.shape):
        return True
    return any(None not in (a, b) and a != b for a, b in zip(one.shape, other.shape))


def _shape(aval: Aval) -> str:
    sizes = ["?" if one is None else str(one) for one in aval.shape or ()]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def _note(
    run: Run,
    node: ast.expr,
    facts: FunctionFacts,
    argument: ast.expr | None,
    mismatch: Mismatch,
    functions: tuple[FunctionData, ...],
) -> None:
    if run.frame.state.dead:
        return
    nodes = tuple([data.node for data in functions])
    names = tuple([data.name for data in functions])
    seen = TypesSeen(node, facts.name, argument, mismatch, nodes, names, run.frame, run.guards)
    run.events.types.append(seen)

"""Donated arguments: calls that may reuse the memory of what they are given, and reads after them.

XLA gives the memory of a donated argument to a result of that size; the array is deleted. Where no result has
it, the donation does nothing. Nothing is donated inside of a trace, and no NumPy array is deleted.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import avals, expressions, homes, passing
from jaxsight_analyzers.semantic.contexts import Frame, Transformation
from jaxsight_analyzers.semantic.donated import DonatedValue, Donation, plain_of
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import statements_below
from jaxsight_analyzers.semantic.states import root_of
from jaxsight_analyzers.semantic.structures import parts_of
from jaxsight_analyzers.semantic.updates import updated_parameters
from jaxsight_analyzers.semantic.values import FunctionData, Kind, Value, record_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments

_YES, _MAYBE, _NO = Certainty.YES, Certainty.MAYBE, Certainty.NO


class DonatedReadSeen(NamedTuple):
    """A read of what a call was given before, or is given twice."""

    node: ast.expr
    place: str
    donation: Donation
    value: Value
    how: str  # "read", "passed" to a compiled function, "twice" to one call
    frame: Frame
    guards: tuple[str, ...]


def note_read(run: Run, node: ast.expr, place: str, value: Value, how: str = "read") -> None:
    """A name or place is read: note that if a call may have deleted what it holds."""
    donation, frame = value.donated, run.frame
    if donation is None or frame.traced or frame.state.dead:
        return
    if root_of(place) in frame.state.names:
        seen = DonatedReadSeen(node, place, donation, value, how, frame, run.guards)
        run.events.donated_reads.append(seen)


def known_arrays(parameters: Mapping[str, Value]) -> frozenset[str]:
    """The arguments whose dtype and shape are known, which tell whether a result has the same."""
    return frozenset(name for name, value in parameters.items() if _size_of(value) is not None)


def note(
    run: Run, node: ast.AST, data: FunctionData, arguments: Arguments, returned: Value
) -> None:
    """A call of a compiled function: what it is given by donation is deleted, if a result takes its memory."""
    transformation, frame = data.transformations[-1], run.frame
    if frame.traced or frame.state.dead or not isinstance(node, ast.Call):
        return
    if not transformation.compiles or not transformation.qualified.startswith("jax."):
        return  # others hand back what they delete
    updated: Mapping[str, Certainty] | None = None
    given = list(passing.bound(data, transformation, arguments))
    for argument, parameter, position, value in given:
        chosen = _donated_by(transformation, parameter, position)
        certainty = _NO if chosen is None else _holds_arrays(value)
        if chosen is None or certainty is _NO:
            continue
        if updated is None:
            run.depend(data.scope)
            updated = updated_parameters(data.node)
        kept = updated.get(parameter or "", _NO)
        certainty = min(certainty, _taken(data, value, kept, returned))
        place = expressions.place_of(argument)
        if certainty is not _NO and place is not None:
            donation = Donation(node, argument, place, data.name, transformation, chosen, certainty)
            _note_twice(run, place, donation, value, [other for other, _, _, _ in given])
            _give(run, donation, value)


def hand_on(
    run: Run,
    node: ast.AST,
    data: FunctionData,
    donated: tuple[Donation, ...],
    arguments: Mapping[str, Value],
) -> None:
    """A call of a function that gives what it is passed to a compiled one."""
    frame = run.frame
    if frame.traced or frame.state.dead or not isinstance(node, ast.Call):
        return
    for inner in donated:
        argument = homes.argument_for(run, node, data, inner.place)
        value = arguments.get(inner.place)
        if not isinstance(argument, ast.expr) or value is None:
            continue
        place = expressions.place_of(argument)
        certainty = min(inner.certainty, _holds_arrays(value))
        if certainty is not _NO and place is not None:
            donation = inner._replace(
                node=node,
                argument=argument,
                place=place,
                function=data.name,
                certainty=certainty,
                through=inner.through or inner.function,
            )
            _give(run, donation, value)


def _give(run: Run, donation: Donation, value: Value) -> None:
    """What a place holds is deleted by a call; an argument of this call is the caller's, too."""
    frame, place = run.frame, donation.place
    if root_of(place) not in frame.state.names:
        return
    value = plain_of(value)
    if frame.arguments is not None and frame.arguments.get(place) is value:
        sure = not (frame.loops or frame.state.conditions or frame.returned)
        known = [one for one in frame.donated if one.place != place]
        handed = donation if sure else donation._replace(certainty=_MAYBE)
        frame.donated = (*known, handed)
    run.has_donated = True
    for name in (place, *_aliases(frame, place, value)):
        frame.state.hold(name, DonatedValue(value, donation))


def note_passed(run: Run, node: ast.expr, value: Value) -> None:
    """A compiled function is given an argument, which it reads."""
    place = expressions.place_of(node)
    if value.donated is not None and place is not None:
        note_read(run, node, place, value, "passed")


def _donated_by(
    transformation: Transformation, parameter: str | None, position: int | None
) -> str | int | None:
    chosen = transformation.donated
    if parameter is not None and parameter in chosen:
        return parameter
    return position if position is not None and position in chosen else None


def _holds_arrays(value: Value) -> Certainty:
    """Whether a value is made of JAX arrays. Keys are left to the rules about them."""
    if value.traced is not _NO or value.optional:
        return _NO
    if value.kind in (Kind.ARRAY, Kind.TREE):
        return _YES
    parts = parts_of(value)
    if parts is not None:
        known = record_of(value)
        if known is not None and not known.is_pytree:
            return _MAYBE
        return max((_holds_arrays(part) for part in parts), default=_NO)
    return _MAYBE if value.kind in (Kind.UNKNOWN, Kind.INSTANCE) else _NO


def _taken(data: FunctionData, value: Value, updated: Certainty, returned: Value) -> Certainty:
    """Whether a result takes the memory of an argument."""
    results = list(_leaves(returned))
    sizes = [_size_of(one) for one in results]
    if not any(_may_be_array(one) for one in results):
        return _NO
    own = _size_of(value)
    if own is not None and any(one == own for one in sizes):
        return _YES
    if own is not None and None not in sizes:
        return _NO
    if own is None and all(_is_number(one) for one in results):
        return _NO  # numbers
    derived = any(one.mode == "concrete" for one in data.transformations)
    return _NO if derived or data.veiled else updated


def _leaves(value: Value) -> Iterator[Value]:
    parts = parts_of(value)
    if parts is None or value.optional:
        yield value
    else:
        for part in parts:
            yield from _leaves(part)


def _may_be_array(value: Value) -> bool:
    kinds = (Kind.ARRAY, Kind.TREE, Kind.UNKNOWN, Kind.INSTANCE, Kind.KEY, Kind.KEYS)
    return value.kind in kinds or value.optional


def _is_number(value: Value) -> bool:
    known = avals.aval_of(value)
    return known is not None and known.shape == ()


def _size_of(value: Value) -> tuple[int, int] | None:
    """How many bytes and elements an array has; None where that is not known, and of what is no JAX array."""
    known = avals.aval_of(value) if value.kind is Kind.ARRAY else None
    if known is None or known.shape is None or known.dtype is None or None in known.shape:
        return None
    bits = "".join(filter(str.isdigit, known.dtype.partition("_")[0]))
    count = math.prod(one for one in known.shape if one is not None)
    width = int(bits) // 8 if bits else 1 if known.dtype == "bool" else 4
    return (width * count, count) if width else None


def _aliases(frame: Frame, place: str, value: Value) -> list[str]:
    """Other names of the object, by assignments of the one to the other in a function.

    The module's code changes only what it names, statement by statement.
    """
    if frame.scope is None:
        return []
    names = frame.state.names
    found = [name for name, other in names.items() if other is value and name != place]
    body = getattr(frame.node, "body", None)
    if not found or not isinstance(body, list):
        return []
    pairs = {
        frozenset((target.id, expressions.place_of(statement.value) or ""))
        for statement in statements_below(body)  # type: ignore[arg-type]
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    return [name for name in found if frozenset((name, place)) in pairs]


def _note_twice(
    run: Run, place: str, donation: Donation, value: Value, arguments: list[ast.expr]
) -> None:
    """The same array as another argument of the call that deletes it."""
    for other in arguments if donation.certainty is _YES else ():
        if other is not donation.argument and expressions.place_of(other) == place:
            seen = DonatedReadSeen(other, place, donation, value, "twice", run.frame, run.guards)
            run.events.donated_reads.append(seen)

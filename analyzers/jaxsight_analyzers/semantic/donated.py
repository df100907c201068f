"""Values whose memory was donated to a call: the name that held them holds what was deleted."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic.structures import parts_of, rebuilt
from jaxsight_analyzers.semantic.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxsight_analyzers.semantic.contexts import Transformation


class Donation(NamedTuple):
    """A call that was given the memory of an argument."""

    node: ast.Call
    argument: ast.expr
    place: str  # that held it: `params`, `self.state`
    function: str
    transformation: Transformation  # that says what is donated
    chosen: str | int  # by which name or number
    certainty: Certainty
    through: str = ""  # the compiled function, where a function that is called hands it on to that


class DonatedValue(Value):
    """A value like another, which a call may have deleted."""

    __slots__ = ("donated", "plain")

    def __init__(self, plain: Value, donation: Donation) -> None:
        super().__init__(
            plain.kind,
            plain.traced,
            plain.origin,
            concrete=plain.concrete,
            data=plain.data,
            tokens=plain.tokens,
        )
        self.plain = plain
        self.donated = donation


def plain_of(value: Value) -> Value:
    """The value as it was before."""
    return value.plain if isinstance(value, DonatedValue) else value


def without(value: Value) -> Value:
    """The value, and what is in it, as others get it: what was donated shows where it was."""
    if isinstance(value, DonatedValue):
        return without(value.plain)
    if not _has_donated(value):
        return value
    return rebuilt(value, without) or value


def _has_donated(value: Value) -> bool:
    return any(part.donated is not None or _has_donated(part) for part in parts_of(value) or ())


def joined(one: Value, other: Value, join: Callable[[Value, Value], Value]) -> Value:
    """What is left to say where two paths meet of which one has donated a value: it may be deleted."""
    first, second = one.donated, other.donated
    made = join(plain_of(one), plain_of(other))
    donation = first or second
    if donation is None or made.optional:
        return made
    certainty = Certainty.MAYBE
    if first is not None and second is not None and first.node is second.node:
        certainty = min(first.certainty, second.certainty)
    return DonatedValue(made, donation._replace(certainty=certainty))

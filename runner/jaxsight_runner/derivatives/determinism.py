"""Whether a function is the same program whenever it is traced, and the same number whenever it is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.costs.jaxprs import (
    Jaxpr,
    is_literal,
    opened,
    place_of,
    sub_jaxprs,
)
from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol import SourceLocation

_CALLBACKS = ("callback", "infeed", "ffi_call", "custom_call")


@dataclass(frozen=True)
class Change:
    """What differs, and where."""

    words: str
    place: Optional[SourceLocation]


def retraced(
    function: Callable[..., Any], values: Sequence[Any], before: Optional[Jaxpr]
) -> Optional[Change]:
    """What differs when the function is traced once more."""
    if before is None:
        return None
    jax = import_module("jax")
    jax.clear_caches()
    again = jax.make_jaxpr(lambda *leaves: function(*leaves))(*values)  # pyright: ignore
    found = _difference(before, again)
    if found is None:
        return None
    words = "it is another program each time it is traced: Python makes a number that changes"
    return Change(words, found[0])


def rerun(
    compiled: Callable[..., Any], values: Sequence[Any], jaxpr: Optional[Jaxpr]
) -> Optional[Change]:
    """Whether a program that calls Python or foreign code gives other numbers the second time."""
    callback = _callback(jaxpr) if jaxpr is not None else (None,)
    if callback is None:
        return None
    numpy = import_module("numpy")
    first, second = compiled(*values), compiled(*values)
    if all(_same(numpy, a, b) for a, b in zip(first, second)):
        return None
    return Change("two runs with the same inputs give different results", callback[0])


def _difference(one: Jaxpr, other: Jaxpr) -> Optional[tuple[Optional[SourceLocation]]]:
    """The place of the first equation that differs, in a tuple; None where all is the same."""
    numpy = import_module("numpy")
    first, second = opened(one), opened(other)
    changed: list[Any] = []
    for variable, a, b in zip(
        first.constvars, getattr(one, "consts", None) or (), getattr(other, "consts", None) or ()
    ):
        if not _same(numpy, a, b):
            changed.append(variable)
    for a, b in zip(first.eqns, second.eqns):
        if a.primitive.name != b.primitive.name:
            return (place_of(a),)
        if any(not is_literal(v) and v in changed for v in a.invars):
            return (place_of(a),)
        pairs = zip(a.invars, b.invars)
        if any(
            is_literal(v) and is_literal(w) and not _same(numpy, v.val, w.val) for v, w in pairs
        ):
            return (place_of(a),)
        for inner, outer in zip(sub_jaxprs(a), sub_jaxprs(b)):
            found = _difference(inner, outer)
            if found is not None:
                return (found[0] or place_of(a),)
    if changed or len(first.eqns) != len(second.eqns):
        return (None,)
    return None


def _callback(jaxpr: Jaxpr) -> Optional[tuple[Optional[SourceLocation]]]:
    for equation in opened(jaxpr).eqns:
        if any(word in equation.primitive.name for word in _CALLBACKS):
            return (place_of(equation),)
        for nested in sub_jaxprs(equation):
            found = _callback(nested)
            if found is not None:
                return (found[0] or place_of(equation),)
    return None


def _same(numpy: Any, one: Any, other: Any) -> bool:
    """Whether two constants are the same; what NumPy cannot compare, as keys, counts as the same."""
    try:
        a, b = numpy.asarray(one), numpy.asarray(other)
        return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())
    except (TypeError, ValueError):
        return True

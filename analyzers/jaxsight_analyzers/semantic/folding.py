"""Tests whose outcome is known from what a value is: `callable(f)`, `isinstance(x, tuple)`, `len(pair)`.

The branch that is not taken does not speak, so only what is certain is folded.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic.structures import items_of
from jaxsight_analyzers.semantic.values import (
    MISSING,
    NAN,
    NONE,
    Kind,
    Value,
    constant,
    constant_of,
    qualified_of,
    some_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments

_FUNCTIONS = (Kind.FUNCTION, Kind.CLASS, Kind.CALLABLE)
_ARRAYS = (Kind.ARRAY, Kind.KEY, Kind.KEYS)
_CONTAINERS: dict[str, type] = {
    "tuple": tuple,
    "list": list,
    "dict": dict,
    "set": set,
    "frozenset": frozenset,
}
_SCALARS: dict[str, type] = {
    "bool": bool,
    "bytes": bytes,
    "complex": complex,
    "float": float,
    "int": int,
    "str": str,
}
_ORDERS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


_OF_ARRAYS = ("shape", "dtype", "ndim", "size")


def call(qualified: str, arguments: Arguments) -> Value | None:
    """What a builtin says of its argument; None where that is not known."""
    values = arguments.positional
    if arguments.open or not qualified.startswith("builtins.") or not values:
        return None
    known: object = None
    given = some_of(values[0])
    if qualified == "builtins.callable":
        known = _is_callable(given)
    elif qualified == "builtins.isinstance" and len(values) == 2:
        known = _is_instance(given, values[1])
    elif qualified == "builtins.hasattr" and len(values) == 2:
        known = _has_shape(given) if constant_of(values[1]) in _OF_ARRAYS else None
    elif qualified == "builtins.float" and constant_of(given) in ("nan", "NaN"):
        return NAN
    elif qualified == "builtins.len":
        items = items_of(given)
        known = None if items is None else len(items)
    if known is None or (known is True and values[0].optional):
        return None  # None is no instance of these
    return constant(known)


def _has_shape(value: Value) -> bool | None:
    """Whether a value has the attributes of an array."""
    if value.kind in (Kind.SEQUENCE, Kind.SERIES, Kind.MAPPING):
        return False
    return True if value.kind in _ARRAYS and value.traced is Certainty.YES else None


def _is_callable(value: Value) -> bool | None:
    if value.kind in _FUNCTIONS:
        return True
    plain = value.kind in (Kind.SEQUENCE, Kind.SERIES, Kind.MAPPING)
    tracer = value.kind in _ARRAYS and value.traced is Certainty.YES
    return False if plain or tracer or constant_of(value) is not MISSING else None


def _is_instance(value: Value, types: Value) -> bool | None:
    named = items_of(types)
    answers = [_is_one_of(value, one) for one in ((types,) if named is None else named)]
    if True in answers:
        return True
    if value.kind is Kind.SEQUENCE and _names(named or ()) >= {"tuple", "list"}:
        return True
    return None if None in answers else False


def _names(types: tuple[Value, ...]) -> set[str]:
    return {(qualified_of(one) or "").rpartition(".")[2] for one in types}


def _is_one_of(value: Value, which: Value) -> bool | None:
    """Whether a value is an instance of one of Python's own types."""
    qualified = qualified_of(which) or ""
    name = qualified.rpartition(".")[2]
    container, scalar = _CONTAINERS.get(name), _SCALARS.get(name)
    if not qualified.startswith("builtins.") or (container is None and scalar is None):
        return False if value is NONE and qualified else None
    known = constant_of(value)
    if known is not MISSING:
        return isinstance(known, container or scalar or ())
    kind = value.kind
    if kind is Kind.FUNCTION:
        return False
    if kind is Kind.MAPPING:
        return name == "dict"
    if kind is Kind.SEQUENCE:
        return None if name in ("tuple", "list") else False
    if kind is Kind.SERIES:
        return False if scalar is not None or name == "dict" else None
    if kind in _ARRAYS and value.traced is Certainty.YES:
        return False
    return None


def order(first: object, second: object, comparison: ast.cmpop) -> bool | None:
    """`2 > 1` of constants; None where they are not known."""
    compare = _ORDERS.get(type(comparison))
    numbers = isinstance(first, (int, float)) and isinstance(second, (int, float))
    return compare(first, second) if compare is not None and numbers else None


def membership(first: object, node: ast.expr, comparison: ast.cmpop) -> bool | None:
    """`mode in ("a", "b")` of constants that are written out; None where they are not known."""
    if first is MISSING or not isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return None
    known = [one.value for one in node.elts if isinstance(one, ast.Constant)]
    if len(known) < len(node.elts):
        return None
    return (first in known) == isinstance(comparison, ast.In)

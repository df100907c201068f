"""The streams about numbers: derivatives that are taken, and comparisons with `nan`."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.semantic.avals import Aval, aval_of
from jaxsight_analyzers.semantic.events import DerivativeSeen, NanComparisonSeen
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.streams import Places
from jaxsight_analyzers.semantic.structures import items_of
from jaxsight_analyzers.semantic.values import Kind, Value, constant_of

_OF_SCALARS = (
    "jax.grad",
    "jax.value_and_grad",
    "flax.nnx.grad",
    "flax.nnx.value_and_grad",
    "equinox.filter_grad",
    "equinox.filter_value_and_grad",
)


class Derivative(NamedTuple):
    """A derivative that is taken of a function of the file."""

    node: ast.AST  # the call of `jax.grad`, or the decorator
    span: Span
    name: str  # `jax.grad`
    qualified: str
    function: str
    definition: ast.AST
    has_aux: bool | None  # None: not known
    items: int | None  # how many items the tuple has that the function returns; None: it is none
    is_array: bool  # it returns one array
    first_is_array: bool  # the first item of the tuple is one
    returned: Aval | None  # what is known of that array
    is_flat: bool  # its derivative is zero
    returns: Span | None  # where the function is defined, in this file
    whole_numbers: tuple[str, ...]  # differentiated parameters that are passed an integer
    unused: tuple[Unused, ...]  # differentiated parameters that the function does not read
    in_test: bool
    losses: ast.expr | None  # what it returns, where that is a loss for each example

    @property
    def is_of_scalar(self) -> bool:
        """Whether what is differentiated has to return a scalar."""
        return self.qualified in _OF_SCALARS


class Unused(NamedTuple):
    """A parameter by which a function is differentiated, and which it does not read."""

    parameter: ast.arg
    span: Span
    passed: ast.expr | None  # the argument for it


class NanComparison(NamedTuple):
    """A comparison with `nan`, whose outcome is the same for every value."""

    node: ast.Compare
    span: Span
    nan_is_left: bool


def derivatives(seen: Iterable[DerivativeSeen], places: Places) -> list[Derivative]:
    """Each derivative once; what its calls do not agree on is not known."""
    found: dict[ast.AST, Derivative] = {}
    for event in seen:
        if "try" in event.guards:
            continue
        made = _derivative(event, places)
        before = found.get(event.node)
        found[event.node] = made if before is None else _agreed(before, made)
    return list(found.values())


def _agreed(one: Derivative, other: Derivative) -> Derivative:
    if one.definition is not other.definition:
        return one._replace(
            items=None,
            is_array=False,
            returned=None,
            is_flat=False,
            whole_numbers=(),
            unused=(),
            losses=None,
        )
    return one._replace(
        items=one.items if one.items == other.items else None,
        is_array=one.is_array and other.is_array,
        first_is_array=one.first_is_array and other.first_is_array,
        returned=one.returned if one.returned == other.returned else None,
        is_flat=one.is_flat and other.is_flat,
        whole_numbers=one.whole_numbers or other.whole_numbers,
        losses=one.losses if other.losses is not None else None,
        unused=max(
            one.unused, other.unused, key=lambda some: sum(u.passed is not None for u in some)
        ),
    )


def _derivative(event: DerivativeSeen, places: Places) -> Derivative:
    transformation, returned = event.transformation, event.returned
    items = items_of(returned) if returned.kind is Kind.SEQUENCE else None
    array = items[0] if items else returned
    known = aval_of(array) if array.kind is Kind.ARRAY else None
    return Derivative(
        event.node,
        places.span(event.node),
        display(transformation.qualified),
        transformation.qualified,
        event.function.name,
        event.function.node,
        transformation.has_aux,
        None if items is None else len(items),
        returned.kind is Kind.ARRAY,
        items is not None and len(items) > 0 and array.kind is Kind.ARRAY,
        known,
        known is not None and known.is_flat,
        places.span(event.function.node) if places.module.owns(event.function.node) else None,
        () if event.generic else tuple(_whole_numbers(event)),
        tuple(_unused(event, places)),
        event.in_test,
        None if event.mapped else _losses(event, returned, places),
    )


def _losses(event: DerivativeSeen, returned: Value, places: Places) -> ast.expr | None:
    """What a function returns that returns the losses of all examples, as its text says it."""
    known = aval_of(returned) if returned.kind is Kind.ARRAY else None
    node = event.function.node
    if known is None or known.made != "losses" or not places.module.owns(node):
        return None
    if isinstance(node, ast.Lambda):
        return node.body
    last = node.body[-1]
    return last.value if isinstance(last, ast.Return) else None


def _whole_numbers(event: DerivativeSeen) -> Iterable[str]:
    if isinstance(event.node, ast.Call) and any(k.arg == "allow_int" for k in event.node.keywords):
        return
    chosen = event.transformation.differentiated
    names = list(event.parameters)[event.transformation.bound :]
    for index in chosen or ():
        if 0 <= index < len(names) and _is_whole(event.parameters[names[index]]):
            yield names[index]


def _unused(event: DerivativeSeen, places: Places) -> Iterable[Unused]:
    """The parameters of a derivative that the function's text does not mention."""
    data, chosen = event.function, event.transformation.differentiated
    facts = event.transformation.facts
    known = chosen is not None and facts.differentiated is not None and not data.veiled
    if not known or not data.scope.body.computes or not places.module.owns(data.node):
        return
    if any(one.facts.own_derivative for one in data.transformations):
        return
    signature = data.node.args
    parameters = [*signature.posonlyargs, *signature.args][event.transformation.bound :]
    arguments = event.call.args if isinstance(event.call, ast.Call) and not event.generic else []
    plain = not any(isinstance(one, ast.Starred) for one in arguments)
    for index in sorted(chosen or ()):
        if not 0 <= index < len(parameters) or parameters[index].arg.startswith("_"):
            continue
        parameter = parameters[index]
        passed = arguments[index] if plain and index < len(arguments) else None
        if data.scope.body.names.isdisjoint((parameter.arg, "locals")):
            yield Unused(parameter, places.span(parameter), passed)


def _is_whole(value: Value) -> bool:
    number = constant_of(value)
    return isinstance(number, int) and not isinstance(number, bool)


def nan_comparisons(seen: Iterable[NanComparisonSeen], places: Places) -> list[NanComparison]:
    """Each comparison with `nan` once."""
    found: dict[ast.AST, NanComparison] = {}
    for event in seen:
        span = places.span(event.node)
        found[event.node] = NanComparison(event.node, span, event.nan_is_left)
    return list(found.values())

"""Calls that lead into a file from others: its functions run in the ways that those are seen to use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import activations, binding, imports, memo, optimisers
from jaxsight_analyzers.semantic.parameters import all_arguments
from jaxsight_analyzers.semantic.scopes import FunctionScope
from jaxsight_analyzers.semantic.structures import mapping, record, sequence, series
from jaxsight_analyzers.semantic.values import (
    STATIC,
    UNKNOWN,
    FunctionData,
    Kind,
    Record,
    Value,
    class_of,
    constant,
    function_of,
    given,
    or_none,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.project.outgoing import OutgoingCall, Plain
    from jaxsight_analyzers.semantic.module import Module
    from jaxsight_analyzers.semantic.run import Run
    from jaxsight_analyzers.semantic.values import Origin

_BY_NAME = {kind.value: kind for kind in Kind}


def run_call(run: Run, module: Module, call: OutgoingCall) -> None:
    """Run a function of this file as another file does."""
    scope = _scope(module, call.qualname)
    if scope is None:
        return  # the file has changed since
    run.frame.incoming = call.related
    run.depend(scope.head)
    data = FunctionData(scope)
    given = dict(call.parameters)
    parameters = {
        argument.arg: _value(run, given[argument.arg], binding.origin_of(data, argument.arg))
        if argument.arg in given
        else UNKNOWN
        for argument in all_arguments(scope.node.args)
    }
    activation = activations.of_incoming(run, data, parameters, call.way)
    if activation is not None:
        memo.demand(run, activation, scope.node, parameters)


def _scope(module: Module, qualname: str) -> FunctionScope | None:
    found = [
        scope
        for piece in module.pieces
        for scope in piece.scopes
        if isinstance(scope, FunctionScope) and scope.qualname == qualname and not scope.nested
    ]
    return found[0] if len(found) == 1 else None


def _value(run: Run, data: Plain, origin: Origin) -> Value:
    """A value of this file's from what another says of it."""
    name, *rest = cast("tuple[Any, ...]", data)
    if name == "constant":
        return constant(rest[0])
    if name == "or None":
        return or_none(_value(run, rest[0], origin))
    if name == "optimiser":
        return Value(Kind.UNKNOWN, data=optimisers.from_plain(rest[0]))
    if name == "record":
        return _record(run, rest, origin)
    kind = _BY_NAME[name]
    if kind is Kind.STATIC:
        return STATIC
    if kind is Kind.SEQUENCE:
        return sequence(_values(run, rest[0], origin))
    if kind is Kind.SERIES:
        return series(_value(run, rest[0], origin))
    if kind is Kind.MAPPING:
        return mapping(dict(zip(rest[0], _values(run, rest[1], origin))))
    if kind is Kind.IMPORTED:
        return Value(kind, data=rest[0])
    if kind in (Kind.CLASS, Kind.INSTANCE, Kind.FUNCTION):
        found = _definition(run, rest[0], rest[1])
        if kind is Kind.FUNCTION:
            function = None if found is None else function_of(found)
            return UNKNOWN if function is None else Value(kind, data=FunctionData(function.scope))
        owner = None if found is None else class_of(found)
        if owner is None:
            return UNKNOWN
        return _flagged(kind, rest[2:], origin, owner)
    return given(_flagged(kind, rest, origin), rest[2] if len(rest) > 2 else None)


def _record(run: Run, told: list[Any], origin: Origin) -> Value:
    """An object of which another file says what is in its fields."""
    whose, names, parts, static, said = told
    found = None if whose is None else _definition(run, *whose)
    owner = None if found is None else class_of(found)
    if whose is not None and owner is None:
        return UNKNOWN
    is_tuple, is_pytree, is_partial, is_module = said
    like = Record(owner, names, (), is_tuple, is_pytree, frozenset(static), is_partial, is_module)
    return record(like, _values(run, parts, origin))


def _values(run: Run, parts: Iterable[Plain], origin: Origin) -> list[Value]:
    return [_value(run, part, origin) for part in parts]


def _flagged(kind: Kind, flags: list[Any], origin: Origin, data: object = None) -> Value:
    traced, concrete = Certainty(flags[0]), flags[1]
    return Value(kind, traced, origin if traced else None, concrete=concrete, data=data)


def _definition(run: Run, path: str, name: str) -> Value | None:
    module = imports.module_at(run, path)
    return None if module is None else run.global_value(module, name)

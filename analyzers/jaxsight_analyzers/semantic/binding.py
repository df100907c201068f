"""Arguments become parameters: those of a call, or what a signature says where nobody is seen to call."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import annotations, decorators, optimisers
from jaxsight_analyzers.semantic.donated import without
from jaxsight_analyzers.semantic.parameters import all_arguments, defaults_of
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionScope
from jaxsight_analyzers.semantic.structures import mapping, sequence
from jaxsight_analyzers.semantic.values import (
    STATIC,
    UNKNOWN,
    FunctionData,
    Kind,
    Origin,
    Value,
    constant,
    tracer,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments


def bind(
    run: Run, data: FunctionData, arguments: Arguments
) -> tuple[dict[str, Value], frozenset[str]]:
    """A value for each parameter, and the names of those that the caller passes."""
    run.depend(data.scope.head)
    signature, parameters = data.node.args, data.scope.parameters
    positional = parameters.positional
    given = [
        *(() if data.self_value is None else (data.self_value,)),
        *data.bound,
        *arguments.positional,
    ]
    values: dict[str, Value] = dict(zip(positional, given))
    keywords = {**dict(data.bound_names), **arguments.keywords}
    if signature.vararg:
        rest = given[len(positional) :]
        values[signature.vararg.arg] = UNKNOWN if arguments.open else sequence(rest)
    known = parameters.defaults
    extra: dict[object, Value] = {}
    for name, value in keywords.items():
        if name in known:
            values[name] = value
        else:
            extra[name] = value
    if signature.kwarg:
        values[signature.kwarg.arg] = UNKNOWN if arguments.open else mapping(extra)
    bound_count = len(data.bound) + (data.self_value is not None)
    skipped = set(positional[:bound_count]) | {name for name, _ in data.bound_names}
    if arguments.open:
        _fill_required(data.scope, values, arguments.hidden)
    passed = frozenset(values) - (skipped - set(arguments.keywords))
    _fill_defaults(run, data.scope, values, unknown=arguments.open)
    if run.has_donated:
        values = {name: without(value) for name, value in values.items()}
    return values, passed


def _fill_required(scope: FunctionScope, values: dict[str, Value], hidden: Value | None) -> None:
    """What `*args` and `**kwargs` hide goes to the parameters that have to be given."""
    known = hidden is not None and hidden.kind is Kind.TREE and hidden.traced is Certainty.YES
    value = tracer(Kind.TREE, hidden) if known and hidden is not None else UNKNOWN
    signature = scope.node.args
    gathered = [a.arg for a in (signature.vararg, signature.kwarg) if a is not None]
    for name, default in scope.parameters.defaults.items():
        if default is None and name not in gathered:
            values.setdefault(name, value)


def _fill_defaults(
    run: Run, scope: FunctionScope, values: dict[str, Value], *, unknown: bool
) -> None:
    """Defaults for the parameters that nobody passes; `unknown` where somebody may."""
    for name, default in scope.parameters.defaults.items():
        if name in values:
            continue
        if unknown or default is None:
            values[name] = UNKNOWN
        elif isinstance(default, ast.Constant):
            values[name] = constant(default.value)
        else:
            literal = isinstance(default, (ast.Tuple, ast.List, ast.Dict, ast.UnaryOp))
            known = None if literal else optimisers.of_default(run, scope.home, default)
            values[name] = STATIC if literal else known or UNKNOWN


def generic(run: Run, data: FunctionData) -> tuple[dict[str, Value], frozenset[str]]:
    """Values for the parameters of a function that nobody is seen to call."""
    run.depend(data.scope.head)
    values: dict[str, Value] = {}
    defaults = defaults_of(data.node.args)
    signature = data.node.args
    names = [a.arg for a in (*signature.posonlyargs, *signature.args)]
    if data.self_value is not None and names:
        values[names[0]] = data.self_value
    elif names and (owner := _owner(data)) is not None:
        values[names[0]] = Value(Kind.INSTANCE, data=owner)
    offset = 0 if data.self_value is None else 1
    values.update(zip(names[offset:], data.bound))
    values.update(dict(data.bound_names))
    bound = set(values)
    for argument in all_arguments(signature):
        if argument.arg in values:
            continue
        known = argument.annotation is not None and argument.arg not in defaults
        found = optimisers.of_default(run, data.scope.home, defaults.get(argument.arg))
        annotated = _as_annotated(run, data, argument) if known else UNKNOWN
        values[argument.arg] = found or annotated
    passed = frozenset(n for n in values if n not in bound and n not in defaults)
    return values, passed


def _as_annotated(run: Run, data: FunctionData, argument: ast.arg) -> Value:
    """A parameter as its annotation describes it; people annotate the references of a kernel as the arrays they hold."""
    assert argument.annotation is not None
    found = annotations.value_of(run, argument.annotation, argument.arg, argument, data.scope.home)
    if found is None:
        return UNKNOWN
    refers = found.kind is Kind.ARRAY and argument.arg in run.evidence(data.scope).references
    return UNKNOWN if refers else found


def _owner(data: FunctionData) -> ClassScope | None:
    """The class of whose instances a function taken from its class is a method."""
    if data.scope.owner is None or decorators.is_static(data.node):
        return None
    return data.scope.owner


def origin_of(data: FunctionData, name: str) -> Origin:
    """The parameter of a function as the origin of a tracer."""
    for argument in all_arguments(data.node.args):
        if argument.arg == name:
            return Origin(name, argument)
    return Origin(name, data.node)

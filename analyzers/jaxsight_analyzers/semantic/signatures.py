"""What tells two values, arguments and results apart: equal signatures, equal runs.

Positions are part of them where a result points at the text, and definitions count by their cells,
so that a signature stays what it is while other parts of a file are edited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import avals, library, linen_layers, linen_needs
from jaxsight_analyzers.semantic.contexts import place
from jaxsight_analyzers.semantic.described import Described
from jaxsight_analyzers.semantic.keys import Consumption, KeyToken
from jaxsight_analyzers.semantic.structures import (
    entries_of,
    is_list,
    items_of,
    parts_of,
    tokens_in,
)
from jaxsight_analyzers.semantic.values import (
    NEVER,
    STATIC,
    UNKNOWN,
    FunctionData,
    Kind,
    OptionalValue,
    Value,
    class_of,
    function_of,
    or_none,
    record_of,
    some_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.contexts import Summary, Transformation
    from jaxsight_analyzers.semantic.donated import Donation
    from jaxsight_analyzers.semantic.events import EffectSeen
    from jaxsight_analyzers.semantic.run import Run
    from jaxsight_analyzers.semantic.states import Environment
    from jaxsight_analyzers.semantic.tasks import Task

_PLAIN = (str, int, float, bool, bytes, complex, type(None))


def site(transformation: Transformation) -> object:
    """Which application of a transformation it is."""
    return (transformation.qualified, *place(transformation.node))


def signature(value: Value) -> object:
    """What tells two arguments apart for the body."""
    if value.optional:
        return ("or None", signature(some_of(value)))
    kind = value.kind
    if value.given is not None:
        return (kind, value.traced, value.concrete, "given", value.given)
    if value.model is not None:
        return ("runs", signature_of_function(value.model), getattr(value, "keeps", None))
    if value.data is None and kind is not Kind.SEQUENCE:
        return (kind, value.traced, value.concrete, "NoneType", None)
    if kind is Kind.SEQUENCE:
        items = tuple([signature(item) for item in items_of(value) or ()])
        return (kind, items, "list") if is_list(value) else (kind, items)
    if kind is Kind.SERIES:
        return (kind, None if value.data is NEVER else signature(cast("Value", value.data)))
    if kind is Kind.INSTANCE and (known := record_of(value)) is not None:
        fields = tuple([signature(item) for item in known.values])
        return (kind, known.owner, known.names, fields, known.is_pytree)
    entries = entries_of(value)
    if entries is not None:
        return (value.kind, tuple([(key, signature(item)) for key, item in entries.items()]))
    function = function_of(value)
    if function is not None:
        return signature_of_function(function)
    data = value.data
    if isinstance(data, tuple):
        parts = cast("tuple[object, ...]", data)  # what an iterator yields: see `iteration.item_of`
        data = tuple([signature(part) if isinstance(part, Value) else part for part in parts])
    elif isinstance(data, library.LibraryFunction):
        return _signature_of_library_function(data)
    elif isinstance(data, linen_layers.ModuleMethod):
        return (data.name, signature(data.base))
    elif isinstance(data, linen_needs.Variable):
        data = data.collection
    elif isinstance(data, Described):
        data = data.signature
    elif not isinstance(data, _PLAIN):
        data = id(data)  # of a class or of facts, which outlive the interpretation
    return (value.kind, value.traced, value.concrete, type(value.data).__name__, data)


def signature_of_function(data: FunctionData) -> object:
    """What tells two functions apart for those who call them."""
    return (
        data.scope,
        data.environment,
        data.what,
        data.veiled,
        tuple([signature_of_transformation(t) for t in data.transformations]),
        tuple([signature(value) for value in data.bound]),
        tuple([(name, signature(value)) for name, value in data.bound_names]),
        None if data.self_value is None else signature(data.self_value),
    )


def _signature_of_library_function(data: library.LibraryFunction) -> object:
    """What tells two partials of a library's function apart: the keys in them, too."""
    return (
        data.qualified,
        tuple([signature_of_transformation(t) for t in data.transformations]),
        tuple([(signature(value), value.tokens) for value in data.bound.positional]),
        tuple([(n, signature(v), v.tokens) for n, v in data.bound.keywords.items()]),
    )


def signature_of_transformation(transformation: Transformation) -> object:
    """What tells two applications of a transformation apart."""
    return (
        site(transformation),
        transformation.mode,
        transformation.static,
        transformation.static_unknown,
        transformation.donated,
        transformation.differentiated,
        transformation.derivatives,
        transformation.has_aux,
        transformation.unmapped,
        transformation.bound,
    )


def is_portable(value: Value) -> bool:
    """Whether a value means the same everywhere: no closure is in it, nor a class of a function."""
    data = value.data
    if value.model is not None:
        return _is_portable_function(value.model)
    if data is None or value.kind is Kind.STATIC:
        return True
    inside = parts_of(value)
    if inside is not None and not all(is_portable(item) for item in inside):
        return False
    function = function_of(value)
    if function is not None:
        return _is_portable_function(function)
    owner = class_of(value)
    if owner is not None:
        return not owner.nested
    if isinstance(data, linen_layers.ModuleMethod):
        return is_portable(data.base)
    if isinstance(data, library.LibraryFunction):
        return not any(tokens_in(one) or not is_portable(one) for one in data.bound.values())
    if isinstance(data, tuple):
        parts = cast("tuple[object, ...]", data)
        return all(is_portable(part) for part in parts if isinstance(part, Value))
    return True


def _is_portable_function(data: FunctionData) -> bool:
    if data.environment is not None:
        return False
    inside = (*data.bound, *(value for _, value in data.bound_names))
    if data.self_value is not None:
        inside = (*inside, data.self_value)
    return all(is_portable(value) for value in inside)


def captured(run: Run, data: FunctionData) -> tuple[object, ...]:
    """What a closure finds around it now."""
    if data.environment is None:
        return ()
    found: list[object] = [data.environment]
    for name in run.free_names(data.node):
        environment: Environment | None = data.environment
        while environment is not None:
            value = environment.state.names.get(name)
            if value is not None:
                found.append((name, signature(value), value.tokens))
                break
            environment = environment.parent
    return tuple(found)


def widened(value: Value) -> Value:
    """A value with less detail: few different ones are left of any number."""
    if isinstance(value, OptionalValue):
        return or_none(widened(value.some))
    if value.kind is Kind.INSTANCE and (owner := class_of(value)) is not None:
        return Value(value.kind, value.traced, value.origin, concrete=value.concrete, data=owner)
    if parts_of(value) is not None:
        kind = Kind.UNKNOWN if value.traced is Certainty.NO else Kind.TREE
        return Value(kind, value.traced, value.origin, concrete=value.concrete)
    if value.kind is Kind.STATIC:
        return value if isinstance(value.data, (bool, type(None))) else STATIC
    if value.kind in (Kind.FUNCTION, Kind.CLASS, Kind.IMPORTED, Kind.CALLABLE):
        return UNKNOWN
    if value.kind in (Kind.ARRAY, Kind.HOST):
        return avals.without(value)
    if isinstance(value.data, tuple):
        return UNKNOWN
    return value


# Results


def summary_signature(summary: Summary) -> object:
    """What of a summary its callers see. Keys count by what they are, not by which object they are."""
    returned = _result(summary.returned, summary)
    parameters = tuple(
        [(name, _result(value, summary)) for name, value in summary.parameters.items()]
    )
    consumed = tuple([(_token(token, summary), _use(use)) for token, use in summary.consumed])
    changed: tuple[object, ...] = ()
    if summary.effects is not None and summary.effects.seen:
        changed = tuple([_effect(seen) for seen in summary.effects.on_arguments()])
    donated = tuple([_donation(one) for one in summary.donated])
    needs = tuple([(*need[:-1], place(need.node)) for need in summary.needs])
    return returned, parameters, consumed, changed, donated, needs


def _donation(donation: Donation) -> object:
    transformation = signature_of_transformation(donation.transformation)
    return donation.place, donation.certainty, donation.through, transformation


def _effect(seen: EffectSeen) -> object:
    """An effect on an argument as the caller sees it, whichever nodes it is seen at."""
    home = seen.home
    return (
        seen.kind,
        seen.what,
        (home.category, home.name, home.certainty),
        (seen.value, seen.certainty, seen.why),
        seen.scope,
        seen.how,
        seen.guards,
        place(seen.node),
        tuple([(name, *place(call)) for name, call in seen.through]),
    )


def of_writes(task: Task) -> object:
    """What of the attributes that a run gives to objects those see who read them."""
    if not task.writes:
        return ()
    return tuple([(place, signature(value)) for place, value in task.writes.items()])


def _use(use: Consumption) -> object:
    return use.by, use.sampler, use.certainty, use.replaced, place(use.node)


def _result(value: Value, summary: Summary) -> object:
    if isinstance(value, OptionalValue):
        return ("or None", _result(value.some, summary))
    entries = entries_of(value)
    if entries is not None:
        return tuple([(key, _result(item, summary)) for key, item in entries.items()])
    inside = parts_of(value)
    if inside is not None:
        known = record_of(value)
        names = None if known is None else (known.owner, known.names, known.is_pytree)
        parts = [None if item is NEVER else _result(item, summary) for item in inside]
        return value.kind, names, tuple(parts)
    tokens = sorted((_token(token, summary) for token in value.tokens or ()), key=repr)
    origin = None if value.origin is None else (value.origin.name, *place(value.origin.node))
    return signature(value), origin, tuple(tokens)


def _token(token: KeyToken, summary: Summary) -> object:
    if token.parent is not None:
        inside = tuple([part for part in token.index if isinstance(part, _PLAIN)])
        return _token(token.parent, summary), token.name, inside, place(token.node)
    if token.parameter and token.owner is summary.mark:
        return "parameter", token.name
    return "key", token.name, place(token.node), token.owner is summary.mark

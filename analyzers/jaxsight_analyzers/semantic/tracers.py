"""Values that cross the border of a transformation: into it as tracers, out of it without."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import avals, expressions
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import entries_of, mapping, rebuilt, record
from jaxsight_analyzers.semantic.values import (
    MISSING,
    NONE,
    FunctionData,
    Kind,
    Origin,
    Record,
    Value,
    constant_of,
    given,
    record_of,
)


def on_host(value: Value) -> Value:
    """What a callback gets of an argument: an array with a value."""
    made = rebuilt(value, on_host)
    if made is not None:
        return made
    if value.kind is Kind.HOST or isinstance(constant_of(value), (int, float, complex)):
        return Value(Kind.ARRAY)
    if value.traced is Certainty.NO:
        return value
    data = value.data if value.kind is Kind.INSTANCE else None
    return Value(value.kind, data=data, tokens=value.tokens)


def traced(value: Value, origin: Origin | None, concrete: bool) -> Value:
    """A value as a tracer; what is no array stays as it is."""
    found = record_of(value)
    if found is not None and not value.optional:
        return _traced_record(found, origin, concrete)
    made = rebuilt(value, lambda part: traced(part, origin, concrete))
    if made is not None:
        return made
    known = constant_of(value)
    if (
        value.kind is Kind.STATIC
        and known is not MISSING
        and not isinstance(known, (int, float, complex))
    ):
        return value
    if value.kind in (Kind.FUNCTION, Kind.CLASS, Kind.IMPORTED, Kind.CALLABLE):
        return value
    if value.traced is Certainty.YES and not value.concrete:
        return value
    kind = {Kind.STATIC: Kind.ARRAY, Kind.HOST: Kind.ARRAY, Kind.UNKNOWN: Kind.TREE}.get(
        value.kind, value.kind
    )
    return Value(
        kind,
        Certainty.YES,
        value.origin or origin,
        concrete=concrete,
        data=value.data if value.kind in (Kind.INSTANCE, Kind.TREE) else None,
        tokens=value.tokens,
    )


def arrays_traced(value: Value, origin: Origin | None, concrete: bool) -> Value:
    """A value of which arrays alone become tracers, at any depth: a tuple of numbers stays one."""
    made = rebuilt(value, lambda part: arrays_traced(part, origin, concrete))
    if made is not None:
        return made
    if value.kind in (Kind.UNKNOWN, Kind.STATIC, Kind.INSTANCE):
        return value
    return traced(value, origin, concrete)


def as_given(made: Value, value: Value, origin: Origin) -> Value:
    """The tracer of a number that Python decides by, if callers pass one or the parameter is annotated so."""
    known = constant_of(value)
    if known is not MISSING:
        return given(made, type(known).__name__) if isinstance(known, int) else made
    annotation = getattr(origin.node, "annotation", None)
    if value.kind is not Kind.STATIC or not isinstance(annotation, ast.Name):
        return made
    return given(made, annotation.id) if annotation.id in ("bool", "int") else made


def _traced_record(known: Record, origin: Origin | None, concrete: bool) -> Value:
    """An instance that a transformation takes apart: all of its fields but the static ones are tracers."""
    if known.is_partial:  # which of them it registers is not known
        return Value(Kind.INSTANCE, Certainty.YES, origin, concrete=concrete, data=known.owner)
    fields = zip(known.names, known.values)
    return record(
        replace(known, is_pytree=True),
        [v if name in known.static else traced(v, origin, concrete) for name, v in fields],
    )


def released(run: Run, value: Value, arguments: Iterable[Value], *, mapped: bool) -> Value:
    """A result as the caller of a transformed function gets it: its tracers are gone.

    `mapped` says that it has an axis more, or one that is longer.
    """
    known = tuple(arguments)
    made = rebuilt(value, lambda part: released(run, part, known, mapped=mapped))
    if made is not None:
        return made
    if mapped:
        value = avals.of_any_shape(value)
    if value.traced is Certainty.NO:
        return value
    made = expressions.jax_result(run, value.kind, known)
    return Value(
        value.kind,
        made.traced,
        made.origin,
        concrete=made.concrete,
        data=value.data if value.kind in (Kind.INSTANCE, Kind.ARRAY, Kind.TREE) else None,
        tokens=value.tokens,
    )


def adds_an_axis(facts: FunctionFacts) -> bool:
    """Whether what a function returns is stacked: not what a loop of `lax` carries."""
    carries = any("carry" in roles for roles in facts.body.values())
    return facts.repeats and not (carries and facts.name.startswith("jax.lax."))


def like(structure: Value, leaf: Value) -> Value:
    """A container of the same structure, traced as `leaf` is."""
    if structure is NONE:
        return structure
    made = rebuilt(structure, lambda part: like(part, leaf))
    if made is not None:
        return made
    if structure.kind in (Kind.ARRAY, Kind.HOST):
        return Value(Kind.ARRAY, leaf.traced, leaf.origin, concrete=leaf.concrete)
    return leaf


def but_for_bound(data: FunctionData, before: Value, made: Value) -> Value:
    """The `**kwargs` of `jit(partial(f, a=1))`, which is not traced in `a`."""
    bound = {name for name, _ in data.bound_names}
    given, entries = entries_of(before), entries_of(made)
    if given is None or entries is None or bound.isdisjoint(given):
        return made
    return mapping({name: given[name] if name in bound else entries[name] for name in given})

"""Answers for rules about modules of Flax Linen, merged over contexts."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Related, Span
from jaxsight_analyzers.semantic.linen_events import (
    ApplySeen,
    AttributeSetSeen,
    FlagSeen,
    InitializerSeen,
    InsideSeen,
    MadeSeen,
    NameSeen,
    Need,
    OwnInitSeen,
    PairUsedSeen,
    UnannotatedSeen,
    UnboundSeen,
)
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.streams import Places
from jaxsight_analyzers.semantic.structures import entries_of
from jaxsight_analyzers.semantic.values import PARAMETERS, VARIABLES, Kind

_MEANT = ("try", "raises", "version")
"""Why a failure may be meant."""


class Lack(NamedTuple):
    """Something that running a module needs for certain, and that the call does not give it."""

    name: str  # of the collection or stream
    by: str  # what needs it: `nn.BatchNorm`
    related: Related


class Applied(NamedTuple):
    """A call of `apply` that does not give the module what it needs to run."""

    node: ast.Call
    span: Span
    module: str
    collections: tuple[Lack, ...]
    streams: tuple[Lack, ...]
    keys: tuple[str, ...]  # names that hold a key there, which nothing used up


def lacking(seen: Iterable[ApplySeen], places: Places) -> list[Applied]:
    """Each call that lacks something in some context."""
    found: dict[ast.AST, Applied] = {}
    for event in seen:
        if event.method != "apply" or any(guard in _MEANT for guard in event.guards):
            continue
        needs = [need for need in event.needs if need.certainty is Certainty.YES]
        made = Applied(
            event.node,
            places.span(event.node.func),
            event.module,
            _lacks(needs, "mutable", event.mutable, places),
            _lacks(needs, "rng", event.streams, places),
            event.keys,
        )
        before = found.get(event.node)
        if made.collections or made.streams:
            found[event.node] = made if before is None else _both(before, made)
    return list(found.values())


def _lacks(
    needs: Iterable[Need], kind: str, given: frozenset[str] | None, places: Places
) -> tuple[Lack, ...]:
    if given is None or "*" in given:
        return ()
    lacks: dict[str, Lack] = {}
    for need in needs:
        if need.kind == kind and need.name not in given and need.name not in lacks:
            verb = "is updated" if kind == "mutable" else "is asked for a key"
            related = places.related_at(need.node, f"`{need.name}` {verb} here, by `{need.by}`")
            lacks[need.name] = Lack(need.name, need.by, related)
    return tuple(lacks.values())


def _both(one: Applied, other: Applied) -> Applied:
    """What a call lacks in either of two contexts."""
    known = {lack.name for lack in one.collections}
    drawn = {lack.name for lack in one.streams}
    return one._replace(
        collections=(*one.collections, *(x for x in other.collections if x.name not in known)),
        streams=(*one.streams, *(x for x in other.streams if x.name not in drawn)),
        keys=tuple([name for name in one.keys if name in other.keys]),
    )


class Made(NamedTuple):
    """A submodule or parameter that is made where a module can make none."""

    node: ast.expr
    span: Span
    what: str  # `nn.Dense`, `self.param`
    module: str
    method: ast.FunctionDef | ast.AsyncFunctionDef
    name: str  # of the method


def made(seen: Iterable[MadeSeen], places: Places) -> list[Made]:
    """The first of each method, where its own file says so."""
    found: dict[ast.AST, Made] = {}
    for event in seen:
        method = event.method
        if isinstance(method, ast.Lambda) or any(guard in _MEANT for guard in event.guards):
            continue
        assert isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef))
        before = found.get(method)
        here = Made(
            event.node, places.span(event.node), event.what, event.module, method, method.name
        )
        if before is None or here.span < before.span:
            found[method] = here
    return list(found.values())


class AttributeSet(NamedTuple):
    """An attribute of a module that is set where the module is frozen."""

    node: ast.Attribute
    span: Span
    text: str  # `self.h`
    module: str
    method: str


def attributes(seen: Iterable[AttributeSetSeen], places: Places) -> list[AttributeSet]:
    """Each place once."""
    found: dict[ast.AST, AttributeSet] = {}
    for event in seen:
        if any(guard in _MEANT for guard in event.guards):
            continue
        node, name = event.node, getattr(event.method, "name", "")
        text = places.text(node)
        found[node] = AttributeSet(node, places.span(node), text, event.module, name)
    return list(found.values())


class Inside(NamedTuple):
    """A submodule that is called in what a transformation of JAX traces, inside a method of a module."""

    node: ast.Call
    span: Span
    text: str  # what is called
    transformation: str  # `jax.lax.scan`
    module: str
    related: Related


def inside(seen: Iterable[InsideSeen], places: Places) -> list[Inside]:
    """Each transformation once, with the first submodule in it."""
    found: dict[ast.AST, Inside] = {}
    for event in seen:
        if any(guard in _MEANT for guard in event.guards):
            continue
        function = event.node.func
        name = display(event.transformation)
        here = Inside(
            event.node,
            places.span(function),
            places.text(function),
            name,
            event.module,
            places.related_at(event.applied, f"`{name}` traces it here"),
        )
        before = found.get(event.applied)
        if before is None or here.span < before.span:
            found[event.applied] = here
    return list(found.values())


class Misapplied(NamedTuple):
    """A module that is applied to the wrong part of its variables, or to none."""

    node: ast.Call
    argument: ast.expr | None  # None: it is called unbound
    span: Span
    kind: str  # "bare", "nested", "unbound"
    text: str
    module: str
    is_all: bool  # whether the parameters are all that the module needs


def misapplied(
    seen: Iterable[ApplySeen], unbound: Iterable[UnboundSeen], places: Places
) -> list[Misapplied]:
    """Each call once."""
    found: dict[ast.AST, Misapplied] = {}
    for event in seen:
        kind = _mistake(event)
        argument = None if event.variables is None else event.variables[0]
        if kind is None or argument is None or any(guard in _MEANT for guard in event.guards):
            continue
        if not places.module.owns(argument):
            continue
        others = [n for n in event.needs if n.kind == "read" and n.name != "params"]
        text = places.text(argument)
        found[event.node] = Misapplied(
            event.node, argument, places.span(argument), kind, text, event.module, not others
        )
    for event in unbound:
        if not any(guard in _MEANT for guard in event.guards):
            span, text = places.span(event.node.func), places.text(event.node.func)
            found[event.node] = Misapplied(
                event.node, None, span, "unbound", text, event.module, False
            )
    return list(found.values())


def _mistake(event: ApplySeen) -> str | None:
    value = None if event.variables is None or event.method != "apply" else event.variables[1]
    if value is None:
        return None
    if value.kind is Kind.TREE and value.data == PARAMETERS:
        return "bare"
    inner = (entries_of(value) or {}).get("params")
    is_nested = inner is not None and inner.kind is Kind.TREE and inner.data == VARIABLES
    return "nested" if is_nested and _has_parameters(event) else None


def _has_parameters(event: ApplySeen) -> bool:
    """Whether the module surely has parameters: one without any may be given `{"params": {}}`."""
    return any(
        need.kind == "read" and need.name == "params" and need.certainty is Certainty.YES
        for need in event.needs
    )


class Missing(NamedTuple):
    """A module that is applied to variables without a collection that it reads."""

    node: ast.Call
    argument: ast.expr
    span: Span
    module: str
    collections: tuple[Lack, ...]


def missing(seen: Iterable[ApplySeen], places: Places) -> list[Missing]:
    """Each call once."""
    found: dict[ast.AST, Missing] = {}
    for event in seen:
        argument, value = (None, None) if event.variables is None else event.variables
        entries = None if value is None else entries_of(value)
        if entries is None or value is None or argument is None or event.method != "apply":
            continue
        if any(guard in _MEANT for guard in event.guards) or not places.module.owns(argument):
            continue
        lacks = {
            need.name: need
            for need in event.needs
            if need.kind == "read" and need.certainty is Certainty.YES and need.name not in entries
        }
        mutable = event.mutable
        if mutable is None or "*" in mutable:
            continue
        lacks = {name: need for name, need in lacks.items() if name not in mutable}
        if lacks:
            made = tuple(
                [
                    Lack(
                        name, n.by, places.related_at(n.node, f"`{name}` is read here, by `{n.by}`")
                    )
                    for name, n in lacks.items()
                ]
            )
            found[event.node] = Missing(
                event.node, argument, places.span(argument), event.module, made
            )
    return list(found.values())


class Initializer(NamedTuple):
    """What is given for an initializer and is none."""

    node: ast.expr
    span: Span
    text: str
    kind: str  # "array", "number", "constructor", "factory", "keyless"
    by: str  # what it is given to: `self.param`, `kernel_init=`


def initializers(seen: Iterable[InitializerSeen], places: Places) -> list[Initializer]:
    """Each place once."""
    found: dict[ast.AST, Initializer] = {}
    for event in seen:
        if not any(guard in _MEANT for guard in event.guards):
            node, span = event.node, places.span(event.node)
            found[node] = Initializer(node, span, places.text(node), event.kind, event.by)
    return list(found.values())


class Named(NamedTuple):
    """A parameter or submodule with a name that another one of the module has."""

    span: Span
    name: str
    what: str
    module: str
    related: Related


def named_twice(seen: Iterable[NameSeen], places: Places) -> list[Named]:
    """Each place once."""
    found: dict[ast.AST, Named] = {}
    for event in seen:
        if not any(guard in _MEANT for guard in event.guards):
            related = places.related_at(event.before, f"`{event.name}` is the name of this")
            span = places.span(event.node)
            found[event.node] = Named(span, event.name, event.what, event.module, related)
    return list(found.values())


class Flag(NamedTuple):
    """A call of a layer whose flag is given nowhere, or twice."""

    node: ast.Call
    span: Span
    kind: str  # "missing", "twice"
    layer: str
    flag: str


def flags(seen: Iterable[FlagSeen], places: Places) -> list[Flag]:
    """Each call once."""
    found: dict[ast.AST, Flag] = {}
    for event in seen:
        if not any(guard in _MEANT for guard in event.guards):
            span = places.span(event.node.func)
            found[event.node] = Flag(event.node, span, event.kind, event.layer, event.flag)
    return list(found.values())


class OwnInit(NamedTuple):
    """A module with an `__init__` of its own."""

    span: Span  # of its name
    module: str


def own_inits(seen: Iterable[OwnInitSeen], places: Places) -> list[OwnInit]:
    """Each class once."""
    nodes = {event.node: event.module for event in seen}
    return [OwnInit(places.name_span(node), module) for node, module in nodes.items()]


class Pair(NamedTuple):
    """What `apply` returns with `mutable=`: used as if it were an array, or with its statistics dropped."""

    call: ast.Call
    span: Span
    text: str
    how: str  # the attribute, the function or the operator; "" where nothing is used so
    names: tuple[str, ...]  # the collections that are certainly updated
    module: str


def pairs(used: Iterable[PairUsedSeen], seen: Iterable[ApplySeen], places: Places) -> list[Pair]:
    """The uses of each, and the calls that certainly update a collection."""
    found: dict[tuple[ast.AST, str], Pair] = {}
    for use in used:
        if not any(guard in _MEANT for guard in use.guards):
            span, text = places.span(use.node), places.text(use.node)
            found[use.node, use.how] = Pair(use.call, span, text, use.how, (), "")
    for event in seen:
        mutable = event.mutable
        if mutable is None or event.method != "apply" or any(g in _MEANT for g in event.guards):
            continue
        names = [
            need.name
            for need in event.needs
            if need.kind == "mutable"
            and need.certainty is Certainty.YES
            and ("*" in mutable or need.name in mutable)
        ]
        if names:
            span = places.span(event.node.func)
            found[event.node, ""] = Pair(event.node, span, "", "", tuple(names), event.module)
    return list(found.values())


class Unannotated(NamedTuple):
    """A module that is made with an attribute of its class that is no field, for want of an annotation."""

    span: Span  # of what is given
    name: str
    module: str
    annotation: str | None  # that of the value which stands there
    end: int | None  # of the name, where it stands in this file
    related: Related


def unannotated(seen: Iterable[UnannotatedSeen], places: Places) -> list[Unannotated]:
    """Each argument once."""
    found: dict[ast.AST, Unannotated] = {}
    for event in seen:
        if any(guard in _MEANT for guard in event.guards):
            continue
        constant = event.value.value if isinstance(event.value, ast.Constant) else None
        kinds = (bool, int, float, str)
        annotation = type(constant).__name__ if isinstance(constant, kinds) else None
        end: int | None = None
        if places.module.owns(event.value):
            start = places.module.span(event.value).start
            before = places.module.analysed.text[:start].rstrip()
            named = before.removesuffix("=").rstrip()
            end = len(named) if before.endswith("=") and named.endswith(event.name) else None
        related = places.related_at(event.value, f"`{event.name}` has no annotation here")
        span = places.span(event.node)
        found[event.node] = Unannotated(span, event.name, event.module, annotation, end, related)
    return list(found.values())

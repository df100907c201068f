"""Streams about probabilistic programs, merged over contexts."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Route, Span
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.events import CallSeen
from jaxsight_analyzers.semantic.predictions import ObservedSeen
from jaxsight_analyzers.semantic.sites import DrawnSeen, RepeatedSiteSeen, SiteSeen, UnseededSeen
from jaxsight_analyzers.semantic.streams import Places, is_meant
from jaxsight_analyzers.semantic.values import Kind, Value, constant_of


class RepeatedSite(NamedTuple):
    """A site whose name one before it has."""

    node: ast.AST
    span: Span
    name: str
    by: str
    kind: str  # of the site
    earlier: ast.AST
    earlier_span: Span
    in_loop: bool
    certainty: Certainty


class Site(NamedTuple):
    """A site of a model, in the context that tells most of it."""

    node: ast.Call
    span: Span
    kind: str
    name: str | None
    distribution: FunctionFacts | None
    instead: str  # what is given in place of a distribution: "array", "number", "class", "text"; empty where none is
    given: Mapping[str, ast.expr | None]
    observed: Certainty
    in_model: bool  # whether an inference is seen to run it
    handled: bool  # whether a handler of the model's own may change what it is
    wrapped: bool  # whether a handler wraps the model
    in_chains: bool  # whether MCMC is seen to run the model, with a sampler that is known
    has_gibbs: bool  # whether that gives values to what others cannot
    tracer: str  # what makes the tracers around it, by qualified name
    traced_by: ast.AST | None  # where that is applied, in the same function or around it
    related: tuple[Route, ...]


class Unseeded(NamedTuple):
    """What draws without a key."""

    node: ast.AST
    span: Span
    function: str | None
    name: str | None


def repeated_sites(seen: Iterable[RepeatedSiteSeen], places: Places) -> list[RepeatedSite]:
    """Each site whose name is taken once, in the context in which that is most certain."""
    best: dict[ast.AST, RepeatedSiteSeen] = {}
    certain: dict[ast.AST, Certainty] = {}
    for event in seen:
        if is_meant(event.guards) or not places.module.owns(event.earlier.node):
            continue
        certainty = event.certainty if "model" in event.guards else Certainty.MAYBE
        if event.frame.is_test and (event.expected or "model" not in event.guards):
            continue  # it is meant to fail, or nothing records what it draws
        before = certain.get(event.node, Certainty.NO)
        if certainty > before:
            best[event.node], certain[event.node] = event, certainty
    return [_repeated(event, certain[node], places) for node, event in best.items()]


def _repeated(event: RepeatedSiteSeen, certainty: Certainty, places: Places) -> RepeatedSite:
    return RepeatedSite(
        event.node,
        places.span(event.node),
        event.name,
        event.by,
        event.earlier.sampler,
        event.earlier.node,
        places.span(event.earlier.node),
        event.in_loop,
        certainty,
    )


def sites(seen: Iterable[SiteSeen], places: Places) -> list[Site]:
    """Each site once for each way in which a model is run."""
    found: dict[tuple[object, ...], Site] = {}
    known = list(seen)
    for event in known:
        if is_meant(event.guards) or (event.expected and event.frame.is_test):
            continue
        site = _site(event, places)
        if site.observed is Certainty.NO and _is_observed_elsewhere(event, known):
            site = site._replace(observed=Certainty.MAYBE)
        key = (
            site.node,
            site.in_model,
            site.handled,
            site.in_chains,
            site.has_gibbs,
            site.tracer,
            site.observed,
        )
        found.setdefault(key, site)
    return list(found.values())


def _is_observed_elsewhere(event: SiteSeen, seen: Iterable[SiteSeen]) -> bool:
    """Whether it is the branch for predictions: `if y is None: sample("y", d) else: sample("y", d, obs=y)`."""
    return event.name is not None and any(
        other.name == event.name
        and other.observed is not Certainty.NO
        and other.frame.node is event.frame.node
        and _part(event, other)
        for other in (seen if event.conditions else ())
    )


def _site(event: SiteSeen, places: Places) -> Site:
    held = None if event.distribution is None else event.distribution.data
    guards = event.guards
    handled = "handler" in guards or ("handled" in guards and "model" not in guards)
    return Site(
        event.node,
        places.span(event.node),
        event.facts.site or "",
        event.name,
        held if isinstance(held, FunctionFacts) else None,
        _instead(event.distribution),
        event.given,
        event.observed,
        "model" in guards,
        handled,
        "handled" in guards,
        "chains" in guards,
        "gibbs" in guards,
        event.frame.tracer,
        _applied(event.frame),
        places.related(event.frame),
    )


def _instead(value: Value | None) -> str:
    """What stands where a distribution is meant; empty where it is one, or may be."""
    if value is None or value.optional:
        return ""
    if value.kind is Kind.ARRAY or value.kind is Kind.KEY or value.kind is Kind.HOST:
        return "array"
    if value.kind is Kind.IMPORTED and isinstance(value.data, str):
        return "class" if value.data.startswith(_DISTRIBUTIONS) else ""
    known = constant_of(value)
    if isinstance(known, str):
        return "text"
    return "number" if isinstance(known, (int, float)) else ""


_DISTRIBUTIONS = "numpyro.distributions."


class Unbounded(NamedTuple):
    """A value that may be any number, given for a parameter that may not."""

    node: ast.expr  # the argument
    span: Span
    text: str
    distribution: str
    parameter: str
    which: str  # numbers it may be: see `Knowledge.takes`
    drawn: ast.Call
    drawn_span: Span
    name: str | None  # of the site that gives the value


def unbounded(
    seen: Iterable[CallSeen],
    drawn: Iterable[DrawnSeen],
    takes: Callable[[str], Mapping[str, str]],
    places: Places,
) -> list[Unbounded]:
    """Each argument once."""
    values = {id(one.value): one for one in drawn if not is_meant(one.guards)}
    found: dict[ast.AST, Unbounded] = {}
    for event in seen if values else ():
        wanted = takes(event.facts.name if event.facts is not None else "")
        for argument in event.arguments if wanted and not is_meant(event.guards) else ():
            which, origin = wanted.get(argument.parameter or ""), values.get(id(argument.value))
            if which is None or origin is None or argument.starred:
                continue
            found[argument.node] = Unbounded(
                argument.node,
                places.span(argument.node),
                places.text(argument.node),
                event.qualified.rpartition(".")[2],
                argument.parameter or "",
                which,
                origin.node,
                places.span(origin.node),
                origin.name,
            )
    return list(found.values())


class PlateConflict(NamedTuple):
    """A plate whose name one of another size has in the same model."""

    node: ast.Call
    span: Span
    name: str
    size: int
    earlier_size: int
    earlier_span: Span
    certainty: Certainty


def plate_conflicts(seen: Iterable[SiteSeen], places: Places) -> list[PlateConflict]:
    """Each plate once that is made anew with another size."""
    first: dict[tuple[object, str], SiteSeen] = {}
    found: dict[ast.AST, PlateConflict] = {}
    for event in seen:
        if event.facts.site != "plate" or event.name is None or event.size is None:
            continue
        if is_meant(event.guards) or event.expected or event.frame.scope is None:
            continue
        before = first.setdefault((event.frame.mark, event.name), event)
        if before.size is None or before.size == event.size or _part(before, event):
            continue
        sure = "model" in event.guards and not before.conditions and not event.conditions
        certainty = Certainty.YES if sure else Certainty.MAYBE
        known = found.get(event.node)
        if known is None or certainty > known.certainty:
            found[event.node] = PlateConflict(
                event.node,
                places.span(event.node),
                event.name,
                event.size,
                before.size,
                places.span(before.node),
                certainty,
            )
    return list(found.values())


def _part(one: SiteSeen, other: SiteSeen) -> bool:
    """Whether no run makes both."""
    return any(mine.contradicts(their) for mine in one.conditions for their in other.conditions)


def _applied(frame: Frame) -> ast.AST | None:
    """Where what makes the tracers of a frame is applied."""
    for each in frame.chain():
        for one in each.transformations:
            if one.qualified == frame.tracer:
                return one.node
    return None


def unseeded(seen: Iterable[UnseededSeen], places: Places) -> list[Unseeded]:
    """What draws without a key, once."""
    found: dict[ast.AST, Unseeded] = {}
    for event in seen:
        if is_meant(event.guards):
            continue
        made = Unseeded(event.node, places.span(event.node), event.function, event.name)
        found.setdefault(event.node, made)
    return list(found.values())


def observed(seen: Iterable[ObservedSeen]) -> list[ObservedSeen]:
    """Each argument once, where it is not meant."""
    kept = [event for event in seen if not is_meant(event.guards) and not event.frame.is_test]
    return list({event.node: event for event in kept}.values())

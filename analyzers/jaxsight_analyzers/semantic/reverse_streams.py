"""The stream of loops of JAX that are differentiated in reverse although they have no such derivative."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Related, Span
from jaxsight_analyzers.semantic.contexts import Frame, Transformation
from jaxsight_analyzers.semantic.events import ArgumentSeen, CallSeen
from jaxsight_analyzers.semantic.routes import chain
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.structures import items_of
from jaxsight_analyzers.semantic.trees import walk
from jaxsight_analyzers.semantic.values import Kind, Origin, Value

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.model import SemanticModel

LOOPS = ("jax.lax.while_loop", "jax.lax.fori_loop")
_BOUNDS = ("lower", "upper")
_INIT = "init_val"


class Loop(NamedTuple):
    """A call of `while_loop`, or of `fori_loop` with traced bounds, through which a gradient is to go."""

    node: ast.Call
    span: Span  # of the function's name
    name: str
    carry: str  # the part of its carry that depends on what is differentiated
    bound: str | None  # the bound that is traced
    argument: str  # what is differentiated
    function: str  # by what
    certainty: Certainty
    related: tuple[Related, ...]


def loops(seen: Iterable[CallSeen], model: SemanticModel) -> list[Loop]:
    """Each call once, where it is most surely differentiated."""
    best: dict[ast.AST, Loop] = {}
    for event in seen:
        if "try" in event.guards:
            continue
        found = _differentiated(event, model)
        before = best.get(event.node)
        if found is not None and (before is None or found.certainty > before.certainty):
            best[event.node] = found
    return list(best.values())


def _differentiated(event: CallSeen, model: SemanticModel) -> Loop | None:
    given = {argument.parameter: argument for argument in event.arguments}
    init, bound = given.get(_INIT), None
    if event.facts is not None and event.facts.name.endswith("fori_loop"):
        bound = next((given[b] for b in _BOUNDS if b in given and _is_traced(given[b])), None)
        if bound is None:
            return None  # it becomes a `scan`
    if init is None:
        return None
    for node, value in _parts(init):
        source = _source(event.frame, node, value, model)
        if source is not None:
            name, transformation, certainty = source
            function = display(transformation.qualified)
            places = model.places
            return Loop(
                event.node,
                places.span(event.node.func),
                display(event.qualified),
                places.text(node),
                None if bound is None else places.text(bound.node),
                name,
                function,
                certainty,
                (places.related_at(transformation.node, f"differentiated by `{function}` here"),),
            )
    return None


def differentiated(event: CallSeen, model: SemanticModel) -> Certainty:
    """Whether a gradient goes through the first argument of a call."""
    if "try" in event.guards or not event.arguments:
        return Certainty.NO
    first = event.arguments[0]
    source = _source(event.frame, first.node, first.value, model)
    if source is not None:
        return source[2]
    chosen = {name for name, _ in event.frame.differentiated}
    if not chosen or first.value.traced is not Certainty.YES:
        return Certainty.NO
    made = _made_of(chosen, event.frame.node)
    return Certainty.NO if made.isdisjoint(_names_in(first.node)) else Certainty.MAYBE


def _made_of(names: set[str], function: ast.AST) -> set[str]:
    """These names, and those that a function makes of them: a value knows of one place only that it comes from."""
    found = set(names)
    given = [
        (set(_names_in(*node.targets)), set(_names_in(node.value)))
        for node in walk(function)
        if isinstance(node, ast.Assign) and not _stops(node.value)
    ]
    before = 0
    while len(found) != before:
        before = len(found)
        for targets, used in given:
            if not used.isdisjoint(found):
                found |= targets
    return found


def _names_in(*nodes: ast.AST) -> Iterator[str]:
    return (one.id for node in nodes for one in walk(node) if isinstance(one, ast.Name))


def _stops(node: ast.expr) -> bool:
    """Whether no derivative goes through: `stop_gradient(x)`, `x.shape`."""
    if isinstance(node, ast.Call):
        node = node.func
        return isinstance(node, ast.Attribute) and node.attr == "stop_gradient"
    return any(isinstance(one, ast.Attribute) and one.attr in _PLAIN for one in walk(node))


_PLAIN = ("shape", "ndim", "size", "dtype")


def _is_traced(argument: ArgumentSeen) -> bool:
    return argument.value.traced is Certainty.YES and not argument.value.concrete


def _parts(init: ArgumentSeen) -> list[tuple[ast.expr, Value]]:
    """The parts of a carry that is written out, or all of it."""
    items = items_of(init.value)
    if isinstance(init.node, ast.Tuple) and items is not None and len(items) == len(init.node.elts):
        return list(zip(init.node.elts, items))
    return [(init.node, init.value)]


def _source(
    frame: Frame, node: ast.expr, value: Value, model: SemanticModel
) -> tuple[str, Transformation, Certainty] | None:
    """The differentiated argument that a value comes from, what differentiates it, and whether it surely does."""
    origin: Origin | None = value.origin
    if value.traced is not Certainty.YES or origin is None or value.kind is Kind.STATIC:
        return None
    sure = value.concrete or (isinstance(node, ast.Name) and node.id in _parameters(frame))
    for here, _, origins in chain(model, frame):
        for transformation in here.transformations:
            if transformation.facts.own_derivative:
                return None
            if transformation.facts.reverse:
                name = _comes_from(here, origin)
                if name is None:
                    return None
                return name, transformation, Certainty.YES if sure else Certainty.MAYBE
        origin = origins.get(origin.name, origin) or origin
    return None


def _parameters(frame: Frame) -> list[str]:
    arguments = getattr(frame.node, "args", None)
    if not isinstance(arguments, ast.arguments):
        return []
    return [a.arg for a in (*arguments.posonlyargs, *arguments.args)]


def _comes_from(frame: Frame, origin: Origin) -> str | None:
    """The differentiated argument that brings a tracer; one that is traced already is known by its own origin."""
    for name, source in frame.differentiated:
        if name == origin.name or source == origin:
            return name
    return None

"""Answers for rules about the names of axes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Related, Span
from jaxsight_analyzers.semantic import axes
from jaxsight_analyzers.semantic.contexts import Frame, Transformation
from jaxsight_analyzers.semantic.events import CallSeen
from jaxsight_analyzers.semantic.routes import chain
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.streams import Places, is_meant

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.model import SemanticModel

_SPEC = ("jax.sharding.PartitionSpec", "jax.P")
_SHARDED = ("jax.sharding.NamedSharding", "jax.NamedSharding")


class Unbound(NamedTuple):
    """A collective over an axis that nothing binds where it runs."""

    node: ast.Call
    span: Span  # of the name
    axis: str
    function: str  # `lax.psum`
    mapped_by: str | None  # the function that maps, and binds another name or none
    certainty: Certainty
    related: tuple[Related, ...]


class NotInMesh(NamedTuple):
    """An axis in a `PartitionSpec` that the mesh it is used with does not have."""

    node: ast.Constant
    span: Span
    axis: str
    mesh: str
    names: tuple[str, ...]  # that the mesh has


def unbound(seen: Iterable[CallSeen], model: SemanticModel) -> list[Unbound]:
    """Each name once, where it is most surely unbound; silent where one run binds it, or may."""
    best: dict[ast.AST, Unbound | None] = {}
    for event in seen:
        node = _axis(event)
        if node is None or is_meant(event.guards):
            continue
        for name in _constants(node):
            made = _unbound(event, name, model)
            before = best.get(name, made)
            known = before is None or made is None
            better = made if made and before and made.certainty > before.certainty else before
            best[name] = None if known else better
    found = [one for one in best.values() if one is not None]
    return [one for one in found if not _is_named_elsewhere(one.axis, model)]


def _axis(event: CallSeen) -> ast.expr | None:
    wanted = None if event.facts is None else event.facts.collective
    given = (a.node for a in event.arguments if a.parameter == wanted and not a.starred)
    return None if wanted is None else next(given, None)


def _constants(node: ast.expr) -> Iterator[ast.Constant]:
    items = node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]
    for item in items:
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            yield item


def _unbound(event: CallSeen, name: ast.Constant, model: SemanticModel) -> Unbound | None:
    mapping: tuple[Frame, Transformation] | None = None
    ends, is_called = False, True  # it is called, all the way from the module's own code
    for here, call, _ in chain(model, event.frame):
        if here.incoming or _is_wrapped(here):
            return None
        ends = ends or (is_called and here.name == "<module>")
        is_called = is_called and call is not None
        for transformation in here.transformations:
            if transformation.axes is None or name.value in transformation.axes:
                return None
            if transformation.makes_rule:
                return None
            if mapping is None and (
                transformation.axes or transformation.qualified in ("jax.pmap", "jax.vmap")
            ):
                mapping = here, transformation
    is_pmap = mapping is not None and mapping[1].qualified == "jax.pmap"
    if not ends and not is_pmap:
        return None  # who calls the outermost function may bind it
    related: tuple[Related, ...] = ()
    by = None
    if mapping is not None:
        by = display(mapping[1].qualified)
        related = (
            model.places.related_at(mapping[1].node, f"`{by}` maps `{mapping[0].name}` here"),
        )
    return Unbound(
        event.node,
        model.places.span(name),
        str(name.value),
        display(event.qualified),
        by,
        Certainty.YES if ends else Certainty.MAYBE,
        related,
    )


def _is_wrapped(frame: Frame) -> bool:
    """Whether a decorator that is not known may bind names around what it decorates."""
    decorators: list[ast.expr] = getattr(frame.node, "decorator_list", [])
    known = {id(transformation.node) for transformation in frame.transformations}
    return any(id(decorator) not in known for decorator in decorators)


def _is_named_elsewhere(axis: str, model: SemanticModel) -> bool:
    """Whether the file names an axis outside of collectives: another run may bind it then."""
    text = model.module.analysed.text
    in_all = len(re.findall(rf"(?<![\w\\])(['\"]){re.escape(axis)}\1", text))
    collectives = {
        (node.lineno, node.col_offset)
        for task in model.live
        for event in task.events.seen("calls")
        if model.module.owns(event.node) and (argument := _axis(event)) is not None
        for node in _constants(argument)
        if node.value == axis
    }
    return in_all > len(collectives)


def not_in_mesh(seen: Iterable[CallSeen], places: Places) -> list[NotInMesh]:
    """Each name once."""
    events = list(seen)
    specs = {event.node for event in events if _canonical(event) in _SPEC}
    found: dict[ast.AST, NotInMesh] = {}
    for event in events if specs else ():
        if is_meant(event.guards):
            continue
        mesh, names = _mesh(event)
        if names is None or mesh is None:
            continue
        for argument in event.arguments:
            for name in _named_in(argument.node, specs):
                if name.value not in names:
                    axis, have = str(name.value), tuple(sorted(names))
                    text = places.text(mesh)
                    found[name] = NotInMesh(name, places.span(name), axis, text, have)
    return list(found.values())


def _canonical(event: CallSeen) -> str:
    facts = event.facts
    return facts.name if facts is not None and facts.specific else event.qualified


def _mesh(event: CallSeen) -> tuple[ast.expr | None, frozenset[str] | None]:
    """The mesh that a call uses with specifications, and the names of its axes."""
    is_sharding = _canonical(event) in _SHARDED
    if not is_sharding and "shard_map" not in _canonical(event):
        return None, None
    for index, argument in enumerate(event.arguments):
        if argument.parameter == "mesh" or (is_sharding and index == 0):
            return argument.node, axes.of_mesh(argument.value)
    return None, None


def _named_in(node: ast.expr, specs: set[ast.Call]) -> Iterator[ast.Constant]:
    if isinstance(node, ast.Call) and node in specs:
        for item in node.args:
            yield from _constants(item)
    elif isinstance(node, (ast.Tuple, ast.List)):
        for item in node.elts:
            yield from _named_in(item, specs)

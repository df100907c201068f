"""How a Python loop is written as a loop of JAX: what it carries, what it gathers, or why it cannot be.

A plan is made of the model's answers alone and costs no libcst; `rewrites.loops` carries it out.
"""

from __future__ import annotations

import ast
import re

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.fixes import edits, filled_lists
from jaxsight_analyzers.fixes.filled_lists import STACKS, Filled
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.liveness import names_of, read_after
from jaxsight_analyzers.semantic.loop_streams import Loop
from jaxsight_analyzers.semantic.trees import is_indexed_update

_BUILTINS = frozenset(["abs", "len", "max", "min", "range", "sum", "zip", "enumerate", "tuple"])


@dataclass(frozen=True, slots=True)
class Plan:
    """A `for` statement as a loop of JAX."""

    kind: str  # "fori", "scan", "vmap"
    node: ast.For
    item: str
    carried: tuple[str, ...]
    gathered: tuple[Filled, ...]
    bounds: tuple[str, str]  # of `fori_loop`
    items: str  # what `scan` and `vmap` go through


@dataclass(frozen=True, slots=True)
class Mapped:
    """A comprehension that is stacked, as a call of `jax.vmap`."""

    span: Span
    function: str
    items: str


def of_statement(unit: Unit, loop: Loop) -> Plan | None:
    """How to write a `for` statement; None where it does what no loop of JAX does."""
    node = loop.node
    if not isinstance(node, ast.For) or node.orelse or not isinstance(node.target, ast.Name):
        return None
    if loop.leaves or loop.needs_number or loop.makes_objects:
        return None
    place = edits.place_at(unit, unit.model.module.span(node).start)
    if place is None or place.node is not node or not edits.starts_its_line(unit, place.span):
        return None
    gathered = _gathered(unit, node, place)
    if gathered is None or not _is_pure(unit, loop, node.body, gathered):
        return None
    names = names_of(node.body)
    lists = {one.name for one in gathered}
    carried = tuple([n for n in names.bound if n in names.exposed and n not in loop.item_names])
    if not all(loop.is_carried_array(name) for name in carried) or not (carried or gathered):
        return None
    if not _others_are_done_with(
        unit, place, {*names.bound, *loop.item_names} - {*carried, *lists}
    ):
        return None
    if not carried and len(gathered) != 1:
        return None
    return _plan(unit, loop, node, carried, gathered)


def _plan(
    unit: Unit, loop: Loop, node: ast.For, carried: tuple[str, ...], gathered: tuple[Filled, ...]
) -> Plan | None:
    assert isinstance(node.target, ast.Name)
    arguments = [] if loop.over_array else _range_arguments(node.iter)
    if arguments is None:
        return None
    texts = [edits.as_argument(unit, one) for one in arguments]
    steps = len(texts) == 3
    kind = "vmap" if not carried else "scan" if gathered or loop.over_array or steps else "fori"
    if loop.over_array:
        items = edits.as_argument(unit, node.iter)
    else:
        items = f"{edits.spell(unit, 'jax.numpy.arange').text}({', '.join(texts)})"
    bounds = ("0", texts[0]) if len(texts) == 1 else (texts[0], texts[1]) if texts else ("", "")
    return Plan(kind, node, node.target.id, carried, gathered, bounds, items)


def _range_arguments(node: ast.expr) -> list[ast.expr] | None:
    if not isinstance(node, ast.Call) or node.keywords or not 1 <= len(node.args) <= 3:
        return None
    return None if any(isinstance(one, ast.Starred) for one in node.args) else list(node.args)


def _gathered(unit: Unit, node: ast.For, place: edits.Place) -> tuple[Filled, ...] | None:
    """The lists that the loop fills; None where one is used for more than to be stacked."""
    found: list[Filled] = []
    for statement in node.body:
        name = filled_lists.appended_to(statement)
        if name is not None:
            one = filled_lists.filled(unit, place, statement, name)
            if one is None:
                return None
            found.append(one)
    return tuple(found)


# What a body may do


def _is_pure(unit: Unit, loop: Loop, body: list[ast.stmt], gathered: tuple[Filled, ...]) -> bool:
    """Whether all that a body does is to compute: what it calls, and what it binds."""
    appends = {id(one.append) for one in gathered}
    return (
        all(id(s) in appends or _computes(s) for s in body)
        and all(
            _may_be_called(unit, loop, call)
            for statement in body
            for call in ast.walk(statement)
            if isinstance(call, ast.Call) and id(statement) not in appends
        )
        and "self" not in loop.read
    )


def _computes(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assign):
        return all(_is_names(target) for target in statement.targets)
    if isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
        return isinstance(statement.target, ast.Name)
    if isinstance(statement, ast.If):
        return all(_computes(inner) for inner in (*statement.body, *statement.orelse))
    if isinstance(statement, ast.For):  # it is unrolled in the body
        inside = _is_names(statement.target) and not statement.orelse
        return inside and all(_computes(inner) for inner in statement.body)
    return isinstance(statement, ast.Pass)


def _is_names(target: ast.expr) -> bool:
    if isinstance(target, (ast.Tuple, ast.List)):
        return all(_is_names(part) for part in target.elts)
    return isinstance(target, ast.Name)


def _may_be_called(unit: Unit, loop: Loop, call: ast.Call) -> bool:
    """Whether a call computes and nothing else, as far as the text says, also of a tracer for the item."""
    known = unit.call_at(call)
    takes_item = any(
        isinstance(n, ast.Name) and n.id in loop.item_names
        for argument in (*call.args, *(k.value for k in call.keywords))
        for n in ast.walk(argument)
    )
    if known is not None:
        if known.canonical.startswith("builtins."):
            return known.canonical.partition(".")[2] in _BUILTINS and not takes_item
        facts = known.facts
        if facts is None or not facts.name.startswith("jax.") or facts.joins is not None:
            return False
        static = {a.parameter for a in known.arguments if _mentions(a.node, loop.item_names)}
        return loop.over_array or static.isdisjoint(facts.static_parameters)
    if isinstance(call.func, ast.Attribute):
        is_method = unit.knowledge.method(call.func.attr) is not None
        return is_method or is_indexed_update(call.func.value)
    return isinstance(call.func, ast.Name) and (loop.over_array or not takes_item)


def _mentions(node: ast.AST, names: frozenset[str]) -> bool:
    return any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(node))


def _others_are_done_with(unit: Unit, place: edits.Place, names: set[str]) -> bool:
    """Whether nobody reads after the loop what it leaves in other names than those it carries."""
    places = edits.places_at(unit, place.span.start)
    after = read_after([(one.block, one.index) for one in places])
    if after is not None:
        return names.isdisjoint(after)
    text = unit.model.module.analysed.text
    rest = text[: place.span.start] + text[place.span.end :]
    return not any(re.search(rf"\b{name}\b", rest) for name in names - {"_"})


# Comprehensions


def of_comprehension(unit: Unit, loop: Loop) -> Mapped | None:
    """How to write `jnp.stack([f(x) for x in xs])`; None where it is no such thing."""
    node = loop.node
    if not isinstance(node, ast.ListComp) or loop.leaves or loop.needs_number:
        return None
    target = node.generators[0].target
    call = next(
        (
            call
            for _, call in unit.calls_of(STACKS)
            if len(call.arguments) == 1 and call.arguments[0].node is node
        ),
        None,
    )
    if call is None or not isinstance(target, ast.Name) or loop.makes_objects:
        return None
    calls = [part for part in ast.walk(node.elt) if isinstance(part, ast.Call)]
    pure = all(_may_be_called(unit, loop, one) for one in calls)
    if not pure or any(isinstance(part, _NOT_MAPPED) for part in ast.walk(node.elt)):
        return None
    arguments = [] if loop.over_array else _range_arguments(node.generators[0].iter)
    if arguments is None:
        return None
    items = edits.as_argument(unit, node.generators[0].iter)
    if not loop.over_array:
        texts = ", ".join(edits.as_argument(unit, one) for one in arguments)
        items = f"{edits.spell(unit, 'jax.numpy.arange').text}({texts})"
    return Mapped(call.span, _function(unit, target.id, node.elt), items)


_NOT_MAPPED = (ast.Tuple, ast.List, ast.Dict, ast.ListComp, ast.GeneratorExp, ast.NamedExpr)


def _function(unit: Unit, item: str, value: ast.expr) -> str:
    """The element as a function of the item: `f` for `f(x)`."""
    if isinstance(value, ast.Call) and not value.keywords and len(value.args) == 1:
        only, function = value.args[0], value.func
        plain = isinstance(function, ast.Name) or unit.call_at(value) is not None
        if plain and isinstance(only, ast.Name) and only.id == item:
            return edits.source(unit, function)
    return f"lambda {item}: {edits.source(unit, value)}"

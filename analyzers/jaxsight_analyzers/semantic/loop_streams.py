"""The stream of loops that are counted: how often they run, and what an iteration makes of the last one's."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Related, Route, Span
from jaxsight_analyzers.knowledge.loader import load
from jaxsight_analyzers.semantic.events import GrowthSeen, LoopSeen
from jaxsight_analyzers.semantic.scopes import statements_below
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.streams import Call, Places, header, tracer_of
from jaxsight_analyzers.semantic.structures import parts_of
from jaxsight_analyzers.semantic.trees import TRIES, is_indexed_update, walk
from jaxsight_analyzers.semantic.values import Kind, Value, constant_of

Calls = Mapping[ast.AST, "Call"]
"""The call of a library's function that a node is."""

_ARRAYS = (Kind.ARRAY, Kind.TREE, Kind.KEY)
_COMPUTING = (ast.Call, ast.BinOp, ast.AugAssign)
_LEAVING = (ast.Return, ast.Yield, ast.YieldFrom, ast.Await, ast.Raise)


class Loop:
    """A loop over `range(...)` or an array, in the context in which it costs most."""

    def __init__(self, event: LoopSeen, places: Places, calls: Calls) -> None:
        self._event = event
        self._places = places
        self._calls = calls
        self.node = event.node
        self.count = event.passes
        """How often it runs; None where that is not known."""

    @property
    def is_statement(self) -> bool:
        """Whether it is a `for` statement rather than a comprehension."""
        return isinstance(self.node, ast.For)

    @property
    def span(self) -> Span:
        """The header of the statement, or the list comprehension."""
        span = self._places.span(self.node)
        if isinstance(self.node, ast.For):
            return Span(span.start, self._places.span(self.node.iter).end)
        return span

    @property
    def target(self) -> ast.expr:
        """What its items are bound to."""
        return self.node.target if isinstance(self.node, ast.For) else self._generator.target

    @property
    def iterated(self) -> ast.expr:
        """What it runs over."""
        return self.node.iter if isinstance(self.node, ast.For) else self._generator.iter

    @property
    def _generator(self) -> ast.comprehension:
        assert isinstance(self.node, ast.ListComp)
        return self.node.generators[0]

    @property
    def body(self) -> Sequence[ast.AST]:
        """What runs in each iteration."""
        if isinstance(self.node, ast.For):
            return self.node.body
        assert isinstance(self.node, ast.ListComp)
        return (self.node.elt,)

    @property
    def header(self) -> str:
        """`for i in range(n)`."""
        return f"for {self._places.text(self.target)} in {self._places.text(self.iterated)}"

    @property
    def size(self) -> str | None:
        """The size of an array that says how often it runs, as it is written."""
        return None if self._event.size is None else self._places.text(self._event.size)

    @property
    def over_array(self) -> bool:
        """Whether its items are those of an array, rather than numbers."""
        return self._event.iterable.kind is Kind.ARRAY

    @property
    def compiled(self) -> bool:
        """Whether each iteration is a part of one compiled program."""
        return is_compiled(self._event)

    @property
    def traced(self) -> bool:
        """Whether it runs on tracers."""
        return self._event.frame.traced

    @property
    def function(self) -> str:
        """What traces it."""
        return tracer_of(self._event.frame)

    @property
    def related(self) -> tuple[Related | Route, ...]:
        """How it comes to run on tracers."""
        return self._places.related(self._event.frame)

    @cached_property
    def item_names(self) -> frozenset[str]:
        """The names that its items are bound to."""
        return frozenset(n.id for n in walk(self.target) if isinstance(n, ast.Name))

    @cached_property
    def read(self) -> frozenset[str]:
        """The names that the body reads."""
        return frozenset(
            node.id
            for part in self.body
            for node in walk(part)
            if isinstance(node, ast.Name)
            and (isinstance(node.ctx, ast.Load) or node.id in self._augmented)
        )

    @cached_property
    def _augmented(self) -> frozenset[str]:
        return frozenset(
            node.target.id
            for part in self.body
            for node in walk(part)
            if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
        )

    @cached_property
    def carried(self) -> dict[str, Value]:
        """The names that an iteration reads, which have another value after it: this one."""
        return {
            name: after
            for name, (_, after) in self._event.changed.items()
            if name in self.read and name not in self.item_names and "." not in name
        }

    def is_carried_array(self, name: str) -> bool:
        """Whether a name holds an array after an iteration, and one or a number before the first."""
        before, after = self._event.changed.get(name, (None, None))
        if before is None or after is None or not _is_carried(after):
            return False
        return _is_carried(before) or isinstance(constant_of(before), (int, float, complex))

    @property
    def carries_arrays(self) -> bool:
        """Whether an iteration makes arrays of what the last one left, or gathers what each makes."""
        return any(_holds_array(value) for value in (*self.carried.values(), *self._event.made))

    @property
    def carries_tracers(self) -> bool:
        """The same of tracers."""
        values = (*self.carried.values(), *self._event.made)
        return any(_is_tracer(v) and (_holds_array(v) or v.kind is Kind.UNKNOWN) for v in values)

    @cached_property
    def computes(self) -> bool:
        """Whether an iteration does more than to hand on items."""
        return any(isinstance(n, _COMPUTING) for part in self.body for n in walk(part))

    @cached_property
    def computes_only(self) -> bool:
        """Whether all that an iteration does is to compute with arrays, and to gather what it makes."""
        nodes = [node for part in self.body for node in walk(part)]
        if not self.computes or any(isinstance(node, _OTHER) for node in nodes):
            return False
        return all(self._is_computation(node) for node in nodes if isinstance(node, ast.Call))

    def _is_computation(self, call: ast.Call) -> bool:
        found = self._calls.get(call)
        known = None if found is None else found.facts
        if known is not None:
            return known.returns in ("array", "pytree", "same") and known.name.startswith("jax.")
        if not isinstance(call.func, ast.Attribute):
            return False
        method = load().method(call.func.attr)
        is_of_array = method is not None and method.returns == "array"
        return call.func.attr == "append" or is_of_array or is_indexed_update(call.func.value)

    @property
    def updates(self) -> list[Update]:
        """The statements `y = y.at[i].set(...)` in it, where `i` is its item."""
        found: list[Update] = []
        for part in self.body:
            name = _updated(part)
            if name is not None and name in self.carried:
                assert isinstance(part, ast.Assign) and isinstance(part.value, ast.Call)
                function = part.value.func
                assert isinstance(function, ast.Attribute)
                index = function.value
                assert isinstance(index, ast.Subscript)
                if any(isinstance(n, ast.Name) and n.id in self.item_names for n in walk(index)):
                    text = f"{name} = {self._places.text(function)}(...)"
                    found.append(Update(part, self._places.span(part), name, text))
        return found

    @cached_property
    def leaves(self) -> bool:
        """Whether something may end it before its last iteration, or suspends it."""
        return self._event.leaves or any(
            isinstance(node, _LEAVING) for part in self.body for node in walk(part)
        )

    @cached_property
    def makes_objects(self) -> bool:
        """Whether an iteration makes an object, such as a layer with weights of its own."""
        for part in self.body:
            for node in walk(part):
                if isinstance(node, ast.Call):
                    last = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
                    if last[:1].isupper():
                        return True
        return False

    @cached_property
    def needs_number(self) -> bool:
        """Whether an iteration needs its item as a Python number or name, not as an array.

        It indexes a container with it, bounds a slice, counts another loop, decides a branch, or
        is part of a text.
        """
        arrays = {id(one.node) for one in self._event.indexed if _is_array(one.base)}
        return any(self._needs_number(node, arrays) for part in self.body for node in walk(part))

    def _needs_number(self, node: ast.AST, arrays: set[int]) -> bool:
        if isinstance(node, ast.Subscript):
            if id(node) not in arrays:
                return self._mentions(node.slice)
            bounds = [one for one in walk(node.slice) if isinstance(one, ast.Slice)]
            return any(self._mentions(one) for one in bounds)
        if isinstance(node, (ast.If, ast.IfExp, ast.While, ast.Assert)):
            return self._mentions(node.test)
        if isinstance(node, (ast.For, ast.comprehension)):
            return self._mentions(node.iter)
        if isinstance(node, ast.Compare):
            return any(isinstance(op, (ast.In, ast.NotIn, ast.Is)) for op in node.ops) and (
                self._mentions(node)
            )
        if isinstance(node, (ast.JoinedStr, ast.Dict)):
            return self._mentions(node)
        if isinstance(node, ast.Attribute):
            return isinstance(node.value, ast.Name) and self._mentions(node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
        return isinstance(node, ast.Call) and self._is_host_call(node)

    def _is_host_call(self, node: ast.Call) -> bool:
        function = node.func
        host = isinstance(function, ast.Name) and function.id in _HOST
        return host and any(self._mentions(argument) for argument in node.args)

    def _mentions(self, node: ast.AST) -> bool:
        return any(isinstance(n, ast.Name) and n.id in self.item_names for n in walk(node))


_OTHER = (
    ast.Assert,
    ast.With,
    *TRIES,
    ast.Raise,
    ast.Delete,
    ast.Global,
    ast.Import,
    ast.ClassDef,
)
_HOST = frozenset(["int", "float", "str", "getattr", "setattr", "print", "len", "range", "bool"])


def is_compiled(event: LoopSeen) -> bool:
    """Whether a loop runs while something is traced that XLA compiles as one program."""
    return event.frame.compiled and event.frame.abstract


def _is_array(value: Value | None) -> bool:
    return value is not None and value.kind is Kind.ARRAY


def _is_carried(value: Value) -> bool:
    """Whether a value is an array, a key or a pytree; one of several things that all are tracers is, too."""
    return value.kind in _ARRAYS or (value.kind is Kind.UNKNOWN and _is_tracer(value))


def _is_tracer(value: Value) -> bool:
    return value.traced is Certainty.YES


def _holds_array(value: Value) -> bool:
    """Whether a value is an array, or a container with one."""
    if value.kind in (Kind.ARRAY, Kind.TREE):
        return True
    return any(_holds_array(part) for part in parts_of(value) or ())


class Update(NamedTuple):
    """`y = y.at[i].set(...)` in a loop."""

    node: ast.Assign
    span: Span
    name: str
    text: str


def _updated(statement: ast.AST) -> str | None:
    """The array `y` of `y = y.at[...].set(...)`."""
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
        return None
    target, function = statement.targets[0], statement.value.func
    if not isinstance(target, ast.Name) or not isinstance(function, ast.Attribute):
        return None
    at = function.value.value if isinstance(function.value, ast.Subscript) else None
    is_update = (
        isinstance(at, ast.Attribute)
        and at.attr == "at"
        and isinstance(at.value, ast.Name)
        and at.value.id == target.id
    )
    return target.id if is_update and len(statement.targets) == 1 else None


class Growth(NamedTuple):
    """An array that is longer after each iteration of a loop of host code."""

    node: ast.Assign
    span: Span
    name: str  # of the array
    call: ast.Call
    function: str  # that makes it longer, as people write it
    joined: ast.expr  # the argument that takes the array, or the list of arrays
    loop: ast.For | ast.While
    loop_span: Span  # its header
    passes: int | None
    read_elsewhere: bool  # whether the loop reads the array in another place


def growths(
    seen: Iterable[GrowthSeen], counted: Iterable[LoopSeen], places: Places
) -> list[Growth]:
    """Arrays that grow, each statement once."""
    counts = {event.node: event.passes for event in counted}
    found: dict[ast.AST, Growth] = {}
    for event in seen:
        loop = event.loop
        if "try" in event.guards or not isinstance(loop, (ast.For, ast.While)):
            continue
        growth = _growth(event, loop, counts.get(loop), places)
        if growth is not None:
            found[growth.node] = growth
    return list(found.values())


def _growth(
    event: GrowthSeen, loop: ast.For | ast.While, count: int | None, places: Places
) -> Growth | None:
    statement = next(
        (
            one
            for one in statements_below(loop.body)
            if isinstance(one, ast.Assign) and one.value is event.node
        ),
        None,
    )
    target = statement.targets[0] if statement is not None and len(statement.targets) == 1 else None
    if statement is None or not isinstance(target, ast.Name) or target.id not in event.names:
        return None
    name = target.id
    uses = [n for n in walk(loop) if isinstance(n, ast.Name) and n.id == name]
    if sum(isinstance(use.ctx, ast.Store) for use in uses) > 1:
        return None  # it begins anew, or keeps its length
    if isinstance(loop, ast.For) and isinstance(loop.iter, (ast.Tuple, ast.List)):
        count = len(loop.iter.elts)
    return Growth(
        statement,
        places.span(statement),
        name,
        event.node,
        display(event.qualified),
        event.joined,
        loop,
        header(loop, places),
        count,
        len(uses) > 2,
    )


def loops(seen: Iterable[LoopSeen], places: Places, calls: Calls) -> list[Loop]:
    """Each loop once: where it is compiled rather than not, and the oftener it runs the better."""
    best: dict[ast.AST, tuple[tuple[object, ...], LoopSeen]] = {}
    for event in seen:
        if "try" in event.guards or "tracer" in event.guards:
            continue
        rank = (is_compiled(event), event.frame.traced, event.passes or 0)
        before = best.get(event.node)
        if before is None or rank > before[0]:
            best[event.node] = rank, event
    return [Loop(event, places, calls) for _, event in best.values()]

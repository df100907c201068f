"""Answers for rules: what was seen, merged over contexts and passes, each with its place in the text."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty, Related, Route, Span
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.events import (
    ArgumentSeen,
    BranchSeen,
    CallSeen,
    ItemAssignmentSeen,
    MethodSeen,
    ReferenceSeen,
)
from jaxsight_analyzers.semantic.keys import made_in
from jaxsight_analyzers.semantic.routes import TracedHere
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.values import (
    MISSING,
    FunctionData,
    Kind,
    Origin,
    Value,
    constant_of,
)
from jaxsight_analyzers.syntax.parsed import ParsedModule


class Branch(NamedTuple):
    """A test that Python decides although its value is a tracer."""

    node: ast.AST
    asked: ast.expr  # the test
    span: Span  # of the test
    kind: str  # "if", "elif", "ternary", "comprehension", "match", "while", "assert", "raise"
    test: str
    traced: Certainty
    function: str  # what traces it, such as `jax.jit`
    origin: str | None  # the argument that makes it a tracer
    related: tuple[Related | Route, ...]
    given: str | None  # `bool` or `int`: what callers pass for the argument that it tests


class Argument:
    """One argument of a call. Its place and text are looked up when they are asked for."""

    __slots__ = (
        "_data",
        "_frame",
        "_origin",
        "_places",
        "_tokens",
        "concrete",
        "constant",
        "is_keyword",
        "is_starred",
        "kind",
        "node",
        "parameter",
        "traced",
    )

    def __init__(
        self, seen: ArgumentSeen, event: CallSeen | MethodSeen, positional: set[int], places: Places
    ) -> None:
        self._places = places
        self._frame = event.frame
        self._origin = seen.value.origin
        self.parameter = seen.parameter
        self.node = seen.node
        self._tokens = seen.value.tokens
        self._data = seen.value.data
        self.kind = seen.value.kind
        self.traced = _leaves(seen.value)
        self.concrete = seen.value.concrete or event.frame.eager
        """Whether it is a tracer that carries a value, as under plain `grad`."""
        self.constant = constant_of(seen.value)
        """The Python constant that it is; `MISSING` where none is known."""
        self.is_starred = seen.starred
        self.is_keyword = not seen.starred and id(seen.node) not in positional

    @property
    def span(self) -> Span:
        """Where it stands."""
        return self._places.span(self.node)

    @property
    def text(self) -> str:
        """What stands there."""
        return self._places.text(self.node)

    @property
    def default(self) -> object:
        """What it is if it is a parameter that the caller leaves to a constant; `MISSING` otherwise."""
        scope = self._frame.scope
        if scope is None or not isinstance(self.node, ast.Name):
            return MISSING
        found = scope.parameters.defaults.get(self.node.id)
        return found.value if isinstance(found, ast.Constant) else MISSING

    @property
    def is_plain_function(self) -> bool:
        """Whether it is a function of the file as it is defined, which nothing wraps or transforms."""
        found = self._data
        return isinstance(found, FunctionData) and not (found.transformations or found.veiled)

    @property
    def shown(self) -> Certainty:
        """Whether printing it shows a tracer without a value."""
        return Certainty.NO if self.concrete else self.traced

    @property
    def is_several_keys(self) -> bool:
        """Whether it is surely an array of keys, made in the function that runs: no part of one that is mapped over."""
        return self.kind is Kind.KEYS and made_in(self._frame.mark, self._tokens)

    @property
    def related(self) -> tuple[Related | Route, ...]:
        """How it comes to be a tracer."""
        return self._places.related(self._frame, self._origin)


class Call:
    """A call of a library's function, as its most telling context sees it.

    All but its name is worked out when it is asked for: rules look at few of many calls.
    """

    def __init__(self, event: CallSeen, places: Places) -> None:
        self._event = event
        self._places = places
        self.node = event.node
        self.qualified = event.qualified
        self.facts = event.facts

    @property
    def canonical(self) -> str:
        """The function by the one name that it has in the tables, whichever it is called by here."""
        facts = self.facts
        return facts.name if facts is not None and facts.specific else self.qualified

    @property
    def span(self) -> Span:
        """Where the call stands."""
        return self._places.span(self.node)

    @property
    def function_span(self) -> Span:
        """Where the function's name stands."""
        return self._places.span(self.node.func)

    @property
    def name(self) -> str:
        """The function as people write it: `np.sin`."""
        return display(self.qualified)

    @cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """The arguments, those that are given by position first."""
        event, places = self._event, self._places
        positional = {id(node) for node in event.node.args}
        return tuple([Argument(seen, event, positional, places) for seen in event.arguments])

    @property
    def guarded(self) -> bool:
        """Whether it stands under a check of a version."""
        return "version" in self._event.guards

    @property
    def differentiated(self) -> bool:
        """Whether a derivative is taken of what the code around it computes."""
        return self._event.frame.concrete

    @property
    def frame_is_traced(self) -> bool:
        """Whether the code around it runs on tracers."""
        return self._event.frame.traced

    @property
    def function(self) -> str:
        """What traces the code around it."""
        return tracer_of(self._event.frame)

    @property
    def enclosing(self) -> str:
        """The function it stands in."""
        return self._event.frame.name

    @property
    def related(self) -> tuple[Related | Route, ...]:
        """How it comes to run on tracers."""
        traced = (a.value.origin for a in self._event.arguments if a.value.traced)
        return self._places.related(self._event.frame, next(traced, None))

    @property
    def traced(self) -> Certainty:
        """Whether an argument is a tracer."""
        return max((argument.traced for argument in self.arguments), default=Certainty.NO)

    @property
    def shown(self) -> Certainty:
        """Whether printing an argument shows a tracer without a value."""
        return max((a.shown for a in self.arguments), default=Certainty.NO)


class ItemAssignment(NamedTuple):
    """`base[index] = value` and its kin on what may be a JAX array."""

    node: ast.stmt
    target: ast.Subscript
    span: Span
    base: str
    index_text: str
    base_is_name: bool
    value: ast.expr | None  # None: deleted, or one of several targets
    operator: ast.operator | None
    base_is_array: Certainty
    alone: bool  # the statement has this target only
    related: tuple[Related | Route, ...]


class Reference:
    """A name that stands for something of a library. Its place and text are looked up on demand."""

    __slots__ = ("_places", "guarded", "kind", "node", "qualified", "statement")

    def __init__(self, event: ReferenceSeen, places: Places) -> None:
        self._places = places
        self.node = event.node
        self.qualified = event.qualified
        self.kind = event.kind  # "attribute", "name", "import"
        self.guarded = event.guarded  # under a version check, or where its absence is caught
        self.statement = event.statement  # of an import

    @property
    def span(self) -> Span:
        """Where it stands."""
        return self._places.span(self.node)

    @property
    def text(self) -> str:
        """What stands there."""
        return self._places.text(self.node)


class Places:
    """Where nodes lie, and sentences about the contexts they run in."""

    def __init__(self, module: ParsedModule, others: Iterable[ParsedModule] = ()) -> None:
        self.module = module
        self._others = others

    def related_at(self, node: ast.AST, message: str) -> Related:
        """A node as a place that explains something, in this file or in another."""
        if isinstance(node, ast.Module) or not hasattr(node, "lineno") or self.module.owns(node):
            return Related(self.span(node), message)
        other = next(module for module in self._others if module.owns(node))
        there = other.to_source(Places(other).span(node))
        return Related(there or Span(0, 0), message, other.source.path)

    def span(self, node: ast.AST) -> Span:
        """Where a node lies; a definition counts by its name."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return self.name_span(node)
        if isinstance(node, ast.Module) or not hasattr(node, "lineno"):
            return Span(0, 0)
        return self.module.span(node)

    def name_span(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Span:
        """The name in `def name` or `class name`."""
        text, start = self.module.analysed.text, self.module.span(node).start
        keyword = text.find("def", start) if isinstance(node, ast.AsyncFunctionDef) else start
        found = text.find(node.name, keyword + len("def"))
        return Span(found, found + len(node.name)) if found >= 0 else Span(start, start)

    def text(self, node: ast.AST) -> str:
        """The source of a node."""
        return self.module.text_of(node)

    def related(self, frame: Frame, origin: Origin | None = None) -> tuple[Route, ...]:
        """How the code comes to be traced: the transformation, the calls below it, the argument."""
        return (TracedHere(frame, origin),) if frame.tracer else ()


def tracer_of(frame: Frame) -> str:
    """The transformation that traces a frame, as people write it."""
    return display(frame.tracer)


def is_meant(guards: tuple[str, ...]) -> bool:
    """Whether a failure here is expected: it is caught, a test is about it, or the code looks for tracers first.

    Or it may never come, on a path for an argument that is missing, which the callers may all give, or in
    what is kept once it was computed, which may have been outside of the trace.
    """
    return bool(guards) and not _MEANT.isdisjoint(guards)


_MEANT = frozenset(("cached", "missing", "raises", "tracer", "try"))


def branches(seen: Iterable[BranchSeen], places: Places) -> list[Branch]:
    """The tests that surely or maybe fail, each in its most telling context."""
    best: dict[ast.AST, tuple[Certainty, BranchSeen]] = {}
    arrays: set[ast.AST] = set()  # what is tested there is no Python number in some context
    for event in seen:
        certainty = truth_fails(event.value)
        if certainty is Certainty.NO or is_meant(event.guards):
            continue
        if event.value.given is None:
            arrays.add(event.test)
        before = best.get(event.test)
        if before is None or certainty > before[0]:
            best[event.test] = certainty, event
    return [
        _branch(event, certainty, None if test in arrays else event.value.given, places)
        for test, (certainty, event) in best.items()
    ]


def truth_fails(value: Value) -> Certainty:
    """Whether `bool(value)` fails: on an abstract tracer of an array, not on a container."""
    if value.concrete:
        return Certainty.NO
    if value.kind in (Kind.ARRAY, Kind.KEY):
        return value.traced
    return min(value.traced, Certainty.MAYBE) if value.kind is Kind.UNKNOWN else Certainty.NO


def _branch(event: BranchSeen, certainty: Certainty, given: str | None, places: Places) -> Branch:
    origin = event.value.origin
    return Branch(
        event.node,
        event.test,
        places.span(event.test),
        "raise" if _only_raises(event.node) else event.kind,
        places.text(event.test),
        certainty,
        tracer_of(event.frame),
        origin.name if origin else None,
        places.related(event.frame, origin),
        given,
    )


def _only_raises(node: ast.AST) -> bool:
    """Whether a branch is a check: `if not ok: raise ValueError(...)`."""
    return isinstance(node, ast.If) and not node.orelse and isinstance(node.body[-1], ast.Raise)


def calls(seen: Iterable[CallSeen], places: Places) -> list[Call]:
    """Each call once, in the context in which its arguments are most surely tracers."""
    best: dict[ast.AST, tuple[tuple[Certainty, bool, bool], CallSeen]] = {}
    for event in seen:
        if is_meant(event.guards):
            continue
        values = [a.value for a in event.arguments]
        traced = max([_leaves(value) for value in values], default=Certainty.NO)
        abstract = traced is not Certainty.NO and any(
            value.traced is traced and not value.concrete for value in values
        )
        rank = (traced, abstract, event.frame.traced)
        before = best.get(event.node)
        if before is None or rank > before[0]:
            best[event.node] = rank, event
    return [Call(event, places) for _, event in best.values()]


def _leaves(value: Value) -> Certainty:
    """Whether there is a tracer in a value."""
    return value.traced


def item_assignments(seen: Iterable[ItemAssignmentSeen], places: Places) -> list[ItemAssignment]:
    """Item assignments to what surely or maybe is a JAX array."""
    best: dict[ast.AST, tuple[Certainty, ItemAssignmentSeen]] = {}
    for event in seen:
        certainty = _is_array(event)
        if certainty is Certainty.NO or "try" in event.guards or "raises" in event.guards:
            continue
        before = best.get(event.target)
        if before is None or certainty < before[0]:
            best[event.target] = certainty, event  # not an array in one context: not sure
    return [_item_assignment(event, certainty, places) for certainty, event in best.values()]


def _is_array(event: ItemAssignmentSeen) -> Certainty:
    if isinstance(event.target.slice, ast.Constant) and isinstance(event.target.slice.value, str):
        return Certainty.NO
    if _may_be_reference(event):
        return Certainty.NO
    if event.base.kind is Kind.TREE:
        return Certainty.MAYBE if _looks_like_array_index(event.target.slice) else Certainty.NO
    return Certainty.YES


def _may_be_reference(event: ItemAssignmentSeen) -> bool:
    """Whether it is named or used as people do with references: any traced function may be given one."""
    base, index, origin = event.target.value, event.target.slice, event.base.origin
    if isinstance(base, ast.Attribute):
        return base.attr.endswith("_ref")
    if not isinstance(base, ast.Name):
        return False
    whole = isinstance(index, ast.Constant) and index.value is ...
    whole = whole or (isinstance(index, ast.Tuple) and not index.elts)
    scope = event.frame.scope
    is_parameter = (origin is not None and origin.name == base.id) or (
        scope is not None and base.id in scope.parameters.defaults
    )
    return base.id.endswith("_ref") or (whole and is_parameter)


def _looks_like_array_index(index: ast.expr) -> bool:
    """Slices and tuples index arrays; a number or a name may index a list or a dict, `...` a reference."""
    return isinstance(index, (ast.Tuple, ast.Slice))


def _item_assignment(
    event: ItemAssignmentSeen, certainty: Certainty, places: Places
) -> ItemAssignment:
    node, target = event.node, event.target
    alone = isinstance(node, ast.AugAssign) or (
        isinstance(node, ast.Assign) and len(node.targets) == 1 and node.targets[0] is target
    )
    return ItemAssignment(
        node,
        target,
        places.span(node),
        places.text(target.value),
        places.text(target.slice),
        isinstance(target.value, ast.Name),
        event.value,
        event.operator,
        certainty,
        alone,
        places.related(event.frame, event.base.origin),
    )


def header(loop: ast.AST, places: Places) -> Span:
    """The first line of a loop."""
    span = places.span(loop)
    text = places.module.analysed.text
    end = text.find("\n", span.start, span.end)
    return Span(span.start, end if end >= 0 else span.end)


def references(seen: Iterable[ReferenceSeen], places: Places) -> list[Reference]:
    """Each name once; as guarded only where it is in every context."""
    best: dict[ast.AST, Reference] = {}
    for event in seen:
        before = best.get(event.node)
        if before is not None and (before.guarded or not event.guarded):
            continue
        best[event.node] = Reference(event, places)
    return list(best.values())

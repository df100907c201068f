"""The answer book of one file: what its text means, unit by unit."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import NamedTuple, TypeVar

from jaxsight_analyzers.data import dataclass, field
from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.knowledge.loader import Knowledge, load
from jaxsight_analyzers.semantic import expressions, flow, functions, members, streams
from jaxsight_analyzers.semantic.contexts import Frame, Transformation
from jaxsight_analyzers.semantic.events import Events
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionScope, Scopes, statements_below
from jaxsight_analyzers.semantic.streams import Places
from jaxsight_analyzers.semantic.values import (
    FunctionData,
    Kind,
    Value,
    entries_of,
    function_of,
    items_of,
)
from jaxsight_analyzers.source import ParsedModule

T = TypeVar("T")


class TraceContext(NamedTuple):
    """One way in which a definition is traced."""

    transform: str  # qualified: `jax.jit`
    function: str  # qualified name of the definition
    static: tuple[str, ...]
    donated: tuple[str, ...]
    span: Span  # of the decorator or call that says so


class Definition(NamedTuple):
    """A function, method or class, for lenses and hover."""

    name: str
    qualname: str
    span: Span
    name_span: Span
    kind: str  # "function", "method", "class", "lambda"
    contexts: tuple[TraceContext, ...]
    runnable: bool  # importable by its qualified name, so that the runner can run it


@dataclass
class Unit:
    """What is analysed and reported as a whole: one top-level statement of the module."""

    model: SemanticModel
    number: int
    branches: list[streams.Branch] = field(default_factory=list[streams.Branch])
    calls: list[streams.Call] = field(default_factory=list[streams.Call])
    item_assignments: list[streams.ItemAssignment] = field(
        default_factory=list[streams.ItemAssignment]
    )
    key_reuses: list[streams.KeyReuse] = field(default_factory=list[streams.KeyReuse])
    compilations: list[streams.Compilation] = field(default_factory=list[streams.Compilation])
    references: list[streams.Reference] = field(default_factory=list[streams.Reference])

    @property
    def knowledge(self) -> Knowledge:
        """What the libraries do."""
        return self.model.knowledge

    def version(self, library: str) -> str | None:
        """The project's version of a library; None where it is not known."""
        return self.model.versions.get(library)


class SemanticModel:
    """What a file's text means. Complete when it is made; lazy only in how it is presented."""

    def __init__(self, module: ParsedModule, versions: Mapping[str, str]) -> None:
        self.module = module
        self.versions = versions
        self.knowledge = load()
        self.places = Places(module)
        self.crashes: tuple[str, ...] = ()
        self.scopes = Scopes(module.tree)
        self._starts = [_first_line(statement) for statement in module.tree.body]
        self._run: Run | None = None
        self.fails_on_purpose: tuple[Span, ...] = ()
        if self.scopes.mentions_imports:
            self._interpret()

    def _interpret(self) -> None:
        run = Run(self.module.tree, self.scopes, self.knowledge, expressions.evaluate)
        try:
            interpret(run)
        except RecursionError:  # expressions nested deeper than Python's stack: say less
            self.crashes = (f"{self.module.source.path} is nested too deeply to be analysed",)
        except Exception as error:  # a defect of ours: what was seen before it still counts
            self.crashes = (f"the analysis of {self.module.source.path} failed: {error!r}",)
        self.fails_on_purpose = tuple(self.module.span(node) for node in run.fails_on_purpose)
        self._run = run

    @property
    def events(self) -> Events:
        """Everything the interpretation saw."""
        return self._run.events if self._run is not None else Events()

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The units, in the order of the text; there is always one."""
        units = tuple(Unit(self, number) for number in range(max(1, len(self._starts))))
        if self._run is None:
            return units
        events, places = self.events, self.places
        self._deal(units, streams.branches(events.branches, places), lambda u: u.branches)
        self._deal(units, streams.calls(events.calls, places), lambda u: u.calls)
        items = streams.item_assignments(events.item_assignments, places)
        self._deal(units, items, lambda u: u.item_assignments)
        self._deal(units, streams.key_reuses(events.key_reuses, places), lambda u: u.key_reuses)
        compiled = streams.compilations(events.compilations, places, self._run.loop_nodes)
        self._deal(units, compiled, lambda u: u.compilations)
        self._deal(units, self._references(), lambda u: u.references)
        return units

    def _deal(
        self, units: tuple[Unit, ...], found: Iterable[T], stream: Callable[[Unit], list[T]]
    ) -> None:
        for item in found:
            line = getattr(item.node, "lineno", 1)  # type: ignore[attr-defined]
            number = max(0, bisect_right(self._starts, line) - 1)
            stream(units[number]).append(item)

    def _references(self) -> list[streams.Reference]:
        best: dict[ast.AST, streams.Reference] = {}
        for seen in self.events.references:
            before = best.get(seen.node)
            if before is not None and (before.guarded or not seen.guarded):
                continue
            best[seen.node] = streams.Reference(
                seen.node,
                self.places.span(seen.node),
                seen.qualified,
                self.places.text(seen.node),
                seen.kind,
                seen.guarded,
                seen.statement,
            )
        return list(best.values())

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """The functions, methods and classes of the file, in the order of the text."""
        return tuple(
            self._definition(scope)
            for scope in self.scopes.order
            if not isinstance(scope.node, ast.Lambda)
        )

    def _definition(self, scope: FunctionScope | ClassScope) -> Definition:
        node = scope.node
        assert not isinstance(node, ast.Lambda)
        is_class = isinstance(scope, ClassScope)
        kind = "class" if is_class else "method" if scope.owner is not None else "function"
        return Definition(
            scope.name,
            scope.qualname,
            self.module.span(node),
            self.places.name_span(node),
            kind,
            () if is_class else self._contexts(scope),
            runnable=not is_class and "<locals>" not in scope.qualname,
        )

    def _contexts(self, scope: FunctionScope) -> tuple[TraceContext, ...]:
        found: dict[tuple[str, int], TraceContext] = {}
        for frame in self.events.contexts.get(scope.node, ()):
            for transformation in _tracing(frame):
                place = (transformation.qualified, id(transformation.node))
                found[place] = self._context(scope, transformation)
        return tuple(dict.fromkeys(found.values()))

    def _context(self, scope: FunctionScope, transformation: Transformation) -> TraceContext:
        arguments = scope.node.args
        names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]

        def named(chosen: Iterable[str | int]) -> tuple[str, ...]:
            found = (
                names[one] if isinstance(one, int) and -len(names) <= one < len(names) else str(one)
                for one in chosen
            )
            return tuple(sorted(found))

        return TraceContext(
            transformation.qualified,
            scope.qualname,
            named(transformation.static),
            named(transformation.donated),
            self.places.span(transformation.node),
        )

    def statement_start(self, line: int) -> int:
        """The zero-based first line of the simple statement, or block header, that a line is part of."""
        return self.scopes.statement_lines.get(line + 1, line + 1) - 1


def _tracing(frame: Frame) -> list[Transformation]:
    for inner in frame.chain():
        found = [t for t in inner.transformations if t.abstract or t.mode == "concrete"]
        if found:
            return found
    return []


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", None)
    return decorators[0].lineno if decorators else node.lineno


# The interpretation


def interpret(run: Run) -> None:
    """Run the module, then every function that it did not lead to."""
    run.postponed_annotations = _postpones_annotations(run.tree)
    _fill_globals(run)
    flow.run_body(run, run.tree.body)
    run.frame.state.dead = False
    for scope in run.scopes.order:
        if isinstance(scope, ClassScope) and not scope.nested:
            for name in ("__init__", "setup", "__post_init__"):  # they make what methods use
                _run_method(run, scope, name)
    functions.finish(run, run.frame)
    for scope in run.scopes.order:
        if isinstance(scope, ClassScope):
            for name in scope.assigned:
                _run_assigned(run, scope, name)
            for name in scope.methods:
                _run_method(run, scope, name)
        elif not scope.nested and scope.owner is None and scope.node not in run.ran:
            _run_function(run, scope)
        functions.finish(run, run.frame)


def _run_function(run: Run, scope: FunctionScope) -> None:
    if isinstance(scope.node, ast.Lambda):
        return
    data = function_of(run.globals.get(scope.name) or Value(Kind.UNKNOWN))
    if data is None or data.node is not scope.node:
        data = FunctionData(scope.node, None, scope.name, scope.qualname)
    functions.run_generic(run, data)


def _run_method(run: Run, owner: ClassScope, name: str) -> None:
    scope = owner.methods.get(name)
    if scope is None or scope.node in run.ran:
        return
    instance = Value(Kind.INSTANCE, data=owner)
    value = members.member(run, instance, name)
    data = None if value is None else function_of(value)
    if data is None or data.node is not scope.node:
        inside = run.class_environments.get(owner)
        data = FunctionData(scope.node, inside, name, scope.qualname, instance, what="bound method")
    functions.run_generic(run, data)


def _run_assigned(run: Run, owner: ClassScope, name: str) -> None:
    """Run the function of `step = jax.jit(_step)` in the body of a class."""
    if owner.assigned[name] is None:
        return
    value = members.member(run, Value(Kind.INSTANCE, data=owner), name)
    data = None if value is None else function_of(value)
    if data is not None and data.transformations:
        functions.run_generic(run, data)


def _postpones_annotations(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body[:10]
    )


def _fill_globals(run: Run) -> None:
    """What each module-level name stands for once the module is imported.

    Functions look names up here: they run after the module. A name that is bound more than once is
    what all its bindings agree on. Nothing that is seen on the way counts.
    """
    statements = list(statements_below(run.tree.body))
    for statement in statements:
        if isinstance(statement, (ast.Import, ast.ImportFrom, ast.ClassDef)):
            _global(run, statement)
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            scope = run.scopes.functions[statement]
            data = FunctionData(statement, None, statement.name, scope.qualname)
            _merge(run, statement.name, Value(Kind.FUNCTION, data=data))
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if statement.decorator_list:
                value = run.globals[statement.name]
                for decorator in reversed(statement.decorator_list):
                    value = members.decorate(run, decorator, value)
                run.globals[statement.name] = value
        elif isinstance(statement, ast.Assign):
            _global_assignment(run, statement)
        elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)) and isinstance(
            statement.target, ast.Name
        ):
            run.globals.setdefault(statement.target.id, Value(Kind.UNKNOWN))
    run.forget_what_was_seen()


def _global(run: Run, statement: ast.stmt) -> None:
    if isinstance(statement, ast.ClassDef):
        scope = run.scopes.classes[statement]
        _merge(run, statement.name, Value(Kind.CLASS, data=scope))
        return
    flow.run_body(run, [statement])
    assert isinstance(statement, (ast.Import, ast.ImportFrom))
    for alias in statement.names:
        name = alias.asname or alias.name.partition(".")[0]
        value = run.frame.state.names.pop(name, None)
        if value is not None:
            _merge(run, name, value)


def _global_assignment(run: Run, statement: ast.Assign) -> None:
    names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
    if not names:
        return
    simple = isinstance(
        statement.value, (ast.Constant, ast.Call, ast.Attribute, ast.Name, ast.Lambda)
    ) or _is_table(statement.value)
    value = run.evaluate(statement.value) if simple else Value(Kind.UNKNOWN)
    if value.kind not in (
        Kind.STATIC,
        Kind.FUNCTION,
        Kind.IMPORTED,
        Kind.CALLABLE,
        Kind.ARRAY,
        Kind.HOST,
        Kind.INSTANCE,
    ) and not _holds_functions(value):
        value = Value(Kind.UNKNOWN)
    for name in names:
        _merge(run, name, value)


def _is_table(node: ast.expr) -> bool:
    """Whether a dict, list or tuple is written out whose values are names or calls: of functions, perhaps."""
    if isinstance(node, ast.Dict):
        values = node.values
    elif isinstance(node, (ast.List, ast.Tuple)):
        values = node.elts
    else:
        return False
    return 0 < len(values) <= 64 and all(
        isinstance(value, (ast.Name, ast.Call, ast.Attribute, ast.Lambda)) for value in values
    )


def _holds_functions(value: Value) -> bool:
    inside = items_of(value) or tuple((entries_of(value) or {}).values())
    return any(item.kind is Kind.FUNCTION for item in inside)


def _merge(run: Run, name: str, value: Value) -> None:
    before = run.globals.get(name)
    if before is None:
        run.globals[name] = value
    elif before.kind is Kind.IMPORTED and value.kind is Kind.IMPORTED:
        pass  # `try: import x except ImportError: import y as x`: the first is the one that is meant
    else:
        same = before.kind is value.kind and before.kind in (Kind.STATIC, Kind.ARRAY, Kind.HOST)
        run.globals[name] = Value(before.kind if same else Kind.UNKNOWN)

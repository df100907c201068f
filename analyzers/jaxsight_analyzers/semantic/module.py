"""One file as the interpretation sees it: its definitions, its names, and what its own code holds."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import (
    axes,
    changes,
    decorators,
    import_statements,
    imports,
    initialised,
    limits,
    optimisers,
)
from jaxsight_analyzers.semantic.changes import Change
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.described import Described
from jaxsight_analyzers.semantic.scopes import ClassScope, Definitions, Piece
from jaxsight_analyzers.semantic.states import Environment, State
from jaxsight_analyzers.semantic.structures import entries_of, items_of, series
from jaxsight_analyzers.semantic.tasks import Asked, Dependency, Task
from jaxsight_analyzers.semantic.values import STATIC, UNKNOWN, FunctionData, Kind, Value, own

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.run import Run
    from jaxsight_analyzers.syntax.chunks import Chunk
    from jaxsight_analyzers.syntax.parsed import ParsedModule

_TREE = ast.Module([], [])


class GlobalName(Task):
    """What a name of a module stands for once the module is imported.

    Functions look names up here: they run after the module. A name that is bound more than once is
    what all its bindings agree on; None for a name that the module does not bind.
    """

    stands_alone = True
    __slots__ = ("bindings", "changes", "index", "module", "name", "value")

    def __init__(self, module: Module, name: str) -> None:
        super().__init__()
        self.module = module
        self.name = name
        self.value: Value | None = None
        self.bindings = Dependency()  # stands for the statements that bind it
        self.changes = Dependency()  # stands for all that happens to it: see `changes`
        self.index = 0

    def dismantle(self) -> None:
        """Drop what was used and seen, and those who use it."""
        super().dismantle()
        self.bindings.forget_users()
        self.changes.forget_users()

    @property
    def home(self) -> Module:  # type: ignore[override]
        """The file that binds it."""
        return self.module

    def __repr__(self) -> str:
        return f"<name {self.name}>"


class Module:
    """A file: its chunks' definitions, the names they bind, and the state its own code leaves."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.parsed: ParsedModule
        self.text = Asked(name, frozenset((name,)))  # stands for a file that is looked into
        self.pieces: list[Piece] = []
        self.gone: list[ClassScope] = []  # the classes that the last edit took away
        self.bindings: dict[str, list[ast.stmt]] = {}
        self._bound: Counter[str] = Counter()  # how many pieces bind each name
        self.names: dict[str, GlobalName] = {}
        self.postponed_annotations = False
        self._changes: dict[str, dict[str, list[Change]] | None] = {}  # of the names asked for
        self._order: dict[Chunk, int] = {}
        self._enough_names = 32
        self._outside = Environment(None, State({}, {}))
        self.renew()

    def renew(self) -> None:
        """Be ready to have the module's own code run as if it had never been."""
        self.environment = Environment(None, State({}, {}))
        self.frame = Frame(_TREE, "<module>", self.environment, None, None, module=self)

    def dismantle(self) -> None:
        """Take apart what holds each other, for nobody asks any more."""
        for name in self.names.values():
            name.dismantle()
        for piece in self.pieces:
            for scope in piece.scopes:
                scope.dismantle()
            piece.scopes, piece.changes = [], None
        self.names, self.pieces, self.frame.module = {}, [], None
        self.environment.state = State({}, {})

    @property
    def mentions_imports(self) -> bool:
        """Whether anything is imported: without that, nothing of JAX is here."""
        return any(piece.imports for piece in self.pieces)

    def outside(self) -> Frame:
        """A frame that stands in the module and holds no names of its own."""
        self._outside.state = State({}, {})
        return Frame(_TREE, "<module>", self._outside, None, None, module=self)

    def is_own(self, environment: Environment) -> bool:
        """Whether an environment is the module's, not that of a function."""
        return environment is self.environment or environment is self._outside

    def around(self, environment: Environment) -> Environment | None:
        """What a function that is made there closes over; None for nothing but the module's names."""
        return None if environment is self._outside else environment

    def name_task(self, name: str) -> GlobalName:
        """What stands for a name of the module."""
        task = self.names.get(name)
        if task is None:
            task = self.names[name] = GlobalName(self, name)
        return task

    def binds(self, name: str) -> bool:
        """Whether the module's code gives a value to a name, in whichever way."""
        return self._bound[name] > 0

    def forget_names(self) -> None:
        """Drop the names that nobody uses any more, now and then: what was typed on the way to others."""
        if len(self.names) < self._enough_names:
            return
        for name, task in list(self.names.items()):
            if not task.users and not task.changes.users:
                task.forget()
                del self.names[name]
                self._changes.pop(name, None)
        self._enough_names = 32 + len(self.names) * 5 // 4

    def changes(self, place: str, definitions: Definitions) -> Sequence[Change]:
        """Where a name is bound, or its object or attribute changed; who asks depends on the name."""
        name = place.partition(".")[0]
        found = self._changes.get(name)
        if found is None:
            found = self._changes[name] = changes.of_name(self.pieces, definitions, name)
        return found.get(place, ())

    @property
    def order(self) -> dict[Chunk, int]:
        """The place of each chunk in the file."""
        if not self._order:
            self._order = {piece.chunk: number for number, piece in enumerate(self.pieces)}
        return self._order

    def changed_elsewhere(
        self, before: list[Piece], definitions: Definitions
    ) -> Iterator[Dependency]:
        """The names to which something else happens than before the edit, of those asked for."""
        self._order = {}
        if not self._changes:
            return
        found = changes.difference(before, self.pieces, definitions, self._changes.keys())
        for name in found.others:
            task = self.names.get(name)
            if task is not None:
                yield task.changes
        self._changes.update(dict.fromkeys(found.names))  # to be joined when it is asked for

    def adopt(
        self, parsed: ParsedModule, pieces: list[Piece], gone: list[Piece], new: list[Piece]
    ) -> Iterator[Dependency]:
        """Take over a new text. The names whose bindings may be others now, in the pieces that changed."""
        self.parsed, self.pieces = parsed, pieces
        self._bound.subtract(name for piece in gone for name in piece.names)
        self._bound.update(name for piece in new for name in piece.names)
        changed = [*gone, *new]
        affected: set[str] = set()
        for piece in changed:
            affected |= piece.names | piece.bindings.keys()
        for name in affected:
            self.bindings.pop(name, None)
            if self._bound[name] <= 0:
                del self._bound[name]
        for piece in pieces:
            if affected.isdisjoint(piece.bindings):
                continue
            for name in affected & piece.bindings.keys():
                self.bindings.setdefault(name, []).extend(piece.bindings[name])
        self.postponed_annotations = any(
            isinstance(node, ast.ImportFrom) and node.module == "__future__"
            for piece in pieces[:10]
            for node in piece.chunk.body
        )
        for name in self.names if "*" in affected else affected:
            task = self.names.get(name)
            if task is not None:
                yield task.bindings


def evaluate_name(run: Run, task: GlobalName) -> Value | None:
    """What the bindings of a name agree on."""
    module = task.module
    run.depend(task.bindings)
    statements = module.bindings.get(task.name, ())
    if not statements:
        if module.binds(task.name):
            return UNKNOWN
        task.value = None  # what a file that imports all of this one gets
        return imports.star(run, module, task.name) if "*" in module.bindings else None
    task.value = UNKNOWN  # what a decorator that asks for the name it decorates gets
    value: Value | None = None
    unknown = False
    for statement in statements:
        if isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
            unknown = True
            continue
        frame = run.frame
        try:
            found = _bound_value(run, module, task.name, statement)
        except RecursionError:  # of Python's stack
            limits.run_alone_first(run)
            run.frame, found = frame, UNKNOWN
            limits.note_stack(run, statement)
        if value is None:
            value = found
        elif not _is_fallback(module, statement, value, found):
            value = _merge(value, found)
    if value is None:
        return UNKNOWN if unknown else None
    return value


def _bound_value(run: Run, module: Module, name: str, statement: ast.stmt) -> Value:
    if isinstance(statement, ast.ClassDef):
        return Value(Kind.CLASS, data=run.scopes.classes[statement])
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        scope = run.scopes.functions[statement]
        run.depend(scope.head)
        value = Value(Kind.FUNCTION, data=FunctionData(scope))
        for decorator in reversed(statement.decorator_list):
            value = decorators.decorate(run, decorator, value)
        return value
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        import_statements.import_name(run, statement, name)
        return run.frame.state.names.get(name, UNKNOWN)
    assert isinstance(statement, ast.Assign)
    return _assigned(run, statement, name)


_LASTING = (
    Kind.STATIC,
    Kind.FUNCTION,
    Kind.IMPORTED,
    Kind.MODULE,
    Kind.CALLABLE,
    Kind.ARRAY,
    Kind.HOST,
    Kind.INSTANCE,
)


def _assigned(run: Run, statement: ast.Assign, name: str) -> Value:
    simple = isinstance(
        statement.value, (ast.Constant, ast.Call, ast.Attribute, ast.Name, ast.Lambda)
    ) or _is_table(statement.value)
    value = run.evaluate(statement.value) if simple else UNKNOWN
    listed = isinstance(statement.value, (ast.List, ast.ListComp)) and not _holds_functions(value)
    if not any(isinstance(target, ast.Name) and target.id == name for target in statement.targets):
        value = _part(value, statement.targets, name)
    elif listed:
        return series(UNKNOWN)  # a list it is, whatever becomes of its items
    value = initialised.anywhere(value)
    is_object = value.kind is Kind.UNKNOWN and isinstance(value.data, Described)
    lasting = value.kind in _LASTING or _holds_functions(value) or axes.of_mesh(value) is not None
    return value if lasting or is_object else own(UNKNOWN)


def _part(value: Value, targets: list[ast.expr], name: str) -> Value:
    """What `a, b = value` gives to one of the names."""
    items = items_of(optimisers.unpacked(value))
    for target in targets:
        elements = target.elts if isinstance(target, ast.Tuple) else ()
        names = [element.id if isinstance(element, ast.Name) else "" for element in elements]
        if items is not None and name in names and len(items) == len(names):
            return items[names.index(name)]
    return UNKNOWN


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


def _is_fallback(module: Module, statement: ast.stmt, before: Value, value: Value) -> bool:
    """`try: import x except ImportError: import y as x`: the first is meant."""
    if not before.kind is value.kind is Kind.IMPORTED:
        return False
    return any(statement in piece.fallbacks for piece in module.pieces)


def _merge(before: Value, value: Value) -> Value:
    if before.kind is Kind.IMPORTED and value.kind is Kind.IMPORTED and before.data == value.data:
        return before
    if before.kind is Kind.SERIES and value.kind is Kind.SERIES:
        return series(UNKNOWN)
    if before.kind is value.kind and before.kind in (Kind.STATIC, Kind.ARRAY, Kind.HOST):
        return own(STATIC) if before.kind is Kind.STATIC else Value(before.kind)
    return own(UNKNOWN)

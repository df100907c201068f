"""What the statements of a module read and change, with all that the functions they name may do."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import field
from typing import Optional, Protocol

from jaxsight_runner.data import dataclass
from jaxsight_runner.slicing import libraries
from jaxsight_runner.slicing.builtin_table import RULES, looks
from jaxsight_runner.slicing.kinds import Kinds
from jaxsight_runner.slicing.scopes import (
    DEFINITIONS,
    Function,
    executed,
    imports_in,
    imports_within,
    stored,
)
from jaxsight_runner.slicing.uses import Collector, Use, Uses

SETTINGS = "settings of a library"  # stands for what a name may be a part of
ANY_STATE = "values that other files of the project keep"
_OF_CONTAINERS = frozenset(
    [
        "append",
        "extend",
        "insert",
        "pop",
        "popitem",
        "remove",
        "clear",
        "sort",
        "reverse",
        "add",
        "discard",
        "update",
        "setdefault",
    ]
)
_BOUND_METHODS = ("apply", "init", "init_with_output", "bind", "update")


@dataclass(frozen=True)
class Statement:
    """One statement of the top level."""

    index: int
    node: ast.stmt
    now: Uses  # when it is executed
    deferred: Uses  # when what it defines is called


@dataclass(frozen=True)
class Reach:
    """What calling something of another file of the project may do, besides changing its arguments."""

    unknown: Optional[str] = None  # why it cannot be told, in words
    touched: frozenset[str] = frozenset()  # files, random states, what the files keep
    sets_unknown: bool = False


NOTHING = Reach()


class Others(Protocol):
    """The other files of the project."""

    def reach(self, dotted: str) -> Optional[Reach]:
        """What a name of one of them leads to; None where it is not found."""
        ...

    def importing(self, dotted: str, later: bool) -> Optional[str]:
        """What importing a name does for everybody, in words; `later`: in a function."""
        ...


@dataclass
class Effects:
    """What may happen when a statement is executed."""

    bound: set[str] = field(default_factory=set[str])
    changed: set[str] = field(default_factory=set[str])
    mingled: set[str] = field(default_factory=set[str])  # may be parts of each other afterwards
    outside: set[str] = field(default_factory=set[str])  # files, random states, libraries
    unknown: Optional[str] = None  # why it cannot be told, in words
    handed_on: set[str] = field(default_factory=set[str])  # functions and classes
    library_handed_on: Optional[str] = None
    sets_unknown: bool = False
    hidden: Optional[tuple[int, str]] = None  # the line and what on it hides which names are used

    def add(self, other: Effects) -> None:
        """Take in what another piece of code may do."""
        self.bound |= other.bound
        self.changed |= other.changed
        self.mingled |= other.mingled
        self.outside |= other.outside
        self.unknown = self.unknown or other.unknown
        self.handed_on |= other.handed_on
        self.library_handed_on = self.library_handed_on or other.library_handed_on
        self.sets_unknown = self.sets_unknown or other.sets_unknown
        self.hidden = self.hidden or other.hidden


class Module:
    """The statements of a file and what they do."""

    def __init__(self, tree: ast.Module, others: Optional[Others] = None) -> None:
        self._others = others
        self.body: list[ast.stmt] = [_imported(node) for node in tree.body]
        self._imports = imports_in(self.body)
        self._binders = _binders(self.body)
        self.kinds = Kinds(self._binders, self._imports)
        functions = self._functions()
        bound = set(self._binders)
        lazy = any(
            isinstance(node, ast.ImportFrom)
            and node.module == "__future__"
            and any(alias.name == "annotations" for alias in node.names)
            for node in self.body
        )
        self.statements: list[Statement] = []
        for index, node in enumerate(self.body):
            collector = Collector(self._imports, functions, bound, annotations=not lazy)
            collector.statement(node)
            self.statements.append(Statement(index, node, collector.now, collector.deferred))
        self._by_name: dict[str, set[int]] = {}
        self._summaries: dict[int, Effects] = {}
        self._effects: dict[int, Effects] = {}
        self._connected = False

    def _functions(self) -> dict[str, Function]:
        found: dict[str, Function] = {}
        for name in self._binders:
            node = self.kinds.function_node(name)
            if node is not None:
                found[name] = node
        return found

    def binds(self, name: str) -> bool:
        """Whether the file gives a name a value."""
        return name in self._binders

    def _connect(self) -> None:
        """Which statements a name's value comes from: those that bind it or may change it."""
        for statement in self.statements:
            for name in self._bound_by(statement):
                self._by_name.setdefault(name, set()).add(statement.index)
        for statement in self.statements:  # what it does depends on those before it alone
            effects = self.effects(statement)
            for name in effects.changed | effects.bound | effects.mingled:
                self._by_name.setdefault(name, set()).add(statement.index)

    @staticmethod
    def _bound_by(statement: Statement) -> set[str]:
        return {use.name for use in statement.now.uses if use.how == "bind"}

    def reached(
        self,
        names: Iterable[str],
        before: Optional[int] = None,
        without: Collection[int] = (),
    ) -> tuple[set[str], set[int]]:
        """All names that values of these may come from or lead to, and their statements.

        `before`: as far as the statements before this one have made them; `without`: but for these.
        """
        if not self._connected:  # it takes time, and not every module is asked
            self._connected = True
            self._connect()
        seen: set[str] = set()
        places: set[int] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for index in self._by_name.get(name, ()):
                late = before is not None and index >= before
                if index not in places and index not in without and not late:
                    places.add(index)
                    statement = self.statements[index]
                    waiting += (statement.now.names | statement.deferred.names) - seen
        return seen, places

    def executed(self, statement: Statement) -> list[Uses]:
        """What a statement itself does when it is reached; of a definition, its head."""
        if isinstance(statement.node, DEFINITIONS) and not self._decorates(statement.node):
            return [statement.now]
        return [statement.now, statement.deferred]

    def _decorates(self, node: ast.stmt) -> bool:
        """Whether a decorator of the file's own or an unknown one may call what it decorates."""
        return any(
            not self.kinds.is_transformation(item) for item in getattr(node, "decorator_list", ())
        )

    def _called(self, statement: Statement) -> tuple[list[Uses], list[int]]:
        """What a statement does itself, and the statements whose functions it may call."""
        own = self.executed(statement)
        names = {name for uses in own for name in uses.names}
        _, places = self.reached(names, statement.index)
        return own, sorted(places)

    def _made_elsewhere(self, uses: Uses) -> Effects:
        found = Effects()
        for use in uses.uses:
            if use.dotted is not None and use.how not in ("bind", "store") and is_own(use.dotted):
                why = self._add_own(found, use, use.dotted)
                found.unknown = found.unknown or why
        return found

    def effects(self, statement: Statement) -> Effects:
        """What executing a statement may do."""
        found = self._effects.get(statement.index)
        if found is None:
            found = self._effects[statement.index] = Effects()
            own, places = self._called(statement)
            for uses in [*own, *(self.statements[index].deferred for index in places)]:
                found.add(self.summary(uses))
            for index in places:  # what another file made may do what that file does
                found.add(self._made_elsewhere(self.statements[index].now))
            if found.sets_unknown:  # by another name, perhaps
                found.changed |= found.handed_on
                found.mingled |= found.handed_on
                found.unknown = found.unknown or found.library_handed_on
        return found

    def summary(self, uses: Uses) -> Effects:
        """What a piece of code may do by itself."""
        known = self._summaries.get(id(uses))
        if known is None:
            known = self._summaries[id(uses)] = Effects()
            self._add(known, uses)
        return known

    def _add(self, found: Effects, uses: Uses) -> None:
        if uses.hidden and found.hidden is None:
            found.hidden = uses.hidden[0]
        found.sets_unknown = uses.sets_unknown
        if uses.calls_unknown:
            found.outside |= libraries.SHARED
        for use in uses.uses:
            if use.dotted is not None:
                self._add_import(found, use, use.dotted)
            elif use.how == "bind":
                found.bound.add(use.name)
            elif self.binds(use.name):
                if use.how in ("viewed", "kept", "argument") and self._may_share(use.name):
                    found.mingled.add(use.name)
                if self._changes(use):
                    found.changed.add(use.name)
                    found.mingled.add(use.name)
                elif use.how in ("kept", "argument") and self._is_definition(use.name):
                    found.handed_on.add(use.name)

    def _add_import(self, found: Effects, use: Use, dotted: str) -> None:
        if use.how in ("kept", "argument") and found.library_handed_on is None:
            found.library_handed_on = f"line {use.line} hands `{dotted}` on, and something is set"
        own = is_own(dotted)
        why: Optional[str] = None
        if use.how == "bind":
            found.bound.add(use.name)
            why = f"line {use.line} imports `{dotted}` of the project" if own else None
        elif use.how == "store":
            why = f"line {use.line} changes `{dotted}`"
        elif own and use.how != "read":
            why = self._add_own(found, use, dotted)
        elif use.how in ("argument", "kept") and self._is_module(use):
            why = f"line {use.line} hands the module `{dotted}` on"
        elif use.how != "read":
            settings = libraries.setting(dotted)
            why = f"line {use.line} changes {settings}" if settings else None
            found.outside |= set(libraries.touched(dotted)) if use.how == "call" else set()
        if why is not None and use.how in ("kept", "argument", "call"):
            found.mingled.add(SETTINGS)
        found.unknown = found.unknown or why

    def _add_own(self, found: Effects, use: Use, dotted: str) -> Optional[str]:
        """What using something of another file of the project may do; why that is not known."""
        reach = self._others.reach(dotted) if self._others is not None else None
        uses = f"line {use.line} uses `{dotted}`"
        if reach is None:
            return f"{uses}, which another file of the project defines"
        if reach.unknown is not None:
            return f"{uses}, and {reach.unknown}"
        found.outside |= reach.touched
        if reach.touched - libraries.SHARED:
            found.outside.add(ANY_STATE)
        found.sets_unknown = found.sets_unknown or reach.sets_unknown
        return None

    def left_out_import(self, statement: Statement) -> Optional[str]:
        """What is lost when a statement's imports of the project's other files are left out."""
        if self._others is None:
            return None
        own, places = self._called(statement)
        del own
        imports = [(dotted, False) for dotted in imports_in([statement.node]).values()]
        for node in [statement.node, *(self.statements[index].node for index in places)]:
            imports += [(dotted, True) for dotted in imports_within(node)]
        for dotted, later in imports:
            why = self._others.importing(dotted, later) if is_own(dotted) else None
            if why is not None:
                return f"it imports `{dotted}`, and {why}"
        return None

    def _reads_of(self, dotted: str) -> Set[str]:
        reach = self._others.reach(dotted) if self._others is not None else None
        if reach is None or reach.unknown is not None:
            return libraries.SHARED | {ANY_STATE}
        return reach.touched

    def imports_own(self, node: ast.stmt) -> bool:
        """Whether a statement imports a file of the project, which then executes."""
        found = imports_in([node]).values()
        return any(is_own(dotted) for dotted in found)

    def _is_module(self, use: Use) -> bool:
        return not use.chain and any(
            isinstance(node, ast.Import) for node in self._binders.get(use.name, [])
        )

    def _is_definition(self, name: str) -> bool:
        return self.kinds.kind(name) in ("function", "class")

    def _may_share(self, name: str) -> bool:
        """Whether what a name stands for may share memory with what is made of it."""
        return self.kinds.kind(name) in ("view", "mutable", "record")

    def _changes(self, use: Use) -> bool:
        """Whether a use may change what its name stands for."""
        if use.how in ("read", "viewed", "bind"):
            return False
        if use.how == "store" or (use.how == "call" and use.method in RULES):
            return True
        kind = self.kinds.kind(use.name)
        if kind in ("fixed", "view"):
            return False
        if kind == "function":
            return use.how == "call" and self.kinds.remembers(use.name)
        if kind == "class":
            return use.how == "argument" or self.kinds.shares_state(use.name)
        if kind == "frozen":
            if use.how == "call" and len(use.chain) > 1 and use.method in _OF_CONTAINERS:
                return True  # of a list that it holds
            methods = not use.chain or use.chain[-1] in _BOUND_METHODS
            return use.how != "call" and not (methods and bool(use.chain))
        if kind == "record":
            return not use.chain
        return not (use.how == "call" and looks(use.chain))

    def reads_outside(self, places: Iterable[int], extra: Iterable[Uses] = ()) -> set[str]:
        """Files, random states and libraries that the functions of these statements may look at."""
        found: set[str] = set()
        for index in places:  # what another file made may read what that file keeps
            for use in self.statements[index].now.uses:
                if use.dotted is not None and use.how != "bind" and is_own(use.dotted):
                    found |= self._reads_of(use.dotted)
        for uses in [*(self.statements[index].deferred for index in places), *extra]:
            for use in uses.uses:
                if use.dotted is None or use.how == "bind":
                    continue
                if is_own(use.dotted):
                    found |= self._reads_of(use.dotted)
                else:
                    found |= set(libraries.touched(use.dotted))
        return found


def is_own(dotted: str) -> bool:
    """Whether a dotted name is of another file of the project, and of no library."""
    return dotted.startswith(".") or not libraries.is_library(dotted.split(".")[0])


def _imported(node: ast.stmt) -> ast.stmt:
    """What an import executes: of `if __name__ == "__main__"`, only the `else`."""
    if isinstance(node, ast.If) and is_main_test(node.test):
        quiet = ast.Pass()
        return ast.copy_location(
            ast.If(node.test, [ast.copy_location(quiet, node)], node.orelse), node
        )
    return node


def is_main_test(test: ast.expr) -> bool:
    """Whether a test is `__name__ == "__main__"`."""
    if not (
        isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)
    ):
        return False
    sides = [test.left, test.comparators[0]]
    names = [side for side in sides if isinstance(side, ast.Name) and side.id == "__name__"]
    texts = [s for s in sides if isinstance(s, ast.Constant) and s.value == "__main__"]
    return len(names) == len(texts) == 1


def _binders(body: Sequence[ast.stmt]) -> dict[str, list[Optional[ast.stmt]]]:
    """The statements that bind each name, at any depth outside of functions."""
    found: dict[str, list[Optional[ast.stmt]]] = {}
    known = (*DEFINITIONS, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    for node in executed(body):
        if not isinstance(node, ast.stmt):
            continue
        own = [node] if isinstance(node, known) else _heads(node)
        for name in stored(own):
            found.setdefault(name, []).append(node if isinstance(node, known) else None)
    for node in body:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Global):
                for name in inner.names:
                    found.setdefault(name, []).append(None)
    return found


def _heads(node: ast.stmt) -> list[ast.AST]:
    """The parts of a compound statement that are no statements: targets, names of handlers."""
    parts: list[ast.AST] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ExceptHandler) or type(child).__name__ == "match_case":
            parts += [
                item for item in ast.iter_child_nodes(child) if not isinstance(item, ast.stmt)
            ]
            if isinstance(child, ast.ExceptHandler) and child.name:
                parts.append(ast.Name(child.name, ast.Store()))
        elif not isinstance(child, ast.stmt):
            parts.append(child)
    return parts

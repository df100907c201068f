"""Which statements of a file to leave out for a function, or the one that forbids it.

Statements that only define are executed; those that run something are left out, and with them what
depends on them. That is exact if nothing which is executed after one that is left out, and nothing
which the function may reach, reads what the left out one may write.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Set
from typing import Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.slicing.effects import ANY_STATE, SETTINGS, Effects, Module, Others, Statement
from jaxsight_runner.slicing.libraries import FILES, SHARED

_MOST = 400  # statements of the top level


@dataclass(frozen=True)
class Obstacle:
    """The line that forbids a slice, and why, in words."""

    line: int
    why: str


@dataclass(frozen=True)
class Slice:
    """The statements to execute, as a module, and the lines where those left out begin."""

    tree: ast.Module
    left_out: tuple[int, ...]


@dataclass(frozen=True)
class _Dropped:
    statement: Statement
    effects: Effects
    cause: int  # the line that runs something, on which it depends
    changes: Set[str]  # bound or changed, by any of its names
    reads: Set[str]


def plan(
    tree: ast.Module,
    running: Collection[ast.stmt],
    roots: Collection[str],
    target: str,
    reads_files: bool = False,
    others: Optional[Others] = None,
) -> tuple[Optional[Slice], Optional[Obstacle]]:
    """The slice for what `roots` name, or what forbids it; neither where the file is too long to tell.

    `running`: the statements that run something.
    """
    if len(tree.body) > _MOST:
        return None, None
    planner = _Planner(tree, running, others)
    obstacle = planner.obstacle(roots, target, reads_files)
    return (None, obstacle) if obstacle is not None else (planner.slice(), None)


class _Planner:
    def __init__(
        self, tree: ast.Module, running: Collection[ast.stmt], others: Optional[Others]
    ) -> None:
        self._tree = tree
        self._module = Module(tree, others)
        self._groups: dict[str, set[str]] = {}  # names whose values may be parts of each other
        places = {id(node): index for index, node in enumerate(tree.body)}
        self._running = sorted(places[id(node)] for node in running)
        self._dropped: list[_Dropped] = []
        self._drop()

    def slice(self) -> Slice:
        out = {item.statement.index for item in self._dropped}
        kept = [node for index, node in enumerate(self._tree.body) if index not in out]
        lines = tuple(self._tree.body[index].lineno for index in sorted(out))
        return Slice(ast.Module(body=kept, type_ignores=[]), lines)

    def obstacle(
        self, roots: Collection[str], target: str, reads_files: bool
    ) -> Optional[Obstacle]:
        """The first thing that makes the slice differ from an import."""
        module = self._module
        for statement in module.statements:
            hidden = module.effects(statement).hidden
            if hidden is not None:
                return Obstacle(hidden[0], f"{hidden[1]} hides what the file's names stand for")
        for item in self._dropped:
            unknown = item.effects.unknown or module.left_out_import(item.statement)
            if unknown is None and SETTINGS in item.changes:
                unknown = f"it may change {SETTINGS}"
            if unknown is not None:
                return Obstacle(item.cause, unknown)
        left_out = {item.statement.index for item in self._dropped}
        names, places = module.reached(roots, without=left_out)
        for index in sorted(places):
            for line, what in module.statements[index].deferred.hidden:
                return Obstacle(line, f"{what} hides what `{target}` needs")
        outside = module.reads_outside(places)
        if reads_files:
            outside.add(FILES)
        stale = self._stale(names, places)
        if stale is not None:
            return stale
        for item in self._dropped:
            both = sorted(item.changes & names)
            if both:
                return Obstacle(item.cause, _words(item, both[0], target))
            shared = sorted(
                item.effects.outside & outside,
                key=lambda what: (what in SHARED, what == ANY_STATE, what),
            )
            if shared:
                return Obstacle(item.cause, f"it may change {shared[0]}, which `{target}` may read")
        return None

    def _stale(self, names: Set[str], places: Collection[int]) -> Optional[Obstacle]:
        """What calls before a value changed may have made of it: a compiled function keeps it."""
        module = self._module
        changing: dict[str, list[int]] = {}
        for index in sorted(places):
            effects = module.effects(module.statements[index])
            for name in (effects.bound | effects.changed) & names:
                changing.setdefault(name, []).append(index)
        for item in self._dropped:
            at = item.statement.index
            read = item.reads & names
            for name in sorted(read):
                indices = changing.get(name, [])
                if indices and indices[0] < at < indices[-1]:
                    line = module.statements[indices[-1]].node.lineno
                    return Obstacle(
                        item.cause, f"it may have used `{name}` before line {line} changes it"
                    )
        return None

    def _drop(self) -> None:
        """Leave out what runs something and, in the order of the file, what depends on it."""
        for statement in self._module.statements:
            self._join(statement)
            if statement.index in self._running:
                self._leave_out(statement, statement.node.lineno)
            else:
                cause = self._depends(statement)
                if cause is not None:
                    self._leave_out(statement, cause)

    def _leave_out(self, statement: Statement, cause: int) -> None:
        effects = self._module.effects(statement)
        changes = set(effects.bound)
        for name in effects.changed:
            changes |= self._groups.get(name, {name})
        used = {name for uses in self._module.executed(statement) for name in uses.names}
        reads, _ = self._module.reached(used, statement.index)
        self._dropped.append(_Dropped(statement, effects, cause, changes, reads))

    def _join(self, statement: Statement) -> None:
        """Note which values a statement may make parts of each other."""
        effects, kinds = self._module.effects(statement), self._module.kinds
        if not effects.mingled:
            return
        mutable = {name for name in effects.bound if kinds.kind(name) not in ("fixed", "import")}
        joined = effects.mingled | mutable
        for name in list(joined):
            joined |= self._groups.get(name, {name})
        for name in joined:
            self._groups[name] = joined

    def _depends(self, statement: Statement) -> Optional[int]:
        """The line of a statement left out before, on which this one depends."""
        if not self._dropped:
            return None
        module, node = self._module, statement.node
        uses = module.executed(statement)
        in_place = isinstance(node, (ast.Delete, ast.AugAssign))
        first = {u.name for part in uses for u in part.uses if u.how != "bind" or in_place}
        names, places = module.reached(first, statement.index)
        outside = module.reads_outside(places, uses)
        if module.imports_own(node):
            outside |= SHARED
        for item in self._dropped:
            if item.changes & names or item.effects.outside & outside:
                return item.cause
        return None


def _words(item: _Dropped, name: str, target: str) -> str:
    line = item.statement.node.lineno
    if line != item.cause:
        return f"line {line} depends on it and sets `{name}`, which `{target}` needs"
    verb = "sets" if name in item.effects.bound else "may change"
    return f"it {verb} `{name}`, which `{target}` needs"

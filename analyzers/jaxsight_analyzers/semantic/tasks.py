"""Memoised work: what was worked out, what it was worked out from, and whether it still holds.

A task records every dependency it uses while it runs. After an edit only what used something that
changed is in doubt, and of that only what really gets other answers than before runs again: a
function whose body changed runs, its callers only if what they asked of it is different now.
The scheme is that of Adapton (Hammer et al., PLDI 2014) and of build systems with early cutoff.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from jaxsight_analyzers.semantic.event_log import Events

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.contexts import Frame, Summary
    from jaxsight_analyzers.semantic.module import Module
    from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionScope, Scope
    from jaxsight_analyzers.semantic.values import FunctionData, Origin, Value


class Limit(NamedTuple):
    """A limit that was reached, and what is not followed as far as it goes."""

    what: str  # which limit: see `limits`
    node: ast.AST | None  # a function, a statement, an expression; None: the file


_NOBODY: frozenset[Any] = frozenset()


class Dependency:
    """Something that the results of tasks follow from."""

    __slots__ = ("users",)

    def __init__(self) -> None:
        self.users: AbstractSet[Task] = _NOBODY

    def used_by(self, task: Task) -> None:
        """Note that a task uses this."""
        if self.users is _NOBODY:
            self.users = {task}
        else:
            cast("set[Task]", self.users).add(task)

    def unused_by(self, task: Task) -> None:
        """Note that a task uses this no longer."""
        if self.users is not _NOBODY:
            cast("set[Task]", self.users).discard(task)

    def forget_users(self) -> None:
        """Note that no task uses this any more."""
        self.users = _NOBODY


class Asked(Dependency):
    """What was looked for among the files of the workspace, and which one it is, if any."""

    __slots__ = ("path", "paths")

    def __init__(self, path: str | None, paths: AbstractSet[str]) -> None:
        super().__init__()
        self.path = path
        self.paths = paths  # those that it follows from, of files that there are and are not


IDLE, CHECKING, RUNNING = range(3)


class Task(Dependency):
    """A piece of work whose result is kept. The result itself is the subclasses'."""

    __slots__ = (
        "_rare",
        "called",
        "calls",
        "changed",
        "checked",
        "covers",
        "events",
        "limits",
        "lowest",
        "spent",
        "state",
        "uses",
        "volatile",
    )

    home: Module | None = None
    """The file whose code it runs, where that is not the one that is analysed."""

    stands_alone = False
    """Whether it can be run without those who ask for it."""

    def __init__(self) -> None:
        super().__init__()
        self.state = IDLE
        self.checked = -1  # the revision in which the result was last known to hold
        self.changed = -1  # the revision in which the result last became another
        self.uses: dict[Dependency, None] = {}
        self.clear()

    asked: set[tuple[FunctionScope, object]]  # the ways of calling functions that have too many
    fails_on_purpose: list[ast.AST]
    writes: dict[tuple[ClassScope, str], Value]
    # while it runs only
    inline: dict[object, Summary | None]
    inline_counts: dict[ast.AST, int]
    ran: set[ast.AST]
    pending: dict[ast.AST, tuple[FunctionData, Frame]]
    nested_classes: list[tuple[ClassScope, Frame]]
    transformed: dict[Frame, list[FunctionData]]
    open: dict[Task, None]  # the tasks it follows from that still run

    def __getattr__(self, name: str) -> Any:
        """What most runs have no use for, made when it is used."""
        found = self._rare.get(name)
        if found is None:
            make = _RARE.get(name)
            if make is None:
                raise AttributeError(name)
            found = self._rare[name] = make()
        return found

    def clear(self) -> None:
        """Forget what was seen, before the work is done again."""
        self.events = Events()
        self.calls: dict[Activation, Call] = {}
        self.covers: AbstractSet[Scope] = _NOBODY
        self.called: AbstractSet[object] = _NOBODY
        self.volatile = False
        self.spent = 0  # of the budget, apart from what it costs to run at all
        self.limits: tuple[Limit, ...] = ()
        self.lowest = 1 << 30  # the outermost of the tasks it follows from that still run
        self._rare: dict[str, Any] = {}

    def note_covered(self, scope: Scope) -> None:
        """Note that code of a definition ran."""
        if self.covers is _NOBODY:
            self.covers = {scope}
        else:
            cast("set[Scope]", self.covers).add(scope)

    def note_called(self, site: object) -> None:
        """Note that a function was called as a transformation of it."""
        if self.called is _NOBODY:
            self.called = {site}
        else:
            cast("set[object]", self.called).add(site)

    def release(self) -> None:
        """Drop what only the running needed."""
        if self._rare:
            self._rare = {n: v for n, v in self._rare.items() if v and n not in _FOR_RUNNING}

    def follow(self, task: Task, index: int) -> None:
        """Note that this follows from what a task that still runs has answered so far."""
        self.lowest = min(self.lowest, index)
        self.open[task] = None

    def follow_all(self, other: Task) -> None:
        """Note that this follows from a task whose answer is not final."""
        self.lowest = min(self.lowest, other.lowest)
        self.open.update((task, None) for task in other.open if task is not other)

    def close(self) -> None:
        """Forget which tasks still ran: they run no more, or those who ask were told."""
        self._rare.pop("open", None)

    def depend_on(self, before: Iterable[Dependency]) -> None:
        """Tell what the task uses now that it does, and what it no longer uses that it does not."""
        for used in before:
            if used not in self.uses:
                used.unused_by(self)
        for used in self.uses:
            used.used_by(self)

    def dismantle(self) -> None:
        """Drop what was used and seen, as everything else does that it is used by."""
        self.uses = {}
        self.forget_users()
        self.clear()

    def forget(self) -> None:
        """Take the task out of the graph."""
        for used in self.uses:
            used.unused_by(self)
        self.uses = {}
        self.clear()


_FOR_RUNNING = ("inline", "inline_counts", "ran")
_RARE: Mapping[str, Callable[[], Any]] = {
    "asked": set,
    "fails_on_purpose": list,
    "writes": dict,
    "inline": dict,
    "inline_counts": dict,
    "ran": set,
    "pending": dict,
    "nested_classes": list,
    "transformed": dict,
    "open": dict,
}


class Call(NamedTuple):
    """Where a task calls a function."""

    frame: Frame
    node: ast.AST
    origins: dict[str, Origin | None]  # where the tracers in its parameters come from


class Way(NamedTuple):
    """How a function runs, apart from its arguments."""

    tracing: tuple[bool, bool, bool]  # abstractly, with every result traced, with values
    tracer: str  # the transformation that makes the tracers, by qualified name
    hot: bool  # called from a loop
    guards: tuple[str, ...]  # why a failure in it may be meant
    compiled: bool  # it is compiled, or a part of what is


class Draft(NamedTuple):
    """What a run returned that follows from answers which are not final, and those it follows from."""

    summary: Summary
    follows: tuple[tuple[Task, dict[Dependency, None]], ...]

    @classmethod
    def of(cls, activation: Activation, summary: Summary) -> Draft:
        """What an activation returned just now."""
        open_ = [task for task in activation.open if task is not activation]
        return cls(summary, tuple([(task, task.uses) for task in open_]))

    @property
    def stands(self) -> bool:
        """Whether all of those still run as they did: the run would return the same again."""
        return all(task.state == RUNNING and task.uses is uses for task, uses in self.follows)


class Activation(Task):
    """A run of a function of a file, for one way of calling it: from anywhere, with any caller.

    What it does to its callers is its summary. It holds no value of any of them.
    """

    stands_alone = True

    __slots__ = (
        "approximation",
        "data",
        "index",
        "key",
        "parameters",
        "reused",
        "scope",
        "signature",
        "stamp",
        "summary",
        "way",
    )

    def __init__(
        self,
        key: object,
        data: FunctionData,
        parameters: dict[str, Value],
        way: Way,
    ) -> None:
        super().__init__()
        self.key = key
        self.scope: FunctionScope = data.scope
        self.data = data
        self.parameters = parameters
        self.way = way
        self.summary: Summary | None = None
        self.signature: object = None
        self.index = 0  # its place among what is running
        self.stamp = 0  # tells one run of it from the next
        self.reused = False  # whether it was called while it ran
        self.approximation: Summary | None = None  # what such calls are told

    @property
    def home(self) -> Module:  # type: ignore[override]
        """The file that the function is of."""
        return self.scope.home

    @property
    def is_known(self) -> bool:
        """Whether there is a result, be it an old one."""
        return self.summary is not None

    def dismantle(self) -> None:
        """Drop the result, too."""
        super().dismantle()
        self.summary = None

    def forget(self) -> None:
        """Take it out of the graph, with its result: that holds the frame, which holds this."""
        super().forget()
        self.summary = self.approximation = None

    def __repr__(self) -> str:
        return f"<run of {self.scope.qualname}>"


class PreemptedError(BaseException):
    """Something more urgent is to be done: this analysis is given up, and nothing that catches errors
    is to catch it.
    """


class ApartError(BaseException):
    """A file asks for too much to share a run with other files: it is to be analysed in its own."""


class DeeperError(Exception):
    """Tasks are nested too deeply to go on: the innermost is to be run on its own first."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.task = task

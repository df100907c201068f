"""The interpretation of a file: its knowledge, its definitions, and where it stands now."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.knowledge.loader import Knowledge
from jaxsight_analyzers.semantic import changes, key_pairs
from jaxsight_analyzers.semantic.budget import Budget
from jaxsight_analyzers.semantic.changes import Change
from jaxsight_analyzers.semantic.checks import Checks
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.event_log import Events
from jaxsight_analyzers.semantic.events import ConstantKeySeen, KeyReuseSeen
from jaxsight_analyzers.semantic.evidence import Evidence, evidence_in
from jaxsight_analyzers.semantic.keys import (
    Consumption,
    KeyToken,
    Test,
    constant_source,
    earlier_use,
)
from jaxsight_analyzers.semantic.scopes import (
    ClassScope,
    Definitions,
    FunctionScope,
)
from jaxsight_analyzers.semantic.shapes import shape_of_task
from jaxsight_analyzers.semantic.states import Environment, State
from jaxsight_analyzers.semantic.tasks import (
    Activation,
    ApartError,
    Asked,
    Dependency,
    Draft,
    PreemptedError,
    Task,
)
from jaxsight_analyzers.semantic.trees import walk
from jaxsight_analyzers.semantic.values import UNKNOWN, FunctionData, Kind, Value

if TYPE_CHECKING:
    from jaxsight_analyzers.project.workspace import Workspace
    from jaxsight_analyzers.semantic.module import Module

T = TypeVar("T")

_ROOM = 4
"""Where files share a run, what one of them runs for the first time is bounded by so many budgets of all."""

MAX_DEPTH = 8
"""Calls of closures deeper than this return something unknown."""

MAX_NESTING = 20
"""Runs of functions nested deeper than this are put off: the innermost is run on its own first."""

MAX_SUMMARIES = 12
"""A closure called in more different ways than this within one run is unknown in the others."""

MAX_MODULES = 256
"""More files than this are not looked into in the course of one file's analysis."""

MAX_ACTIVATIONS = 24
"""A function called in more different ways than this is run with less detail of its arguments."""

MAX_ACTIVATIONS_ELSEWHERE = 96
"""The same for a function of another file, which is no less what many files ask for together."""


class Run:
    """The interpretation of one file, kept from edit to edit.

    `task` is what is being worked out: what is seen is recorded with it, and what is asked becomes
    a dependency of it.
    """

    def __init__(self, knowledge: Knowledge, workspace: Workspace | None = None) -> None:
        self.knowledge = knowledge
        self.workspace = workspace
        self.asked: set[str] = set()  # paths in it whose files were looked for
        self.most_modules = MAX_MODULES
        self.is_shared = False  # whether files that stay as they are share it: see `sharing`
        self.root: Module  # the file itself
        self.modules: dict[str, Module] = {}  # by path: those that were looked into
        self.scopes = Definitions()
        self.revision = 0
        self.task: Task = Task()
        self.stack: list[Task] = []
        self.memo: dict[object, Activation] = {}
        self.running: dict[FunctionScope, int] = {}  # where in the stack, the outermost
        self.counts: dict[FunctionScope, int] = {}
        self.suspects: set[Task] = set()
        self.changed_inputs: set[Dependency] = set()
        self.provisional: list[Activation] = []
        self.drafts: dict[Activation, Draft] = {}  # what those among them returned
        self.checks = Checks()
        self.nesting = MAX_NESTING
        self.stamp = 0
        self.budget = Budget(0)
        self.alone: set[Task] = set()  # run on their own, since Python's stack was too small
        self.made: frozenset[object] = (
            frozenset()
        )  # what the module's own code transforms, and the functions that it leaves uncalled
        self.redone: list[Task] = []  # what ran again after an edit
        self.reshaped = False  # whether what ran again leads to other runs than before
        self.preempted: Callable[[], bool] | None = None  # whether to give up for something urgent
        self.exhausted = False  # whether something was given up that depends on what ran before
        self.widened: dict[FunctionScope, int] = {}  # called in too many ways, and in how many
        self.overflowed: list[FunctionScope] = []  # those that were found out to be since the start
        self._found: dict[object, Asked] = {}
        self._tests: dict[ast.AST, Test] = {}
        self._free_names: dict[ast.AST, tuple[str, ...]] = {}
        self._names_inside: dict[ast.AST, frozenset[str]] = {}
        self._once: dict[object, tuple[Any, tuple[Dependency, ...]]] = {}
        self.has_donated = False  # whether any call deletes its arguments
        self.frame: Frame
        self.branch_end: State

    def evaluate(self, node: ast.expr, /) -> Value:
        """The value of an expression; records what its evaluation does."""
        raise NotImplementedError

    def global_value(self, module: Module, name: str, /) -> Value | None:
        """What a name of a module stands for once it is imported; None if it binds no such name."""
        raise NotImplementedError

    def begin(self, changed: set[Dependency]) -> None:
        """Start with a new text of the file, in which this changed."""
        for task in self.suspects:
            if task.checked != self.revision:
                task.checked = -1  # nobody asked: whoever does now has it worked out anew
        self.revision += 1
        self.changed_inputs = changed
        self.suspects = set()
        waiting: list[Dependency] = list(changed)
        while waiting:
            for user in waiting.pop().users:
                if user not in self.suspects:
                    self.suspects.add(user)
                    waiting.append(user)
        self.budget = Budget(len(self.scopes.functions))
        self._once.clear()
        self.redone, self.reshaped = [], False
        self.alone.clear()
        if self.revision % 64 == 0:
            self._tests.clear()
            self._free_names.clear()
            self._names_inside.clear()

    def begin_file(self) -> None:
        """Start with another file of those that share this."""
        self.budget = Budget(len(self.scopes.functions), _ROOM)
        self.counts = {}
        self.redone, self.provisional, self.drafts = [], [], {}
        self.task = Task()
        self.alone.clear()

    def is_own(self, task: Task) -> bool:
        """Whether a task runs code of the file itself, not of one that it looks into."""
        return task.home is None or task.home is self.root

    def exhaust(self) -> None:
        """Note that something is given up that depends on what ran before."""
        if self.is_shared:
            raise ApartError
        self.exhausted = True

    def note_redone(self, task: Task, before: object) -> None:
        """Note that a task ran again, which led to runs of this shape before; None for a new one."""
        self.redone.append(task)
        if before is not None and not self.reshaped:
            self.reshaped = shape_of_task(task, self.made) != before

    def widen(self, scope: FunctionScope) -> None:
        """Run a function with less detail from now on; what ran before this was known is no result."""
        if self.is_shared:
            raise ApartError
        self.widened[scope] = self.most_ways(scope)
        self.overflowed.append(scope)

    def most_ways(self, scope: FunctionScope) -> int:
        """A function called in more different ways than this is run with less detail."""
        return MAX_ACTIVATIONS if scope.home is self.root else MAX_ACTIVATIONS_ELSEWHERE

    def call_otherwise(self, scopes: Iterable[FunctionScope]) -> None:
        """Put in doubt what calls functions that are to run with more or less detail from now on."""
        chosen = set(scopes)
        for key in [key for key, activation in self.memo.items() if activation.scope in chosen]:
            self.memo.pop(key).forget()
        for scope in chosen:
            self.counts.pop(scope, None)
        self.overflowed = []
        self.begin({scope.head for scope in chosen})

    def start_over(self) -> None:
        """Forget all results. Definitions and what is widened stay."""
        self.memo, self.counts, self.running = {}, {}, {}
        self.overflowed, self.exhausted = [], False
        self.stack, self.provisional, self.drafts = [], [], {}
        self.task = Task()
        self._once.clear()
        self.budget = Budget(len(self.scopes.functions))

    def dismantle(self) -> None:
        """Nobody asks any more: take apart what holds each other, so that it goes at once."""
        self.redone, self.suspects, self.changed_inputs = [], set(), set()
        for activation in self.memo.values():
            activation.dismantle()
        for module in self.modules.values():
            module.dismantle()

    # Recording

    @property
    def events(self) -> Events:
        """What is seen is added to this."""
        return self.task.events

    @property
    def module(self) -> Environment:
        """The names of the module's own code."""
        return self.frame.module.environment

    @property
    def postponed_annotations(self) -> bool:
        """Whether annotations are not evaluated here."""
        return self.frame.module.postponed_annotations

    def depend(self, dependency: Dependency) -> None:
        """Note that what is being worked out follows from this."""
        self.task.uses[dependency] = None

    def connect(self, task: Task, before: Iterable[Dependency]) -> None:
        """Tell what a task uses now that it does; of no use where no text ever changes."""
        if not self.is_shared:
            task.depend_on(before)

    def look_up(self, place: object, find: Callable[[set[str]], str | None]) -> Asked:
        """A file that was looked for in the workspace, which answers the same each time."""
        known = self._found.get(place)
        if known is None:
            paths: set[str] = set()
            path = find(paths)
            known = self._found[place] = Asked(path, paths)
            self.asked |= paths
        return known

    def give_way(self) -> None:
        """Give up if something urgent waits."""
        if self.preempted is not None and self.preempted():
            raise PreemptedError

    def perform(self, task: Task, frame: Frame, work: Callable[[], T]) -> T:
        """Do work as a task, in a frame, and come back to where we were."""
        self.give_way()
        before = self.task, self.frame, self.branch_end
        self.task, self.frame = task, frame
        self.stack.append(task)
        try:
            return work()
        finally:
            self.stack.pop()
            self.task, self.frame, self.branch_end = before

    # Names

    def lookup(self, name: str) -> Value:
        """What a name stands for here: in this function, around it, in the module, in Python."""
        frame = self.frame
        environment: Environment | None = frame.environment
        while environment is not None:
            value = environment.state.names.get(name)
            if value is not None:
                if name in environment.own:
                    return environment.with_this(value)
                if environment is frame.module.environment and environment is not frame.environment:
                    self.task.volatile = True  # a closure that reads what the module's code left
                return value
            environment = environment.parent
        value = self.global_value(frame.module, name)
        return self.builtin(name) if value is None else value

    def builtin(self, name: str) -> Value:
        """A builtin of Python by its qualified name."""
        facts = self.knowledge.function(f"builtins.{name}")
        return Value(Kind.IMPORTED, data=f"builtins.{name}") if facts is not None else UNKNOWN

    # Guards

    @property
    def guards(self) -> tuple[str, ...]:
        """Why a failure here may be meant: in this frame and in those that called it."""
        found, caller = self.frame.guards, self.frame.caller
        while caller is not None:
            if caller.guards:
                found = (*found, *caller.guards)
            caller = caller.caller
        return found

    def guarded(self, *kinds: str) -> bool:
        """Whether a failure here is expected for one of these reasons."""
        guards = self.guards
        return bool(guards) and any(guard in kinds for guard in guards)

    # Keys

    def new_key(self, name: str, node: ast.AST, length: int | None = None) -> frozenset[KeyToken]:
        """A key, or array of keys, that this frame owns."""
        return frozenset((KeyToken(name, node, self.frame.mark, length),))

    def consume(
        self,
        tokens: frozenset[KeyToken] | None,
        use: Consumption,
        argument: ast.expr | None,
    ) -> None:
        """Use up a key here, and note where it was used up before."""
        if not tokens:
            return
        state = self.frame.state
        owners = {frame.mark for frame in self.frame.chain()}
        tokens = frozenset(token for token in tokens if token.owner in owners)
        certainty = use.certainty if len(tokens) == 1 else Certainty.MAYBE
        for token in self.ordered(tokens):
            source = constant_source(token) if token.owner is self.frame.mark else None
            if source is not None and not state.dead:
                seen = ConstantKeySeen(source, use.by, self.frame, self.guards)
                self.events.constant_keys.append(seen)
            earlier = earlier_use(token, state.consumed)
            if earlier is None or token not in state.consumed:
                state.consumed[token] = use._replace(certainty=certainty, on_path=certainty)
            if earlier is not None and not earlier.excludes(use.conditions) and not state.dead:
                before = earlier.certainty_under(use.conditions)
                self._note_reuse(token, use, argument, earlier, min(certainty, before))

    @staticmethod
    def ordered(tokens: frozenset[KeyToken] | None) -> list[KeyToken]:
        """Keys in the order in which the text makes them."""
        return sorted(tokens or (), key=_position)

    def note_repeated(self, token: KeyToken, use: Consumption, by: FunctionFacts) -> None:
        """A key that a body uses up, and that is the same in each run of that body."""
        if use.sampler in key_pairs.REORDERING and by.name == "jax.tree.map":
            return  # one order for all leaves, which belong together
        certainty = use.certainty
        if by.when == "later" or self._in_test():
            certainty = min(certainty, Certainty.MAYBE)  # one draw for all rows may be meant
        self.events.key_reuses.append(
            KeyReuseSeen(use.node, None, token, use.by, use, certainty, True, by.name, self.frame)
        )

    def _in_test(self) -> bool:
        """Whether this runs in a test, which often draws the same numbers to compare what is made of them."""
        return self.frame.is_test

    def _note_reuse(
        self,
        token: KeyToken,
        use: Consumption,
        argument: ast.expr | None,
        earlier: Consumption,
        certainty: Certainty,
    ) -> None:
        before = dict(earlier.passes)
        in_loop = any(before.get(loop, count) != count for loop, count in use.passes)
        if earlier.node is use.node and not in_loop:
            return  # seen twice in one place: two paths, or two contexts
        if not in_loop and key_pairs.pairs(earlier, use):
            return
        if self._in_test():
            if not in_loop and key_pairs.begins_anew(earlier, use):
                return
            certainty = min(certainty, Certainty.MAYBE)
        self.events.key_reuses.append(
            KeyReuseSeen(
                use.node, argument, token, use.by, earlier, certainty, in_loop, None, self.frame
            )
        )

    # Functions

    def note_transformed(self, data: FunctionData, frame: Frame) -> None:
        """Remember a transformed function, in case nobody calls it."""
        self.task.transformed.setdefault(frame, []).append(data)

    def transformed_in(self, frame: Frame) -> list[FunctionData]:
        """The functions that were transformed in a frame, and forget them."""
        return self.task.transformed.pop(frame, [])

    def member(
        self, owner: ClassScope, name: str, make: Callable[[Run, ClassScope, str], Value]
    ) -> Value:
        """What the body of a class gives to a name, worked out once for each state of the file."""
        place = None if owner.nested else (make, owner, name)
        return self.once(place, lambda: make(self, owner, name), UNKNOWN)

    def once(self, place: object, make: Callable[[], T], meanwhile: T) -> T:
        """Work something out once for each state of the file; `meanwhile` is for who asks in between.

        Who asks depends on what it was worked out from. None for a place that is not remembered.
        """
        known = None if place is None else self._once.get(place)
        if known is None:
            self._once[place] = (meanwhile, ())
            apart = Task()
            try:
                made = self.perform(apart, self.frame, make)
            except BaseException:  # it is to be asked again
                del self._once[place]
                raise
            known = self._once[place] = (made, tuple(apart.uses))
            self.task.follow_all(apart)
            if apart.lowest < len(self.stack) or place is None:
                del self._once[place]
        for used in known[1]:
            self.task.uses[used] = None
        return known[0]

    def test(self, node: ast.expr) -> Test:
        """What the test of a branch reads and looks at."""
        known = self._tests.get(node)
        if known is None:
            known = self._tests[node] = Test(node, *_read_by(node))
        return known

    def evidence(self, scope: FunctionScope) -> Evidence:
        """What a function's text says of its parameters."""
        self.depend(scope.telling)
        if scope.evidence is None:
            scope.evidence = evidence_in(scope.node)
        return scope.evidence

    def free_names(self, node: ast.AST) -> tuple[str, ...]:
        """The names that a function reads from around it."""
        known = self._free_names.get(node)
        if known is None:
            local = self.scopes.functions[node].local_names
            names = {n.id: None for n in walk(node) if isinstance(n, ast.Name)}
            known = self._free_names[node] = tuple(n for n in names if n not in local)
        return known

    def names_inside(self, node: ast.AST) -> frozenset[str]:
        """The names that functions in a function read from around them."""
        known = self._names_inside.get(node)
        if known is None:
            inner = [n for n in walk(node) if n is not node and n in self.scopes.functions]
            known = frozenset([name for one in inner for name in self.free_names(one)])
            self._names_inside[node] = known
        return known

    def changes(self, place: str, home: Environment | None) -> Sequence[Change]:
        """Where the text binds a name again, or changes its object: a name of a function, or the module's."""
        if home is not None:
            scope = home.scope
            if scope is None:
                return ()
            self.depend(scope)
            found = changes.of_piece(scope.piece, self.scopes)
            return found.get((scope, place), ())
        module = self.frame.module
        name = module.name_task(place.partition(".")[0])
        self.depend(name.changes)
        return module.changes(place, self.scopes)

    def facts(self, qualified: str | None) -> FunctionFacts | None:
        """What is known of a library's function."""
        return None if qualified is None else self.knowledge.function(qualified)


def _position(token: KeyToken) -> tuple[int, int, str]:
    return getattr(token.node, "lineno", 0), getattr(token.node, "col_offset", 0), token.name


def _read_by(test: ast.expr) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names in a test, and what it guards against: a version, or a value that is a tracer."""
    names: list[str] = []
    guards: list[str] = []
    for node in walk(test):
        if isinstance(node, ast.Name):
            names.append(node.id)
            name = node.id
        elif isinstance(node, ast.Attribute):
            name = node.attr
        else:
            continue
        lowered = name.lower()
        if "version" in lowered or name in ("hasattr", "signature"):
            guards.append("version")
        elif "tracer" in lowered or "concrete" in lowered or "jit" in lowered.split("_"):
            guards.append("tracer")
    return tuple(names), tuple(guards)

"""The interpretation of a file, from edit to edit: what runs, in which order, and what is live.

First the module's own code runs, chunk by chunk; then what it did not lead to: the methods that
make an object, what was transformed and never called, and every method and function in the order
of the text. All of it is tasks, so that after an edit only what is in doubt runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.knowledge.loader import load
from jaxsight_analyzers.semantic import (
    expressions,
    functions,
    imports,
    incoming,
    memo,
    sharing,
)
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.definitions import redefine
from jaxsight_analyzers.semantic.flows import Flow, Flows, Hands
from jaxsight_analyzers.semantic.interest import Interest, interesting
from jaxsight_analyzers.semantic.module import GlobalName, Module
from jaxsight_analyzers.semantic.roots import (
    Root,
    is_function_of_module,
    run_assigned,
    run_chunk,
    run_function,
)
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionScope, Scope
from jaxsight_analyzers.semantic.shapes import (
    PieceShape,
    shape_of,
    shape_of_task,
    speaks_of_the_same,
)
from jaxsight_analyzers.semantic.signatures import site
from jaxsight_analyzers.semantic.tasks import Activation, Call, DeeperError, Limit, Task

if TYPE_CHECKING:
    from jaxsight_analyzers.project.outgoing import OutgoingCall
    from jaxsight_analyzers.project.workspace import Workspace
    from jaxsight_analyzers.syntax.chunks import Chunk
    from jaxsight_analyzers.syntax.parsed import ParsedModule

_MAKERS = ("__init__", "setup", "__post_init__")
_NOWHERE: frozenset[int] = frozenset()


class Via(NamedTuple):
    """How an activation is first come to: which task calls it, and where."""

    parent: Task
    call: Call


class _Run(Run):
    # The functions themselves: expressions are evaluated often.
    evaluate = expressions.evaluate
    global_value = memo.value_of_name


def new_run(workspace: Workspace | None) -> Run:
    """A run of nothing yet."""
    return _Run(load(), workspace)


class Interpretation:
    """One file's interpretation. `update` takes it from one text to the next."""

    def __init__(
        self,
        name: str = "",
        workspace: Workspace | None = None,
        incoming: tuple[OutgoingCall, ...] = (),
        shared: Run | None = None,
    ) -> None:
        self.incoming = incoming
        self.run = shared or new_run(workspace)
        if shared is None:
            self.module = self.run.modules[name] = Module(name)
        else:
            self.module = sharing.begin(shared, name)
        self.run.root = self.module
        self.run.frame = self.module.frame
        self.run.branch_end = self.module.frame.state
        self.live: dict[Task, Via | None] = {}
        self.crashes: list[str] = []
        # by chunk, the tasks that ran code in it or speak of it
        self.tasks_of: list[tuple[Task, ...]] = []
        self._spoken_of: dict[Task, AbstractSet[int]] = {}  # the chunks in which it ran none
        self.again: set[int] | None = None  # the chunks in which something else may be seen
        self._flows = Flows(self.module.frame)
        self._roots: dict[object, Root] = {}
        self._interest = Interest(set(), frozenset())
        self._made: list[object] = []  # what the module's own code transforms
        self._leaving: set[Flow] = set()  # what leaves functions that are to be run
        self._live_roots: list[Root] = []
        self._is_explored = False
        self.x64: bool | None = None  # whether other files speak of 64 bits, if that was asked

    def __del__(self) -> None:
        """What is used and who uses it hold each other; all of it goes at once, without the collector."""
        if not self.run.is_shared:
            self.run.dismantle()
            for task in (*self._roots.values(), *self._flows.order):
                task.dismantle()

    @property
    def is_exact(self) -> bool:
        """Whether the next state may be made from this one: nothing failed or was given up."""
        return not self.crashes and not self.run.exhausted and not self.run.is_shared

    def asks_x64(self) -> bool:
        """Whether another file of the project speaks of 64 bits, or may do so."""
        workspace = self.run.workspace
        self.x64 = workspace is not None and workspace.x64_besides(self.module.name)
        return self.x64

    @property
    def names(self) -> Iterable[GlobalName]:
        """The names of the module whose values were asked for."""
        if not self.run.is_shared:
            return self.module.names.values()
        return sharing.names(self.module, self.live)

    @property
    def asked(self) -> AbstractSet[str]:
        """The paths of the workspace that were looked for."""
        if not self.run.is_shared:
            return self.run.asked
        return sharing.asked(self.module, self.live)

    def update(self, parsed: ParsedModule) -> None:
        """Interpret a new text of the file, and of it what the change calls in doubt."""
        run = self.run
        if run.is_shared:
            self.module.parsed = parsed
            self._explore()
            sharing.check(run, self.module, self.live)
            self.tasks_of = self._by_chunk()
            return
        is_library = imports.Library(run, self.module)
        replaced = self._to_be_replaced(parsed)
        run.begin(redefine(self.module, parsed, run.scopes, is_library))
        if not self.module.mentions_imports and not self.incoming:
            self._is_explored, self.live, self.again = False, {}, None
            self.tasks_of = [() for _ in parsed.chunks]
            return
        if self._is_explored and replaced is not None and self._keeps_shape(replaced):
            return
        self._find_out()
        self._forget()
        self.module.forget_names()

    def _find_out(self) -> None:
        """Run all that is in doubt, and find out what is live."""
        run = self.run
        tried: set[FunctionScope] = set()
        goes_on = False
        while True:
            self._explore()
            if run.overflowed and goes_on:  # perhaps only because of what ran before
                for scope in run.overflowed:
                    del run.widened[scope]
            elif run.overflowed:
                tried.add(run.overflowed[0])  # the others perhaps only because this one did
                if not run.exhausted:
                    run.call_otherwise(run.overflowed)
                    goes_on = True
                    continue
            else:
                fewer = self._perhaps_few_enough() - tried
                if not fewer:
                    break
                tried |= fewer
                for scope in fewer:
                    del run.widened[scope]
                if not run.exhausted:
                    run.call_otherwise(fewer)
                    goes_on = True
                    continue
            self._start_over()
            goes_on = False
        self._live_roots = [task for task in self.live if isinstance(task, Root)]
        self.tasks_of, self.again, self._is_explored = self._by_chunk(), None, True

    def _explore(self) -> None:
        covered: set[Scope] = set()
        called: set[object] = set()
        self.live = {}
        self._run_flows()
        self._note_left()
        left = [node for flow_ in self._leaving for node, _ in flow_.left_pending]
        scopes = [self.run.scopes.functions[node] for node in left]
        self.run.made = frozenset([*self._made, *scopes])
        for flow_ in self._flows.order:
            self._reach(flow_, covered, called)
        self._interest = interesting(self.module.pieces)
        for root in self._rest(covered, called):
            self._reach(root, covered, called)

    def _run_flows(self) -> None:
        run, frame = self.run, self.module.frame
        hands = Hands(
            partial(run_chunk, run),
            partial(self._execute_flow, frame),
            self._is_in_doubt,
        )
        self._flows.update(self.module.parsed.chunks, run.suspects, hands)

    def _execute_flow(self, frame: Frame, task: Flow, work: Callable[[], None]) -> None:
        self._execute(task, frame, work)

    def _is_in_doubt(self, task: Flow) -> bool:
        return task in self.run.suspects and self._changed(task)

    def _note_left(self) -> None:
        """What the module's own code transforms, each function and by which application, and leaves."""
        self._made = [made for flow_ in self._flows.order for made in flow_.left_made]
        self._leaving = {flow_ for flow_ in self._flows.order if flow_.left_pending}

    def _by_chunk(self) -> list[tuple[Task, ...]]:
        parsed = self.module.parsed
        numbers = {chunk: number for number, chunk in enumerate(parsed.chunks)}
        tasks: list[list[Task]] = [[] for _ in numbers]
        self._spoken_of = {}
        for task in self.live:
            ran_in = chunks_of(task, numbers)
            if spoken_of := spoken_of_by(task, parsed) - ran_in:
                self._spoken_of[task] = spoken_of
            for number in ran_in | spoken_of:
                tasks[number].append(task)
        return [tuple(found) for found in tasks]

    # Edits that keep the shape of the file

    def _to_be_replaced(self, parsed: ParsedModule) -> dict[int, PieceShape] | None:
        """The shapes of the chunks that a text replaces one by one; None where it does not."""
        pieces, chunks = self.module.pieces, parsed.chunks
        if len(pieces) != len(chunks):
            return None
        return {
            number: shape_of(piece)
            for number, piece in enumerate(pieces)
            if piece.chunk is not chunks[number]
        }

    def _keeps_shape(self, replaced: dict[int, PieceShape]) -> bool:
        """Run what is in doubt: whether the same is live as before, and leads to the same."""
        run, pieces, names = self.run, self.module.pieces, self._interest.names
        for number, before in replaced.items():
            if not speaks_of_the_same(before, shape_of(pieces[number]), names):
                return False
        made = self._made
        self._run_flows()
        ran = [task for task in run.redone if isinstance(task, Flow)]
        if any(flow_ in self._leaving or flow_.left_pending for flow_ in ran):
            return False
        if ran:
            self._note_left()
        for root in self._live_roots:
            if root in run.suspects:
                self._root(root.key, root.work)
        if run.overflowed:
            self._start_over()
            return False
        if run.reshaped or made != self._made:
            return False
        self._refresh()
        numbers = {piece.chunk: number for number, piece in enumerate(pieces)}
        self.again = set(replaced)
        for task in run.redone:
            ran_in, before = chunks_of(task, numbers), self._spoken_of.get(task, _NOWHERE)
            if not spoken_of_by(task, self.module.parsed) <= ran_in | before:
                return False
            self.again |= ran_in | before
        return True

    def _refresh(self) -> None:
        """Let what is live be come to by the calls of the runs as they are now."""
        for task in self.run.redone:
            for activation, call in task.calls.items():
                via = self.live.get(activation)
                if via is not None and via.parent is task:
                    self.live[activation] = Via(task, call)

    def _perhaps_few_enough(self) -> set[FunctionScope]:
        """Functions with fewer ways of calling them than when there were too many."""
        run = self.run
        widened = run.widened
        if not widened:
            return set()
        counts = Counter(scope for scope, _ in {key for task in self.live for key in task.asked})
        fewer = {s for s, before in widened.items() if counts[s] < min(before, run.most_ways(s))}
        widened.update((scope, counts[scope]) for scope in widened)
        return fewer

    def _start_over(self) -> None:
        self.run.start_over()
        self.run.frame = self.module.frame
        self.module.names = {}
        self.live, self._flows, self._roots = {}, Flows(self.module.frame), {}
        self._is_explored = False
        for piece in self.module.pieces:
            for scope in piece.scopes:
                scope.forget_users()
                if isinstance(scope, FunctionScope):
                    scope.head.forget_users()
                    scope.telling.forget_users()

    # What it did not lead to

    def _rest(self, covered: set[Scope], called: set[object]) -> Iterator[Task]:
        run = self.run
        scopes = [scope for piece in self.module.pieces for scope in piece.scopes]
        chosen = self._interest.functions
        for scope in scopes:
            if isinstance(scope, ClassScope) and not scope.nested:
                for name in _MAKERS:  # they make what methods use
                    method = scope.methods.get(name)
                    if method in chosen and method not in covered:
                        yield self._method(scope, name)
        made = [(task, data) for task in self._flows.order for data in task.left_transformed]
        for flow_, data in reversed(made):  # `jit(vmap(f))` before `vmap(f)`
            last = site(data.transformations[-1])
            if (data.scope, last) not in called:
                key = "made", flow_, data.scope, last
                yield self._root(key, lambda data=data: functions.run_generic(run, data))
        for flow_ in self._flows.order:
            for node, data in flow_.left_pending:
                if run.scopes.functions[node] not in covered:
                    key = "lambda", node
                    yield self._root(key, lambda data=data: functions.run_generic(run, data))
        for scope in scopes:
            if isinstance(scope, ClassScope):
                if scope.nested:
                    continue
                for name, expression in scope.assigned.items():
                    if expression is not None:
                        work = partial(run_assigned, run, scope, name)
                        yield self._root(("assigned", scope, name), work)
                for name, method in scope.methods.items():
                    if method in chosen and method not in covered:
                        yield self._method(scope, name)
            elif is_function_of_module(scope) and scope in chosen and scope not in covered:
                yield self._root(("function", scope), partial(run_function, run, scope))
        for call in self.incoming:  # last: what leads out of the file does not follow from it
            work = partial(incoming.run_call, run, self.module, call)
            yield self._root(("incoming", call), work)

    def _method(self, owner: ClassScope, name: str) -> Root:
        run = self.run
        return self._root(("method", owner, name), lambda: functions.run_method(run, owner, name))

    def _root(self, key: object, work: Callable[[], object]) -> Root:
        run = self.run
        task = self._roots.get(key)
        if task is None:
            task = self._roots[key] = Root(key)
        task.work = work
        if task.checked < 0:
            pass
        elif task not in run.suspects or not self._changed(task):
            task.checked = run.revision
            return task
        self._execute(task, self.module.outside(), work)
        return task

    # Tasks

    def _execute(self, task: Root | Flow, frame: Frame, work: Callable[[], object]) -> None:
        """Run a task; a failure of ours loses only what the task would have seen."""
        run = self.run
        before, task.uses = task.uses, {}
        shape = None
        if task.stamp:  # it ran before
            shape = shape_of_task(task, run.made)
            task.clear()
        try:
            self._persist(lambda: run.perform(task, frame, work), task)
        except RecursionError:  # more than one statement is nested deeper than Python's stack
            run.exhaust()
            task.limits = (*task.limits, Limit("stack", None))
        except Exception as error:  # a defect of ours: what was seen before it still counts
            self.crashes.append(f"the analysis failed: {error!r}")
        run.connect(task, before)
        task.release()
        task.checked = run.revision
        run.stamp += 1
        task.stamp = run.stamp
        run.note_redone(task, shape)

    def _changed(self, task: Task) -> bool:
        found: list[bool] = []
        self._persist(lambda: found.append(memo.has_changed(self.run, task)), None)
        return found[-1]

    def _persist(self, work: Callable[[], object], task: Task | None) -> None:
        """Do work, running calls that are nested too deeply on their own first."""
        while True:
            try:
                work()
                return
            except DeeperError as deeper:
                self._dive(deeper.task)
                if task is not None:
                    task.uses = {}
                    task.clear()

    def _dive(self, task: Task) -> None:
        run, waiting = self.run, [task]
        while waiting:
            run.provisional.clear()
            run.drafts.clear()
            try:
                memo.run_alone(run, waiting[-1])
                waiting.pop()
            except DeeperError as deeper:
                waiting.append(deeper.task)

    def _reach(self, root: Task, covered: set[Scope], called: set[object]) -> None:
        """Add a root, and all that it calls, to what is live."""
        live = self.live
        live[root] = None
        covered |= root.covers
        called |= root.called
        waiting: list[tuple[Task, Iterator[tuple[Activation, Call]]]]
        waiting = [(root, iter(root.calls.items()))]
        while waiting:
            parent, calls = waiting[-1]
            for activation, call in calls:
                if activation not in live:
                    live[activation] = Via(parent, call)
                    covered |= activation.covers
                    called |= activation.called
                    waiting.append((activation, iter(activation.calls.items())))
                    break
            else:
                waiting.pop()

    def _forget(self) -> None:
        """Drop what nothing leads to any more."""
        run = self.run
        for key in [key for key, task in self._roots.items() if task not in self.live]:
            self._roots.pop(key).forget()
        dead = [a for a in run.memo.values() if a not in self.live and not a.users]
        for activation in dead:
            activation.forget()
            run.counts[activation.scope] -= 1
            if not run.counts[activation.scope]:
                del run.counts[activation.scope]  # so that a function that is gone is not kept
            del run.memo[activation.key]


def chunks_of(task: Task, numbers: Mapping[Chunk, int]) -> set[int]:
    """The chunks of the file in which a task ran code."""
    found = {numbers.get(scope.piece.chunk) for scope in task.covers}
    if isinstance(task, Flow):
        found.add(numbers.get(task.chunk))
    return {number for number in found if number is not None}


def spoken_of_by(task: Task, parsed: ParsedModule) -> AbstractSet[int]:
    """The chunks of the file whose derivatives a task saw taken, wherever it ran code."""
    if "derivatives" not in task.events.kinds:
        return _NOWHERE
    nodes = (seen.node for seen in task.events.derivatives)
    return {parsed.number_of(node) for node in nodes if parsed.owns(node)}

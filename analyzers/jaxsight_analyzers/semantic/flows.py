"""The module's own code, chunk by chunk: what of it runs again after an edit.

While the state is what it was the last time, chunks that nothing calls in doubt are passed over,
without even looking at them. A chunk that is new or in doubt runs on the state before it, which is
put together from what the chunks before it left; where it leaves what was left there before, the
rest is as it was.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.signatures import site
from jaxsight_analyzers.semantic.slots import Slots, left_by, mentioned, restore, slots
from jaxsight_analyzers.semantic.states import State
from jaxsight_analyzers.semantic.tasks import Task
from jaxsight_analyzers.semantic.values import FunctionData
from jaxsight_analyzers.syntax.ends import same_ends

if TYPE_CHECKING:
    from jaxsight_analyzers.syntax.chunks import Chunk

_APART = 32  # chunks from one remembered state to the next
_NOTHING: frozenset[str] = frozenset()


class Flow(Task):
    """Runs the module's own code in one chunk, on the state that the chunks before it leave."""

    __slots__ = (
        "after",
        "before",
        "chunk",
        "left_made",
        "left_pending",
        "left_transformed",
        "names",
        "stamp",
    )

    def __init__(self, chunk: Chunk) -> None:
        super().__init__()
        self.stamp = 0
        self.before: Slots | None = None
        self.after: Slots | None = None
        self.left_transformed: list[FunctionData] = []
        self.left_made: list[object] = []  # each of these functions, and by which application
        self.left_pending: list[tuple[ast.AST, FunctionData]] = []
        self.take(chunk)

    def take(self, chunk: Chunk) -> None:
        """Stand for a chunk that was parsed anew."""
        self.chunk = chunk
        self.names = frozenset(mentioned(chunk.body))
        self.before = None


class Hands(NamedTuple):
    """What does the work."""

    work: Callable[[Chunk], None]  # runs the code of a chunk
    run: Callable[[Flow, Callable[[], None]], None]  # does work as a task
    in_doubt: Callable[[Flow], bool]  # whether a task's answers are others now


class Flows:
    """The chunks of a module in order, and states of the module between them."""

    def __init__(self, frame: Frame) -> None:
        self.order: list[Flow] = []
        self._frame = frame
        self._states: list[tuple[State, tuple[str, ...]]] = []  # before every so many chunks
        self._hands: Hands

    def update(self, chunks: tuple[Chunk, ...], suspects: set[Task], hands: Hands) -> None:
        """Run what has to run for these chunks. What is gone is forgotten."""
        self._hands = hands
        try:
            self._update(chunks, suspects)
        finally:
            del self._hands  # they belong to what holds this

    def _update(self, chunks: tuple[Chunk, ...], suspects: set[Task]) -> None:
        old = self.order
        start, end = same_ends([flow.chunk for flow in old], chunks)
        if len(old) == len(chunks):
            left = [_Left(flow) for flow in old[start : len(old) - end]]
            doubtful = self._renewed(chunks, start, len(old) - end)
        else:
            left = [_Left(flow) for flow in old[start : len(old) - end]]
            doubtful = self._replaced(chunks, start, end)
        doubtful |= {n for n, flow in enumerate(self.order) if flow.volatile or flow in suspects}
        self._pass(sorted(doubtful), start, len(self.order) - end, left)

    def _renewed(self, chunks: tuple[Chunk, ...], start: int, stop: int) -> set[int]:
        """Chunks that take the places of others: those that are not the same."""
        found: set[int] = set()
        for number in range(start, stop):
            flow = self.order[number]
            if flow.chunk.body is chunks[number].body:
                flow.chunk = chunks[number]  # only what nobody reads is another in it, if anything
            else:
                flow.take(chunks[number])
                found.add(number)
        return found

    def _replaced(self, chunks: tuple[Chunk, ...], start: int, end: int) -> set[int]:
        """More or fewer chunks than there were: those that are new."""
        gone = self.order[start : len(self.order) - end]
        known = {flow.chunk: flow for flow in gone}
        new = [known.pop(chunk, None) or Flow(chunk) for chunk in chunks[start : len(chunks) - end]]
        for flow in known.values():
            flow.forget()
        self.order[start : len(self.order) - end] = new
        return set(range(start, start + len(new)))

    def _pass(self, doubtful: list[int], start: int, stop: int, left: list[_Left]) -> None:
        """Run the doubtful chunks in order; from where the state is another than before, look at all."""
        del self._states[(doubtful[0] if doubtful else len(self.order)) // _APART + 1 :]
        last = 0
        waiting = [(number, start <= number < stop) for number in doubtful]
        if start == stop and left:  # nothing stands in the place of what is gone
            waiting = sorted([*waiting, (start, True)], key=lambda one: (one[0], not one[1]))
        for number, replaced in waiting:
            if number < last or (not replaced and self._stands(number)):
                continue
            first, last = (start, stop) if replaced else (number, number + 1)
            before = left if replaced else [_Left(self.order[number])]
            self._go_to(first)
            if not self._is_as_before(first, last, before):
                self._look_at_all(last)
                return

    def _stands(self, number: int) -> bool:
        """Whether a chunk leaves what it left, as long as those before it do."""
        flow = self.order[number]
        if flow.volatile or flow.before is None:
            return False
        return not self._hands.in_doubt(flow)

    def _is_as_before(self, first: int, last: int, left: list[_Left]) -> bool:
        """Run some chunks: whether they leave what was left there before."""
        frame = self._frame
        entry, guards = frame.state.copy(), frame.guards
        names = _NOTHING.union(
            *[one.names for one in left], *[flow.names for flow in self.order[first:last]]
        )
        for flow in self.order[first:last]:
            self._visit(flow)
        now, state, now_guards = slots(frame, names), frame.state, frame.guards
        known = all(one.after is not None for one in left)
        frame.state, frame.guards = entry, guards
        for one in left if known else ():
            assert one.after is not None
            restore(frame, one.names, one.after)
        before = slots(frame, names)
        frame.state, frame.guards = state, now_guards
        return known and now.same(before)

    def _look_at_all(self, first: int) -> None:
        del self._states[first // _APART + 1 :]
        for number in range(first, len(self.order)):
            self._remember(number)
            self._visit(self.order[number])

    def _go_to(self, number: int) -> None:
        """Put the state before a chunk together from what those before it left."""
        frame = self._frame
        if not self._states:
            self._states.append((State({}, {}), ()))
        nearest = min(number // _APART, len(self._states) - 1)
        state, frame.guards = self._states[nearest]
        frame.state = state.copy()
        for position in range(nearest * _APART, number):
            self._remember(position)
            flow = self.order[position]
            if flow.before is None or flow.after is None:
                self._visit(flow)
            else:
                restore(frame, flow.names, flow.after)
        self._remember(number)

    def _remember(self, number: int) -> None:
        if number % _APART == 0 and len(self._states) == number // _APART:
            self._states.append((self._frame.state.copy(), self._frame.guards))

    def _visit(self, flow: Flow) -> None:
        """Run a chunk, unless all that it sees is what it saw."""
        frame = self._frame
        before = slots(frame, flow.names)
        known = flow.before is not None and not flow.volatile and flow.before.same(before)
        if known and not self._hands.in_doubt(flow):
            assert flow.after is not None
            restore(frame, flow.names, flow.after)
            return
        entry, first = frame.state.copy(), [frame.state]

        def work() -> None:
            frame.state = first.pop() if first else entry.copy()  # it may have to begin anew
            frame.guards = before.guards
            self._hands.work(flow.chunk)

        self._hands.run(flow, work)
        flow.left_transformed = left = flow.transformed.pop(frame, [])
        flow.left_made = [(data.scope, site(data.transformations[-1])) for data in left]
        flow.left_pending = [(node, data) for node, (data, _) in flow.pending.items()]
        flow.pending.clear()
        flow.release()
        after = left_by(frame, flow.names, entry.consumed, flow.after)
        flow.before, flow.after = before, after


class _Left:
    """What a chunk left before an edit."""

    __slots__ = ("after", "names")

    def __init__(self, flow: Flow) -> None:
        self.names = flow.names
        self.after = flow.after

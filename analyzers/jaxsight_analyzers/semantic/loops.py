"""Loops and comprehensions: a body is run twice, the second time with what the first left."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import NamedTuple

from jaxsight_analyzers.semantic import (
    assignments,
    counting,
    expressions,
    flow,
    iteration,
    key_arrays,
    limits,
)
from jaxsight_analyzers.semantic.keys import Loop
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.states import State, join_states, renewed, replaced_keys
from jaxsight_analyzers.semantic.structures import items_of
from jaxsight_analyzers.semantic.values import NEVER, UNKNOWN, Kind, Value, constant, truth_of

_PASSES = 2
_MOST_EXACT = 4


def for_statement(run: Run, node: ast.For | ast.AsyncFor) -> None:
    """Run a `for` loop."""
    iterable = run.evaluate(node.iter)
    counted = counting.counted(run, iterable, node.iter)
    items = items_of(iterable)
    passes = iteration.passes_over(iterable)
    binding = iteration.Binding(node.target, node.body, passes is not None)

    def step(number: int) -> None:
        item = iteration.item_of(run, iterable, node.iter, number, binding)
        assignments.bind(run, node.target, item)

    loop, leaves, last = _loop(run, node, node.body, step, may_skip=not items, passes=passes)
    if counted is not None and isinstance(node, ast.For):
        counting.note_loop(run, node, counted, last, leaves)
    key_arrays.used_in_all_passes(run, loop, iterable.kind is Kind.KEYS and not leaves)
    flow.run_body(run, node.orelse)


def while_statement(run: Run, node: ast.While) -> None:
    """Run a `while` loop."""
    value = UNKNOWN

    def step(number: int) -> None:
        nonlocal value
        value = run.evaluate(node.test)
        if truth_of(value) is None:
            expressions.note_branch(run, node, node.test, "while", value)

    known = isinstance(node.test, ast.Constant)
    if known and not truth_of(constant(node.test.value)):  # type: ignore[attr-defined]
        flow.run_body(run, node.orelse)
        return
    _loop(run, node, node.body, step, may_skip=not known)
    flow.run_body(run, node.orelse)


def _passes(run: Run, node: ast.AST) -> range:
    if len(run.frame.loops) < limits.MAX_LOOPS:
        return range(_PASSES)
    limits.note(run, "loops", node)
    return range(1)


def _loop(
    run: Run,
    node: ast.AST,
    body: Sequence[ast.stmt],
    step: Callable[[int], None],
    *,
    may_skip: bool,
    passes: int | None = None,
) -> tuple[Loop, bool, State]:
    """Run a loop; whether a `break` leaves it early, and the state at the end of its last pass."""
    frame = run.frame
    entry = frame.state.copy()
    counted = _passes(run, node) if passes is None else range(passes)
    loop = Loop(node)
    outer = frame.loops
    frame.breaks.append([])
    frame.continues.append([])
    last = entry
    for count in counted:
        frame.loops = (*outer, (loop, count))
        step(count)
        flow.run_body(run, body)
        for state in frame.continues[-1]:
            frame.state = join_states(frame.state, state)
        frame.continues[-1].clear()
        frame.state.conditions = entry.conditions
        last = frame.state
        if last.dead:
            break
        frame.state = last.copy()
    frame.loops = outer
    frame.continues.pop()
    after = frame.breaks.pop()
    state = (
        frame.state if not may_skip else join_states(frame.state, _kept_uses(entry, frame.state))
    )
    for other in after:
        state = join_states(state, other)
    frame.state = state
    return loop, bool(after), last


def _kept_uses(entry: State, after: State) -> State:
    """A loop that may run no times. That it runs is the rule, so what it uses up stays certain."""
    if after.dead:
        return entry
    state = entry.copy()
    state.names.update(renewed(entry, after))
    for name, value in entry.names.items():
        if value.kind is Kind.SERIES and value.data is NEVER:  # that it is filled is the rule, too
            state.names[name] = after.names.get(name, value)
    replaced = replaced_keys(entry, after)
    state.consumed = {t: use for t, use in after.consumed.items() if t not in replaced}
    state.consumed.update(entry.consumed)
    return state


def break_statement(run: Run, node: ast.Break) -> None:
    """Leave a loop."""
    if run.frame.breaks:
        run.frame.breaks[-1].append(run.frame.state.copy())
    run.frame.state.dead = True


def continue_statement(run: Run, node: ast.Continue) -> None:
    """Go on with the next iteration."""
    if run.frame.continues:
        run.frame.continues[-1].append(run.frame.state.copy())
    run.frame.state.dead = True


_MOST_NESTED = 3  # loops around a comprehension that is followed item by item


class Passes(NamedTuple):
    """What the elements of a comprehension are in each pass over it; `exact`: there are no other passes."""

    values: list[list[Value]]
    exact: bool


def _number_of_passes(generators: list[ast.comprehension], first: Value) -> int | None:
    """How often a comprehension runs over few known items; None where that is not known."""
    items = items_of(first)
    if items is None or len(generators) > 1 or generators[0].ifs:
        return None
    return len(items) if 0 < len(items) <= _MOST_EXACT else None


def comprehension(
    run: Run,
    node: ast.expr,
    generators: list[ast.comprehension],
    elements: Sequence[ast.expr],
) -> Passes:
    """A comprehension: a loop whose names are its own."""
    frame = run.frame
    before = dict(frame.state.names)
    iterables = [run.evaluate(generators[0].iter)]
    # One that is followed item by item in each of these loops would double with each.
    nested = len(frame.loops) >= _MOST_NESTED
    exact = None if nested else _number_of_passes(generators, iterables[0])
    alone = isinstance(node, ast.ListComp) and len(generators) == 1 and not generators[0].ifs
    counted = counting.counted(run, iterables[0], generators[0].iter) if alone else None
    passes = _passes(run, node) if exact is None else range(exact)
    loop = Loop(node)
    outer = frame.loops
    uses = (*elements, *(test for generator in generators for test in generator.ifs))
    values: list[list[Value]] = []
    conditions = frame.state.conditions
    for count in passes:
        frame.loops = (*outer, (loop, count))
        _bind_generators(run, generators, iterables, uses, exact is not None)
        values.append([run.evaluate(element) for element in elements])
    frame.loops = outer
    if counted is not None:
        made = tuple(values[-1]) if values else ()
        counting.note_comprehension(run, node, generators[0].target, elements, counted, made)
    filtered = any(generator.ifs for generator in generators)
    sure = not filtered and len(iterables) == 1 and iterables[0].kind is Kind.KEYS
    key_arrays.used_in_all_passes(run, loop, sure)
    _forget_targets(frame.state.names, generators, before)
    frame.state.conditions = conditions
    return Passes(values, exact is not None)


def _bind_generators(
    run: Run,
    generators: list[ast.comprehension],
    iterables: list[Value],
    uses: Sequence[ast.expr],
    exact: bool,
) -> None:
    """Give the names of a comprehension what they are in this pass; inner iterables are evaluated in the first."""
    _, count = run.frame.loops[-1]
    for position, generator in enumerate(generators):
        if position >= len(iterables):
            iterables.append(run.evaluate(generator.iter))
        binding = iteration.Binding(generator.target, uses, exact)
        item = iteration.item_of(run, iterables[position], generator.iter, count, binding)
        assignments.bind(run, generator.target, item)
        for test in generator.ifs:
            value = run.evaluate(test)
            if truth_of(value) is None:
                expressions.note_branch(run, test, test, "comprehension", value)


def _forget_targets(
    names: dict[str, Value], generators: list[ast.comprehension], before: dict[str, Value]
) -> None:
    """The names of a comprehension are its own: outside of it they are what they were before."""
    for generator in generators:
        for target in ast.walk(generator.target):
            if isinstance(target, ast.Name):
                names.pop(target.id, None)
                if target.id in before:
                    names[target.id] = before[target.id]

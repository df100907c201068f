"""How tasks are asked for: from memory where they still hold, else by running them.

Recursion ends in a fixpoint. The first answer to a call that is under way is "never returns"; the
function runs again with what came of that, until nothing changes. A recursive call with other kinds
of arguments returns something unknown. What was worked out from an
answer that was not final is dropped, and worked out again once it is: so no result depends on
where a cycle was entered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import functions, limits, module, signatures
from jaxsight_analyzers.semantic.checks import Checks
from jaxsight_analyzers.semantic.contexts import Summary
from jaxsight_analyzers.semantic.shapes import shape_of_task
from jaxsight_analyzers.semantic.tasks import (
    IDLE,
    RUNNING,
    Activation,
    Call,
    DeeperError,
    Draft,
    Task,
)
from jaxsight_analyzers.semantic.values import NEVER, UNKNOWN, Origin, Value

if TYPE_CHECKING:
    import ast

    from jaxsight_analyzers.semantic.module import GlobalName, Module
    from jaxsight_analyzers.semantic.run import Run

_ROUNDS = 3


def value_of_name(run: Run, home: Module, name: str, /) -> Value | None:
    """What a name of a module stands for; None if the module does not bind it."""
    task = home.names.get(name)
    if task is None:
        task = home.names[name] = module.GlobalName(home, name)
    run.task.uses[task] = None
    if task.checked != run.revision:
        if task.state == RUNNING:
            run.task.follow(task, task.index)
        else:
            _settle_name(run, task)
    return task.value


def demand(
    run: Run, activation: Activation, node: ast.AST, parameters: dict[str, Value]
) -> Summary | None:
    """What a call does to its caller; None where that is not known."""
    task = run.task
    outer = run.running.get(activation.scope)
    if outer is not None and activation.state != RUNNING:
        task.follow(run.stack[outer], outer)
        return None  # a recursive call in another way
    task.uses[activation] = None
    if activation not in task.calls:
        origins: dict[str, Origin | None] = {
            name: value.origin for name, value in parameters.items() if value.origin is not None
        }
        task.calls[activation] = Call(run.frame, node, origins)
    return ask(run, activation)


def ask(run: Run, activation: Activation) -> Summary | None:
    """The summary of an activation: what stands so far, while it is running."""
    if activation.state == RUNNING:
        activation.reused = True
        run.task.follow(activation, activation.index)
        return activation.approximation
    if activation.checked == run.revision and activation.summary is not None:
        return activation.summary
    draft = run.drafts.get(activation)
    if draft is not None and draft.stands:
        run.task.follow_all(activation)
        return draft.summary
    return _settle(run, activation)


def run_alone(run: Run, task: Task) -> None:
    """Work out what is nested too deeply where it was asked for."""
    if isinstance(task, Activation):
        run.perform(Task(), task.scope.home.outside(), lambda: ask(run, task))
    elif isinstance(task, module.GlobalName):
        run.perform(
            Task(), task.module.outside(), lambda: value_of_name(run, task.module, task.name)
        )


def _settle(run: Run, activation: Activation) -> Summary | None:
    if activation.state == IDLE and activation.summary is not None and activation.checked >= 0:
        still = _still_holds(run, activation)
        if still or activation.checked == run.revision:
            return activation.summary
    if run.budget.is_spent(own=run.is_own(activation)):
        limits.note_budget(run, activation.scope)
        return None
    return _compute(run, activation)


def _settle_name(run: Run, task: GlobalName) -> None:
    known = task.checked >= 0 and task.state == IDLE
    if (known and _still_holds(run, task)) or task.checked == run.revision:
        return
    before = task.value, task.uses
    checks, run.checks = run.checks, Checks()
    task.state, task.index = RUNNING, len(run.stack)
    task.uses = {}
    task.clear()
    try:
        found = run.perform(task, task.module.outside(), lambda: module.evaluate_name(run, task))
    except BaseException:
        task.state, task.value, task.uses, task.checked = IDLE, *before, -1
        raise
    finally:
        run.checks = checks
    task.state = IDLE
    run.connect(task, before[1])
    task.release()
    if task.lowest < task.index:  # it follows from an answer that is not final
        run.task.follow_all(task)
        task.close()
        task.value = found
        return
    task.close()
    old = before[0]
    if old is not None and found is not None and _same(old, found):
        task.value = old
    else:
        task.value = found
        if old is not found or task.changed < 0:
            task.changed = run.revision
    task.checked = run.revision
    _finish_provisional(run, task.index, task)


def _same(one: Value, other: Value) -> bool:
    return signatures.signature(one) == signatures.signature(other)


def _still_holds(run: Run, task: Activation | GlobalName) -> bool:
    """Whether a result is what it was, as far as is known now."""
    if task not in run.suspects:
        task.checked = run.revision
        return True
    return run.checks.holds(run, task, has_changed)


def has_changed(run: Run, task: Task) -> bool:
    """Whether an answer that a task was given is another now."""
    if not run.changed_inputs.isdisjoint(task.uses):
        return True
    checks = run.checks
    for used in tuple(task.uses):
        if used not in run.suspects or not isinstance(used, (Activation, module.GlobalName)):
            continue
        if used.state == RUNNING:
            return True  # a cycle: it is entered anew
        if used.checked != run.revision:
            if checks.assumes(used):
                continue
            if used.state != IDLE:
                return True  # what runs now was asked for by what is looked at
            if isinstance(used, Activation):
                if not used.is_known or _settle(run, used) is None or not used.is_known:
                    return True
            else:
                _settle_name(run, used)
                if used.checked != run.revision:
                    return True  # its value follows from an answer that is not final
        if task.checked == run.revision:
            return False  # it was worked out on the way
        if used.changed == run.revision:
            return True
    return False


def _compute(run: Run, activation: Activation) -> Summary | None:
    if len(run.stack) >= run.nesting:
        raise DeeperError(activation)
    run.budget.spend(own=run.is_own(activation))
    before, caller = activation.uses, run.task
    checks, run.checks = run.checks, Checks()
    shape = shape_of_task(activation, run.made) if activation.changed >= 0 else None
    activation.state, activation.index = RUNNING, len(run.stack)
    outermost = run.running.setdefault(activation.scope, activation.index) == activation.index
    try:
        summary = _fixpoint(run, activation)
    except BaseException:
        activation.state, activation.summary, activation.checked = IDLE, None, -1
        activation.uses = before
        raise
    finally:
        run.checks = checks
        if outermost:
            del run.running[activation.scope]
    activation.state = IDLE
    run.connect(activation, before)
    activation.release()
    if activation.lowest < activation.index:
        caller.follow_all(activation)
        activation.summary = None
        run.provisional.append(activation)
        run.drafts[activation] = Draft.of(activation, summary)
        return summary
    activation.close()
    signature = signatures.summary_signature(summary), signatures.of_writes(activation)
    if activation.changed < 0 or signature != activation.signature:
        activation.changed = run.revision
    activation.signature = signature
    activation.summary = summary
    activation.checked = run.revision
    run.stamp += 1
    activation.stamp = run.stamp
    if shape is not None:
        run.note_redone(activation, shape)
    _finish_provisional(run, activation.index, activation)
    return summary


def _fixpoint(run: Run, activation: Activation) -> Summary:
    """Run until a recursive call returns what the run itself does."""
    summary = activation.approximation = Summary(NEVER, {}, (), None)
    last: object = None
    for number in range(_ROUNDS):
        activation.reused = False
        activation.uses = {}
        activation.clear()
        summary = functions.execute(run, activation)
        if not activation.reused or activation.lowest < activation.index:
            break  # in the second case the cycle is entered further out, and is followed there
        signature = signatures.summary_signature(summary)
        if number and signature == last:
            break
        last = signature
        widened = summary._replace(returned=UNKNOWN)
        activation.approximation = summary if number == 0 else widened
    activation.approximation = None
    if summary.returned is NEVER and activation.lowest >= activation.index:
        summary = summary._replace(returned=UNKNOWN)
    return summary


def _finish_provisional(run: Run, index: int, task: Task) -> None:
    """Work out again what was worked out from an answer of this task that was not final."""
    if not run.provisional or task.lowest < index:
        return
    waiting = [activation for activation in run.provisional if activation.lowest >= index]
    run.provisional = [activation for activation in run.provisional if activation.lowest < index]
    for activation in waiting:
        run.drafts.pop(activation, None)
        activation.close()
    for activation in waiting:
        if activation.checked != run.revision or activation.summary is None:
            ask(run, activation)

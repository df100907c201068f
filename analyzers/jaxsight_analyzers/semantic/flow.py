"""Statements: what holds before, after and between them, path by path.

A path's state is copied where paths part and joined where they meet. A loop's body is run twice,
so that its second pass sees what the first left behind; that is where a key that every iteration
uses shows.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import (
    annotations,
    arithmetic,
    assignments,
    bounds,
    calls,
    checkpoints,
    containers,
    decorators,
    dropped,
    effects,
    expressions,
    homes,
    import_statements,
    limits,
    linen_classes,
    linen_needs,
    loops,
    meshes,
    narrowing,
    patterns,
    promotions,
    purpose,
    transformations,
)
from jaxsight_analyzers.semantic.donated import without
from jaxsight_analyzers.semantic.keys import Condition
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.states import State, join_states
from jaxsight_analyzers.semantic.structures import parts_of
from jaxsight_analyzers.semantic.trees import TRIES, is_for_typing
from jaxsight_analyzers.semantic.values import (
    MISSING,
    STATIC,
    UNKNOWN,
    FunctionData,
    Kind,
    Value,
    constant,
    function_of,
    truth_of,
)


def run_body(run: Run, body: Sequence[ast.stmt]) -> None:
    """Run statements one after another, until the path ends."""
    back = limits.footing(run)
    for statement in body:
        state = run.frame.state
        if state.dead:
            return
        handler = _HANDLERS.get(type(statement))
        if handler is not None:
            try:
                handler(run, statement)
            except RecursionError:  # of Python's stack
                for name in limits.leave_out(run, back, state, statement):
                    assignments.bind_name(run, name, UNKNOWN)


# Paths


def condition(run: Run, test: ast.expr, truth: bool) -> Condition:
    """A test as a mark on a path."""
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, truth = test.operand, not truth
    known = run.test(test)
    return Condition(known, tuple([run.lookup(name) for name in known.names]), truth)


class branch:  # noqa: N801 - used as a function is
    """A path of its own, on which a test is true or false; the state before is restored after."""

    __slots__ = ("_before", "_counts", "_frame", "_guards", "_run", "_test", "_truth")

    def __init__(self, run: Run, test: ast.expr, truth: bool) -> None:
        self._run, self._test, self._truth = run, test, truth

    def __enter__(self) -> None:
        run, test = self._run, self._test
        frame = self._frame = run.frame
        before = self._before = frame.state
        state = frame.state = before.copy()
        state.conditions = (*before.conditions, condition(run, test, self._truth))
        self._counts = linen_needs.may_be_left_out(run, test, self._truth)
        frame.branching += self._counts
        guards = self._guards = frame.guards
        frame.guards = (*guards, *run.test(test).guards)
        if frame.traced and _is_missing(run, test, self._truth):
            frame.guards = (*frame.guards, "missing")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            frame = self._frame
            frame.guards = self._guards
            frame.branching -= self._counts
            self._run.branch_end = frame.state
            frame.state = self._before


def _is_missing(run: Run, test: ast.expr, truth: bool) -> bool:
    """Whether a path is for a name that is None, of which nothing is known: its callers may all give it."""
    if not isinstance(test, ast.Compare) or not isinstance(test.left, ast.Name):
        return False
    wanted = ast.Is if truth else ast.IsNot
    with_none = isinstance(test.comparators[0], ast.Constant) and test.comparators[0].value is None
    if len(test.ops) != 1 or not isinstance(test.ops[0], wanted) or not with_none:
        return False
    value = run.lookup(test.left.id)
    return value.kind is Kind.UNKNOWN or (value.kind is Kind.STATIC and value.data is MISSING)


def meet(run: Run, one: State, other: State) -> None:
    """Go on where two paths meet."""
    run.frame.state = join_states(one, other)


def _if(run: Run, node: ast.If) -> None:
    _branches(run, node, "if")


def _branches(run: Run, node: ast.If, kind: str) -> None:
    test = run.evaluate(node.test)
    known = truth_of(test)
    if known is not None:
        run_body(run, node.body if known else node.orelse)
        return
    if is_for_typing(node):
        run_body(run, node.body)  # names that only annotations may use
        run_body(run, node.orelse)
        return
    expressions.note_branch(run, node, node.test, kind, test)
    with branch(run, node.test, True):
        narrowing.narrow(run, node.test, True)
        run_body(run, node.body)
    first = run.branch_end
    with branch(run, node.test, False):
        narrowing.narrow(run, node.test, False)
        if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If) and _is_elif(node):
            _branches(run, node.orelse[0], "elif")
        else:
            run_body(run, node.orelse)
    second = run.branch_end
    if first.dead != second.dead:
        frame = run.frame
        frame.guards = (*frame.guards, *(g for g in run.test(node.test).guards if g == "tracer"))
    meet(run, first, second)


def _is_elif(node: ast.If) -> bool:
    """Whether the `else` of an `if` is an `elif`: it starts in the column of the `if`."""
    return node.orelse[0].col_offset == node.col_offset


# Assignments


def _assign(run: Run, node: ast.Assign) -> None:
    value = run.evaluate(node.value)
    alias = homes.home_of_object(run, node.value)
    for target in node.targets:
        assignments.bind(run, target, value, node)
        if alias is not None and isinstance(target, ast.Name):
            run.frame.state.homes[target.id] = alias


def _annotated_assign(run: Run, node: ast.AnnAssign) -> None:
    run.evaluate(node.annotation)
    if node.value is not None:
        assignments.bind(run, node.target, run.evaluate(node.value), node)


def _augmented_assign(run: Run, node: ast.AugAssign) -> None:
    value = run.evaluate(node.value)
    if isinstance(node.target, ast.Subscript):
        base = effects.changed_object(run, node.target.value)
        index = run.evaluate(node.target.slice)
        effects.stored(run, node.target, base, value)
        if parts_of(base) is not None:
            old = expressions.element_of(run, base, index, node.target)
            new = arithmetic.result(run, old, value, node.op)
            containers.item_set(run, base, index, new)
            assignments.bind_place(run, node.target, new)
        assignments.note_item_assignment(run, node, node.target, base, node.value, node.op)
        return
    old = run.evaluate(node.target)
    effects.added_in_place(run, node, old, value)
    new = arithmetic.result(run, old, value, node.op)
    if Kind.HOST in (old.kind, value.kind) and new.kind is Kind.ARRAY:
        promotions.note(run, node, old, value, [node.target, node.value])
    assignments.bind(run, node.target, new, node)


def _delete(run: Run, node: ast.Delete) -> None:
    for target in node.targets:
        if isinstance(target, ast.Name):
            run.frame.state.names.pop(target.id, None)
        elif isinstance(target, ast.Subscript):
            base = effects.changed_object(run, target.value)
            effects.stored(run, target, base, STATIC)
            containers.item_deleted(run, base, run.evaluate(target.slice))
            assignments.note_item_assignment(run, node, target, base, None, None)


# Other statements


def _expression(run: Run, node: ast.Expr) -> None:
    if isinstance(node.value, ast.Call):
        calls.call(run, node.value, alone=True)
        return
    value = run.evaluate(node.value)
    if isinstance(node.value, ast.Attribute):
        dropped.method_named(run, node.value, value)


def _return(run: Run, node: ast.Return) -> None:
    value = constant(None) if node.value is None else run.evaluate(node.value)
    outside = run.frame.scope is None  # of any function: it is being typed or pasted
    if not (run.frame.state.dead or outside):
        run.frame.leave(without(value) if run.has_donated else value)


def _raise(run: Run, node: ast.Raise) -> None:
    for part in (node.exc, node.cause):
        if part is not None:
            run.evaluate(part)
    run.frame.state.dead = True


def _assert(run: Run, node: ast.Assert) -> None:
    value = run.evaluate(node.test)
    if truth_of(value) is None:
        expressions.note_branch(run, node, node.test, "assert", value)
    if node.msg is not None:
        run.evaluate(node.msg)
    run.frame.state.conditions = (*run.frame.state.conditions, condition(run, node.test, True))
    narrowing.narrow(run, node.test, True)


def _try(run: Run, node: Any) -> None:
    """What the body may have done before it failed, the handlers see as "maybe"."""
    frame = run.frame
    entry = frame.state.copy()
    guards = frame.guards
    if any(_catches(handler) for handler in node.handlers):
        frame.guards = (*guards, "try")
    if any(_names_of(handler) == ["IndexError"] for handler in node.handlers):
        frame.guards = (*frame.guards, bounds.CAUGHT)
    run_body(run, node.body)
    frame.guards = guards
    middle = join_states(entry, frame.state)
    run_body(run, node.orelse)
    after = frame.state
    for handler in node.handlers:
        frame.state = middle.copy()
        if handler.type is not None:
            run.evaluate(handler.type)
        if handler.name:
            assignments.bind_name(run, handler.name, UNKNOWN)
        frame.guards = (*guards, "try") if _catches(handler) else guards
        run_body(run, handler.body)
        frame.guards = guards
        after = join_states(after, frame.state)
    frame.state = after
    if node.finalbody:
        if frame.state.dead:
            frame.state = middle.copy()
            run_body(run, node.finalbody)
            frame.state.dead = True
        else:
            run_body(run, node.finalbody)


def _catches(handler: ast.ExceptHandler) -> bool:
    """Whether a handler takes the failures that rules speak of, so that they may be meant."""
    return handler.type is None or any(
        name
        in (
            "Exception",
            "BaseException",
            "ImportError",
            "ModuleNotFoundError",
            "NameError",
            "AttributeError",
            "TypeError",
            "ValueError",
        )
        or name.startswith(("Tracer", "Concretization"))
        for name in _names_of(handler)
    )


def _names_of(handler: ast.ExceptHandler) -> list[str]:
    if handler.type is None:
        return []
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return [ast.unparse(one).rpartition(".")[2] for one in types]


def _with(run: Run, node: ast.With | ast.AsyncWith) -> None:
    frame = run.frame
    guards, constants = frame.guards, frame.constants_traced
    within: set[str | None] = set()
    for item in node.items:
        value = run.evaluate(item.context_expr)
        within.add(_within(value))
        meshes.note(run, item, value)
        checkpoints.note_with(run, item.context_expr, value)
        if purpose.expects_failure(item.context_expr):
            purpose.note(run, node, item.context_expr)
            frame.guards = (*guards, "raises")
        if item.optional_vars is not None:
            itself = isinstance(value.data, checkpoints.Checkpointer)  # is what `with` gives
            same = value.kind in (Kind.INSTANCE, Kind.UNKNOWN) and not itself
            assignments.bind(run, item.optional_vars, UNKNOWN if same else value)
    if "evaluated" in within:
        frame.constants_traced = False
    if "untraced" in within:
        frame.guards = (*frame.guards, "untraced")
    if "handled" in within:
        frame.guards = (*frame.guards, "handler")
    run_body(run, node.body)
    frame.guards, frame.constants_traced = guards, constants


def _within(value: Value) -> str | None:
    """What is otherwise in a `with` statement of a value; a handler of NumPyro waits for its function."""
    data = value.data.facts if isinstance(value.data, transformations.Call) else value.data
    return data.within if isinstance(data, FunctionFacts) else None


def _define(run: Run, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    scope = run.scopes.functions[node]
    for default in (*node.args.defaults, *node.args.kw_defaults):
        if default is not None:
            run.evaluate(default)
    annotations.evaluate(run, node)
    frame = run.frame
    inside = None if frame.module.is_own(frame.environment) else frame.environment
    if inside is not None:
        inside.is_closed_over = True
    data = FunctionData(scope, inside, made_in=frame.mark, passes=frame.loops)
    value = Value(Kind.FUNCTION, data=data)
    for decorator in reversed(node.decorator_list):
        value = decorators.decorate(run, decorator, value)
    if inside is not None:
        run.task.pending.setdefault(node, (function_of(value) or data, run.frame))
    assignments.bind_name(run, node.name, value)


def _class(run: Run, node: ast.ClassDef) -> None:
    run_class_head(run, node)
    run_class_body(run, node.body)


def run_class_head(run: Run, node: ast.ClassDef) -> None:
    """Run what stands around the body of a class, and bind its name."""
    for expression in (*node.bases, *(k.value for k in node.keywords)):
        run.evaluate(expression)
    scope = run.scopes.classes[node]
    if scope.nested:
        run.task.nested_classes.append((scope, run.frame))
    linen_classes.defined(run, scope)
    value = Value(Kind.CLASS, data=scope)
    for decorator in reversed(node.decorator_list):
        decorators.decorate_class(run, decorator, value)
    assignments.bind_name(run, node.name, value)


def run_class_body(run: Run, body: Sequence[ast.stmt]) -> None:
    """Run statements of a class; the names they bind are the class's own."""
    names = dict(run.frame.state.names)
    for statement in body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Expr, ast.If, ast.ClassDef)):
            run_body(run, [statement])
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            annotations.evaluate(run, statement)
            for decorator in statement.decorator_list:
                run.evaluate(decorator)
    run.frame.state.names = names
    run.frame.state.dead = False


_HANDLERS: dict[type[ast.stmt], Callable[[Run, Any], None]] = {
    ast.If: _if,
    ast.For: loops.for_statement,
    ast.AsyncFor: loops.for_statement,
    ast.While: loops.while_statement,
    ast.Match: patterns.match_statement,
    ast.Break: loops.break_statement,
    ast.Continue: loops.continue_statement,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated_assign,
    ast.AugAssign: _augmented_assign,
    ast.Delete: _delete,
    ast.Expr: _expression,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Assert: _assert,
    **dict.fromkeys(TRIES, _try),
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.FunctionDef: _define,
    ast.AsyncFunctionDef: _define,
    ast.ClassDef: _class,
    ast.Import: import_statements.import_modules,
    ast.ImportFrom: import_statements.import_members,
}

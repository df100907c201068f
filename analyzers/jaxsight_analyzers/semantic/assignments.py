"""What gets a value in an assignment: a name, an attribute, an element, or several at once."""

from __future__ import annotations

import ast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import (
    containers,
    effects,
    equinox_modules,
    expressions,
    frozen,
    iteration,
    linen_classes,
    linen_needs,
    members,
    nnx_modules,
    nnx_state,
    optimisers,
    records,
)
from jaxsight_analyzers.semantic.donated import without
from jaxsight_analyzers.semantic.events import ItemAssignmentSeen
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import items_of, sequence
from jaxsight_analyzers.semantic.values import Kind, Value, own


def bind(run: Run, target: ast.expr, value: Value, statement: ast.stmt | None = None) -> None:
    """Give a value to a target: a name, an attribute, an element, or several at once."""
    if run.has_donated and not isinstance(target, ast.Name):
        value = without(value)
    if isinstance(target, ast.Name):
        scope = run.frame.scope
        if scope is not None and target.id in scope.declared:
            effects.rebound(run, target, value)
        bind_name(run, target.id, value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(run, target, value, statement)
    elif isinstance(target, ast.Starred):
        bind(run, target.value, value, statement)
    elif isinstance(target, ast.Subscript):
        base = effects.changed_object(run, target.value)
        index = run.evaluate(target.slice)
        if statement is not None:
            assigned = statement.value if isinstance(statement, ast.Assign) else None
            note_item_assignment(run, statement, target, base, assigned, None)
        effects.stored(run, target, base, value)
        containers.item_set(run, base, index, value)
        bind_place(run, target, value)
    elif isinstance(target, ast.Attribute):
        base = effects.changed_object(run, target.value)
        effects.stored(run, target, base, value)
        linen_needs.stored(run, target, base)
        if base.kind is Kind.INSTANCE or base.data is not None:
            nnx_modules.note_set(run, target, base, value, statement)
            if base.kind is Kind.INSTANCE:
                nnx_state.note_counter(run, target, base, statement)
                equinox_modules.note_set(run, target, base, value, statement)
                frozen.note_set(run, target, base, statement)
        linen_classes.stored(run, target, base)
        bind_place(run, target, value)
        changed = records.with_field(base, target.attr, value)
        if changed is not None:
            containers.replaced(run, base, changed)
        members.note_attribute(run, target, value)


def bind_name(run: Run, name: str, value: Value) -> None:
    """Give a value to a name; what was known of its attributes and elements is gone."""
    state = run.frame.environment.state
    if state.parts:
        state.forget_parts(name)
    state.hold(name, own(value))
    state.homes.pop(name, None)


def forget_parts(run: Run, name: str) -> None:
    """Forget what the attributes and elements of a name hold."""
    if run.frame.state.parts:
        run.frame.state.forget_parts(name)


def bind_place(run: Run, target: ast.Attribute | ast.Subscript, value: Value) -> None:
    place = expressions.place_of(target)
    if place is not None:
        bind_name(run, place, value)


def _unpack(
    run: Run, target: ast.Tuple | ast.List, value: Value, statement: ast.stmt | None
) -> None:
    count = len(target.elts)
    starred = next((i for i, t in enumerate(target.elts) if isinstance(t, ast.Starred)), None)
    value = optimisers.unpacked(value) if count == 2 else value
    items = items_of(value)
    for position, element in enumerate(target.elts):
        if items is not None and starred is None and len(items) == count:
            item = items[position]
        elif items is not None and starred is not None and len(items) >= count - 1:
            after = count - 1 - position
            if position == starred:
                item = sequence(items[starred : len(items) - after])
            else:
                item = items[position] if position < starred else items[len(items) - 1 - after]
        else:
            item = iteration.part_of(run, value, element, position, count, starred)
        bind(run, element, item, statement)


def note_item_assignment(
    run: Run,
    statement: ast.stmt,
    target: ast.Subscript,
    base: Value,
    value: ast.expr | None,
    operator: ast.operator | None,
) -> None:
    if base.kind in (Kind.ARRAY, Kind.KEY, Kind.KEYS) or (
        base.kind is Kind.TREE and base.traced is not Certainty.NO
    ):
        guards = run.guards
        run.events.item_assignments.append(
            ItemAssignmentSeen(statement, target, base, value, operator, run.frame, guards)
        )

"""What a test says of the names in it, on the path on which it holds: `x is None`, `isinstance(x, int)`."""

from __future__ import annotations

import ast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import annotations, expressions, imports
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import items_of
from jaxsight_analyzers.semantic.values import (
    HOST,
    STATIC,
    UNKNOWN,
    Kind,
    Value,
    constant,
    own,
    qualified_of,
    some_of,
)


def narrow(run: Run, test: ast.expr, truth: bool) -> None:
    """What a test says of the names in it: `x is None`, `isinstance(x, int)`."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        narrow(run, test.operand, not truth)
    elif isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) == truth:
        for operand in test.values:
            narrow(run, operand, truth)
    elif isinstance(test, ast.Compare) and len(test.ops) == 1:
        is_none = isinstance(test.comparators[0], ast.Constant) and (
            test.comparators[0].value is None
        )
        place = _tested_place(test.left)
        if is_none and place and isinstance(test.ops[0], _SAME) == truth:
            if place in run.frame.state.names or not place.isidentifier():  # not what others share
                run.frame.state.hold(place, constant(None))
        elif is_none and place and isinstance(test.ops[0], (*_SAME, *_OTHER)):
            _is_something(run, place)
    elif isinstance(test, ast.Call):
        narrowed = _narrow_instance if truth else _narrow_others
        narrowed(run, test)
    elif truth and (place := _tested_place(test)):
        _is_something(run, place)


_SAME = (ast.Is, ast.Eq)
_OTHER = (ast.IsNot, ast.NotEq)


def _tested_place(test: ast.expr) -> str | None:
    """What a test is of; of `(y := f())` it is `y`."""
    return expressions.place_of(test.target if isinstance(test, ast.NamedExpr) else test)


def _is_something(run: Run, place: str) -> None:
    """On this path a value is not None, whichever of its names it is asked by."""
    names = run.frame.state.names
    value = names.get(place)
    if value is None or not value.optional:
        return
    some = some_of(value)
    for name in [name for name, held in names.items() if held is value]:
        names[name] = some


def instance_test(run: Run, value: Value, types: ast.expr) -> Value:
    """`isinstance(x, np.ndarray)`: a tracer is none, nor a number; and it is a `jax.Array`."""
    if value.traced is Certainty.YES and value.kind in (Kind.ARRAY, Kind.TREE):
        kinds = _kinds_of_types(run, types)
        if kinds <= {"static", "host-array"}:
            return constant(False)
    sure = value.kind is Kind.ARRAY and value.traced is not Certainty.MAYBE and not value.optional
    return constant(True) if sure and "array" in _kinds_of_types(run, types) else STATIC


def _tested_instance(test: ast.Call) -> str | None:
    """What `isinstance(x, ...)` is of."""
    asks = isinstance(test.func, ast.Name) and test.func.id == "isinstance"
    return _tested_place(test.args[0]) if asks and len(test.args) == 2 else None


def _narrow_instance(run: Run, test: ast.Call) -> None:
    """After `isinstance(x, (int, str))` `x` is no tracer; after `isinstance(x, jax.Array)` it may be."""
    place = _tested_instance(test)
    if place is None:
        return
    kinds = _kinds_of_types(run, test.args[1])
    if None not in kinds:
        _is_something(run, place)
    value = run.frame.state.names.get(place)
    if value is None:
        return
    if kinds and kinds <= {"static", "host-array"}:
        run.frame.state.hold(place, STATIC if kinds == {"static"} else own(HOST))
    elif value.kind in (Kind.ARRAY, Kind.TREE) and _is_unclear(run, test.args[1], kinds):
        run.frame.state.hold(place, UNKNOWN)
    elif value.kind is Kind.TREE and kinds == {"array"}:
        run.frame.state.names[place] = Value(
            Kind.ARRAY, value.traced, value.origin, concrete=value.concrete, tokens=value.tokens
        )
    elif value.kind is Kind.TREE and "array" not in kinds:
        run.frame.state.names[place] = Value(
            Kind.TREE, value.traced, value.origin, data="container"
        )


def _narrow_others(run: Run, test: ast.Call) -> None:
    """Where `isinstance(x, jax.Array)` does not hold, what may be an array or a container of them is no array."""
    place = _tested_instance(test)
    value = None if place is None else run.frame.state.names.get(place)
    if place is None or value is None or value.optional:
        return
    unclear = value.kind is Kind.TREE or value.traced is Certainty.MAYBE
    if unclear and "array" in _kinds_of_types(run, test.args[1]):
        run.frame.state.hold(place, UNKNOWN)


def _is_unclear(run: Run, types: ast.expr, kinds: set[str | None]) -> bool:
    """Whether nobody knows the types, so that they may be those of what is no tracer."""
    return kinds == {None} and _is_unknown(run, types)


def _kinds_of_types(run: Run, types: ast.expr) -> set[str | None]:
    """What the types of `isinstance(x, types)` are, as annotations are; None for one that says nothing."""
    if isinstance(types, ast.Tuple):
        return {kind for one in types.elts for kind in _kinds_of_types(run, one)}
    kind = annotations.kind_of(run, types)
    value = _value_named(run, types) if kind is None else None
    items = None if value is None else items_of(value)
    if not items:
        return {kind}
    names = [qualified_of(item) for item in items]
    return {None if name is None else run.knowledge.annotation(name) for name in names}


def _is_unknown(run: Run, node: ast.expr) -> bool:
    """Whether nothing is known of what a name, or an attribute of a module, stands for."""
    value = _value_named(run, node)
    return value is None or value.kind is Kind.UNKNOWN


def _value_named(run: Run, node: ast.expr) -> Value | None:
    """What a name, or an attribute of a module, stands for, without recording a reference."""
    if isinstance(node, ast.Name):
        return run.lookup(node.id)
    return (
        imports.global_of(run, run.frame.module, node) if isinstance(node, ast.Attribute) else None
    )

"""Classes of this file: their members and bases, and their instances."""

from __future__ import annotations

import ast
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import cast

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import (
    activations,
    decorators,
    frozen,
    functions,
    imports,
    linen_layers,
    linen_needs,
    members,
    memo,
    qualified_names,
    records,
)
from jaxsight_analyzers.semantic.arguments import Arguments
from jaxsight_analyzers.semantic.described import Described
from jaxsight_analyzers.semantic.joins import join
from jaxsight_analyzers.semantic.parameters import FunctionNode, all_arguments
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope
from jaxsight_analyzers.semantic.signatures import signature
from jaxsight_analyzers.semantic.states import Environment, State
from jaxsight_analyzers.semantic.values import (
    NONE,
    STATIC,
    UNKNOWN,
    FunctionData,
    Kind,
    Value,
    class_of,
    constant_of,
    function_of,
    or_none,
    record_of,
)


def callable_of(run: Run, value: Value) -> FunctionData | None:
    """The function of this file that calling a value runs."""
    if value.kind is Kind.INSTANCE:
        method = member(run, value, "__call__")
        return None if method is None else function_of(method)
    return function_of(value)


def member(run: Run, base: Value, name: str) -> Value | None:
    """An attribute of a class of this file or of an instance of one; None where it is not known."""
    for owner in lineage(run, class_of(base)):
        held = _held(run, base, owner, name)
        if held is not None:
            return held
        found = _defined(run, base, owner, name)
        if found is not None:
            return found
    return None


def _defined(run: Run, base: Value, owner: ClassScope, name: str) -> Value | None:
    """What the body of a class gives to a name."""
    if name in owner.methods:
        return _method(run, base, owner, name)
    expression = owner.assigned.get(name)
    if expression is None:
        return None
    value = run.member(owner, name, _assigned)
    return None if value is UNKNOWN else bound_to(value, base)


def read_property(run: Run, base: Value, name: str, node: ast.AST) -> Value | None:
    """What reading a property gives; None where the attribute is none of this file's."""
    for owner in lineage(run, class_of(base)):
        if name in owner.methods or owner.writers(name):
            if not owner.is_property(name) or base.kind is not Kind.INSTANCE:
                return None
            data = function_of(_undecorated(run, owner, name))
            if data is None or is_stub(data.node):
                return UNKNOWN
            made = replace(data, self_value=base)
            return _overridable(functions.call(run, node, made, Arguments((), {})))
    return None


def _overridable(value: Value) -> Value:
    """What a property gives, when a subclass may give something else of the kind."""
    if value.kind is not Kind.STATIC:
        return value
    return UNKNOWN if constant_of(value) is None else STATIC


def super_of(run: Run, arguments: Arguments) -> Value:
    """`super()` in a method: the object, whose members are looked up above the method's class."""
    if arguments.positional:
        owner = class_of(arguments.positional[0])
        instance = arguments.positional[1] if len(arguments.positional) > 1 else None
    else:
        scope = run.scopes.functions.get(run.frame.node)
        owner = None if scope is None else scope.owner
        first = None if scope is None else next(all_arguments(scope.node.args), None)
        instance = None if first is None else run.frame.state.names.get(first.arg)
    if owner is None or instance is None:
        return UNKNOWN
    return Value(Kind.UNKNOWN, data=("super", instance, owner))


def above(run: Run, start: Value, name: str) -> Value | None:
    """`super().name`; None where the value is not that of `super()`."""
    data = start.data
    if not isinstance(data, tuple) or data[0] != "super":
        return None
    _, instance, owner = cast("tuple[str, Value, ClassScope]", data)
    for base in islice(lineage(run, owner), 1, None):
        found = _defined(run, instance, base, name)
        if found is not None:
            return found
    return UNKNOWN


def base_of(run: Run, owner: ClassScope) -> ClassScope | None:
    """The class of the workspace that a class derives from."""
    for expression in owner.node.bases:
        value = imports.global_of(run, owner.home, expression)
        if value is not None and value.kind is Kind.CLASS:
            return class_of(value)
    return None


def lineage(run: Run, owner: ClassScope | None) -> Iterator[ClassScope]:
    """A class and those of the workspace that it derives from, the nearest first."""
    seen: set[ClassScope] = set()
    while owner is not None and owner not in seen:
        seen.add(owner)
        run.depend(owner)
        yield owner
        owner = base_of(run, owner)


def library_base(run: Run, base: Value) -> str | None:
    """The library's class that the class of an instance derives from, by qualified name."""
    for owner in lineage(run, class_of(base)):
        for expression in owner.node.bases:
            qualified = qualified_names.at(run, owner.home, expression)
            if qualified is not None and not qualified.startswith("builtins."):
                return qualified
    return None


def _method(run: Run, base: Value, owner: ClassScope, name: str) -> Value:
    run.depend(owner.methods[name].head)
    value = run.member(owner, name, _decorated_method)
    data = function_of(value)
    if data is None or owner.is_property(name) or is_stub(data.node):
        return UNKNOWN
    names = decorators.names_of(data.node)
    if "staticmethod" in names:
        return value
    if "classmethod" in names:
        return bound_to(value, Value(Kind.CLASS, data=class_of(base)), always=True)
    return bound_to(value, base)


def bound_to(value: Value, base: Value, *, always: bool = False) -> Value:
    """A function of a class as it is read from an instance: with `self`."""
    data = function_of(value)
    if data is None or data.what == "partial" or not (always or base.kind is Kind.INSTANCE):
        return value
    return Value(
        Kind.FUNCTION, data=replace(data, self_value=base, what=data.what or "bound method")
    )


def is_stub(node: FunctionNode) -> bool:
    """Whether a body says nothing: another class has the one that is meant."""
    if isinstance(node, ast.Lambda):
        return False
    *leading, last = node.body
    if any(not isinstance(s, ast.Expr) or not isinstance(s.value, ast.Constant) for s in leading):
        return False
    return isinstance(last, (ast.Pass, ast.Raise)) or (
        isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant)
    )


def method_as_called(
    run: Run, owner: ClassScope, name: str, environment: Environment | None
) -> FunctionData:
    """A method of a class as one calls it of an object of which no more is known."""
    scope = owner.methods[name]
    instance = Value(Kind.INSTANCE, data=owner)
    value = members.member(run, instance, name)
    data = None if value is None else function_of(value)
    if data is None or data.scope is not scope:
        return FunctionData(scope, environment, instance, what="bound method")
    return data


def _undecorated(run: Run, owner: ClassScope, name: str) -> Value:
    scope = owner.methods[name]
    run.depend(scope.head)
    return Value(Kind.FUNCTION, data=FunctionData(scope, _environment_of(run, owner)))


def _environment_of(run: Run, owner: ClassScope) -> Environment | None:
    """What the methods of a class that is made in a function close over."""
    if not owner.nested:
        return None
    made = [frame for scope, frame in run.task.nested_classes if scope is owner]
    if not made:
        return None
    made[-1].environment.is_closed_over = True
    return made[-1].environment


def _decorated_method(run: Run, owner: ClassScope, name: str) -> Value:
    node = owner.methods[name].node
    value = _undecorated(run, owner, name)
    with _in_class(run, owner, _environment_of(run, owner)):
        for decorator in reversed([] if isinstance(node, ast.Lambda) else node.decorator_list):
            value = decorators.decorate(run, decorator, value)
    return value


def _assigned(run: Run, owner: ClassScope, name: str) -> Value:
    """`step = jax.jit(_step)` in the body of a class; only functions are of interest."""
    expression = owner.assigned[name]
    if not isinstance(expression, (ast.Call, ast.Lambda, ast.Name, ast.Attribute)):
        return UNKNOWN
    names = {method: _undecorated(run, owner, method) for method in owner.methods}
    environment = Environment(_environment_of(run, owner), State(names, {}))
    with _in_class(run, owner, environment):
        value = run.evaluate(expression)
    return value if value.kind is Kind.FUNCTION else UNKNOWN


@contextmanager
def _in_class(run: Run, owner: ClassScope, environment: Environment | None) -> Generator[None]:
    """Evaluate in the body of a class, and not where a member of it is used."""
    frame, inside = run.frame, owner.home.outside()
    if environment is not None:
        inside.environment = environment
    run.frame = inside
    yield
    run.frame = frame


def is_property(run: Run, base: Value, name: str) -> bool:
    """Whether reading an attribute of an instance runs code."""
    owner = class_of(base)
    if owner is None:
        return False
    run.depend(owner)
    return owner.is_property(name)


def instantiate(run: Run, node: ast.Call, class_value: Value, arguments: Arguments) -> Value:
    """Make an instance: its `__init__` runs with the arguments."""
    owner = class_of(class_value)
    if owner is not None:
        frozen.note_made(run, node, owner, arguments)
    made = None if owner is None else records.instance(run, owner, arguments)
    if made is not None:
        return made
    made = None if owner is None else linen_layers.instance(run, node, owner, arguments)
    if made is not None:
        return made
    instance = Value(Kind.INSTANCE, data=owner)
    method = member(run, instance, "__init__")
    data = None if method is None else function_of(method)
    if data is not None:
        made = functions.call(run, node, data, arguments)
        if class_of(made) is owner and made.kind is Kind.INSTANCE:
            return made
    return instance


def note_attribute(run: Run, target: ast.Attribute, value: Value) -> None:
    """Remember `self.step = jax.jit(self._step)`: other methods call it."""
    objects = (FunctionFacts, linen_layers.Layer, linen_needs.Variable, Described)
    known = value.kind in (Kind.FUNCTION, Kind.INSTANCE) or isinstance(value.data, objects)
    if not (known or value is NONE) or not isinstance(target.value, ast.Name):
        return
    base = run.frame.state.names.get(target.value.id)
    owner = None if base is None or base.kind is not Kind.INSTANCE else class_of(base)
    if owner is None:
        return
    place = (owner, target.attr)
    before = run.task.writes.get(place)
    same = before is not None and (before.data is value.data or _same_definition(before, value))
    run.task.writes[place] = value if before is None or same else join(before, value)


def _held(run: Run, base: Value, owner: ClassScope, name: str) -> Value | None:
    """What the methods of a class give to an attribute of `self`, where that is a function."""
    held: Value | None = None
    known = record_of(base)
    is_module = known is not None and known.is_module and base.kind is Kind.INSTANCE
    instance = base if is_module else Value(Kind.INSTANCE, data=class_of(base))
    which = signature(instance) if is_module else instance.data
    for method in owner.keepers(name):
        make = partial(activations.of_method, run, instance, owner, method)
        activation = run.once((make.func, which, owner, method), make, None)
        if activation is None:
            continue
        memo.ask(run, activation)
        run.depend(activation)
        value = activation.writes.get((class_of(base), name))  # type: ignore[call-overload]
        if value is not None:
            held = value if held is None else join(held, value)
    if held is None or held is NONE:
        return None  # others give it something
    return held if owner.writers(name) == owner.keepers(name) else or_none(held)


def _same_definition(one: Value, other: Value) -> bool:
    first, second = function_of(one), function_of(other)
    return first is not None and second is not None and first.node is second.node

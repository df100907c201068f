"""Classes, their members, annotations and decorators."""

from __future__ import annotations

import ast
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, cast

from jaxsight_analyzers.data import replace
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import (
    annotations,
    bodies,
    calls,
    expressions,
    frozen,
    functions,
    imports,
    library,
    linen_layers,
    linen_needs,
    memo,
    methods,
    nnx_modules,
    records,
    transformations,
)
from jaxsight_analyzers.semantic.described import Described
from jaxsight_analyzers.semantic.joins import join
from jaxsight_analyzers.semantic.parameters import FunctionNode, all_arguments
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope
from jaxsight_analyzers.semantic.signatures import signature
from jaxsight_analyzers.semantic.states import Environment, State
from jaxsight_analyzers.semantic.values import (
    HOST,
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
    qualified_of,
    record_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.module import Module


def callable_of(run: Run, value: Value) -> FunctionData | None:
    """The function of this file that calling a value runs."""
    if value.kind is Kind.INSTANCE:
        method = member(run, value, "__call__")
        return None if method is None else function_of(method)
    return function_of(value)


def member(run: Run, base: Value, name: str) -> Value | None:
    """An attribute of a class of this file or of an instance of one; None where it is not known."""
    owner = class_of(base)
    seen: set[ClassScope] = set()
    while owner is not None and owner not in seen:
        seen.add(owner)
        run.depend(owner)
        held = _held(run, base, owner, name)
        if held is not None:
            return held
        found = _defined(run, base, owner, name)
        if found is not None:
            return found
        owner = base_of(run, owner)
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
    owner = class_of(base)
    seen: set[ClassScope] = set()
    while owner is not None and owner not in seen:
        seen.add(owner)
        run.depend(owner)
        if name in owner.methods or owner.writers(name):
            if not owner.is_property(name) or base.kind is not Kind.INSTANCE:
                return None
            data = function_of(_undecorated(run, owner, name))
            if data is None or is_stub(data.node):
                return UNKNOWN
            made = replace(data, self_value=base)
            return _overridable(functions.call(run, node, made, calls.Arguments((), {})))
        owner = base_of(run, owner)
    return None


def _overridable(value: Value) -> Value:
    """What a property gives, when a subclass may give something else of the kind."""
    if value.kind is not Kind.STATIC:
        return value
    return UNKNOWN if constant_of(value) is None else STATIC


def super_of(run: Run, arguments: calls.Arguments) -> Value:
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
    seen = {owner}
    run.depend(owner)
    base = base_of(run, owner)
    while base is not None and base not in seen:
        seen.add(base)
        run.depend(base)
        found = _defined(run, instance, base, name)
        if found is not None:
            return found
        base = base_of(run, base)
    return UNKNOWN


def base_of(run: Run, owner: ClassScope) -> ClassScope | None:
    """The class of the workspace that a class derives from."""
    for expression in owner.node.bases:
        value = imports.global_of(run, owner.home, expression)
        if value is not None and value.kind is Kind.CLASS:
            return class_of(value)
    return None


def library_base(run: Run, base: Value) -> str | None:
    """The library's class that the class of an instance derives from, by qualified name."""
    owner = class_of(base)
    seen: set[ClassScope] = set()
    while owner is not None and owner not in seen:
        seen.add(owner)
        run.depend(owner)
        for expression in owner.node.bases:
            qualified = qualified_at(run, owner.home, expression)
            if qualified is not None and not qualified.startswith("builtins."):
                return qualified
        owner = base_of(run, owner)
    return None


def _method(run: Run, base: Value, owner: ClassScope, name: str) -> Value:
    run.depend(owner.methods[name].head)
    value = run.member(owner, name, _decorated_method)
    data = function_of(value)
    if data is None or owner.is_property(name) or is_stub(data.node):
        return UNKNOWN
    decorators = _decorator_names(data.node)
    if "staticmethod" in decorators:
        return value
    if "classmethod" in decorators:
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
            value = decorate(run, decorator, value)
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


@contextmanager
def _at_home(run: Run, home: Module) -> Generator[None]:
    """Look names up in the file that a definition is in."""
    frame = run.frame
    if frame.module is not home:
        run.frame = home.outside()
    yield
    run.frame = frame


def _decorator_names(node: FunctionNode) -> set[str]:
    if isinstance(node, ast.Lambda):
        return set()
    return {
        ast.unparse(decorator).partition("(")[0].rpartition(".")[2]
        for decorator in node.decorator_list
    }


def is_static(node: FunctionNode) -> bool:
    """Whether a method takes no `self`."""
    return bool(_decorator_names(node) & {"staticmethod", "classmethod"})


def is_cached(node: FunctionNode) -> bool:
    """Whether a function's body runs once for each set of arguments."""
    return bool(_decorator_names(node) & {"cache", "lru_cache", "cached_property"})


def is_property(run: Run, base: Value, name: str) -> bool:
    """Whether reading an attribute of an instance runs code."""
    owner = class_of(base)
    if owner is None:
        return False
    run.depend(owner)
    return owner.is_property(name)


def instantiate(run: Run, node: ast.Call, class_value: Value, arguments: calls.Arguments) -> Value:
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
        make = partial(functions.generic_activation, run, instance, owner, method)
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


# Annotations


def annotated_kind(run: Run, annotation: ast.expr | None) -> str | None:
    """What an annotation says: "array", "key", "static", ..., or None where it says nothing."""
    if annotation is None:
        return None
    if isinstance(annotation, ast.Constant):
        if annotation.value is None:
            return "static"
        if not isinstance(annotation.value, str):
            return None
        try:
            return annotated_kind(run, ast.parse(annotation.value, mode="eval").body)
        except (SyntaxError, ValueError):
            return None  # not an annotation of ours: a string with some other meaning
    if isinstance(annotation, ast.Subscript):
        kind = annotated_kind(run, annotation.value)
        whose = qualified_name(run, annotation.value) if kind == "array" else None
        if whose is None or not whose.startswith("jaxtyping."):
            return kind
        inner = annotation.slice  # `Float[Array, "b c"]`, but also `Float[torch.Tensor, "b c"]`
        of = annotated_kind(run, inner.elts[0] if isinstance(inner, ast.Tuple) else inner)
        return of if of in ("array", "host-array") else None
    if isinstance(annotation, ast.BinOp):
        kinds = {annotated_kind(run, annotation.left), annotated_kind(run, annotation.right)}
        return kinds.pop() if len(kinds) == 1 else None
    qualified = qualified_name(run, annotation)
    kind = None if qualified is None else run.knowledge.annotation(qualified)
    return "static" if kind == "static-field" else kind


def qualified_at(run: Run, home: Module, node: ast.expr) -> str | None:
    """The qualified name that a dotted expression stands for in a file."""
    with _at_home(run, home):
        return qualified_name(run, node)


def qualified_name(run: Run, node: ast.expr) -> str | None:
    """The qualified name that a dotted expression stands for, without recording a reference."""
    if isinstance(node, ast.Name):
        value = run.lookup(node.id)
        qualified = qualified_of(value)
        return qualified or (f"builtins.{node.id}" if value is UNKNOWN else None)
    if isinstance(node, ast.Attribute):
        module = imports.global_of(run, run.frame.module, node.value)
        if module is not None and module.kind is Kind.MODULE:
            value = imports.global_of(run, run.frame.module, node)
            return None if value is None else qualified_of(value)
        base = qualified_name(run, node.value)
        return None if base is None else f"{base}.{node.attr}"
    return None


def value_of_annotation(
    run: Run, annotation: ast.expr, name: str, node: ast.AST, home: Module | None = None
) -> Value | None:
    """A value as its annotation, in a file, describes it; None where the annotation says nothing."""
    with _at_home(run, home or run.frame.module):
        return _value_of_annotation(run, annotation, name, node)


def _value_of_annotation(run: Run, annotation: ast.expr, name: str, node: ast.AST) -> Value | None:
    kind = annotated_kind(run, annotation)
    if kind == "array":
        return Value(Kind.ARRAY, tokens=run.new_key(name, node))
    if kind == "key":
        return Value(Kind.KEY, tokens=run.new_key(name, node))
    if kind == "static":
        return annotations.of_library(run, annotation) or STATIC
    if kind == "host-array":
        return HOST
    if isinstance(annotation, ast.Name):
        value = run.lookup(annotation.id)
    else:
        value = imports.global_of(run, run.frame.module, annotation)
    if value is not None and value.kind is Kind.CLASS:
        return Value(Kind.INSTANCE, data=class_of(value))
    return nnx_modules.of_annotation(run, annotation) or annotations.of_library(run, annotation)


def kind_of_field(run: Run, owner: ClassScope, name: str) -> str | None:
    """What the annotation of a field of a class says."""
    with _at_home(run, owner.home):
        return annotated_kind(run, owner.fields[name].annotation)


def evaluate_annotations(run: Run, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Look at the annotations of a signature, for the names they refer to."""
    if run.postponed_annotations:
        return
    for argument in all_arguments(node.args):
        if argument.annotation is not None:
            run.evaluate(argument.annotation)
    if node.returns is not None:
        run.evaluate(node.returns)


# Decorators


def decorate(run: Run, decorator: ast.expr, value: Value) -> Value:
    """What a decorator makes of a function. One that we do not know leaves it, but not what it returns."""
    arguments = calls.Arguments((value,), {}, (decorator,), {})
    if isinstance(decorator, ast.Attribute):
        base, made = expressions.base_and_attribute(run, decorator)
        if base.kind is Kind.FUNCTION:
            methods.of_function(run, decorator, base, decorator.attr, arguments)
            return value
    else:
        made = run.evaluate(decorator)
    qualified = qualified_of(made)
    facts = run.facts(qualified)
    if qualified is not None and facts is not None and facts.transforms:
        return transformations.apply(run, decorator, qualified, facts, arguments)
    if isinstance(made.data, transformations.Pending):
        return transformations.complete(run, decorator, made.data, value)
    if isinstance(made.data, FunctionFacts) and made.data.traces:
        bodies.run_bodies(run, decorator, made.data.name, made.data, arguments)
        return value
    data = function_of(made)
    if data is not None:
        wrapped = functions.call(run, decorator, data, arguments)
        inner = function_of(wrapped)
        if inner is not None:
            return _as_wrapper(value, wrapped, inner)
    is_known = data is not None or facts is not None or library.is_of_library(run, decorator)
    return value if is_known else _veiled(value)


def _veiled(value: Value) -> Value:
    data = function_of(value)
    return value if data is None else Value(value.kind, data=replace(data, veiled=True))


def decorate_class(run: Run, decorator: ast.expr, value: Value) -> None:
    """`@nn.jit` above a class: its `__call__` runs transformed."""
    made = run.evaluate(decorator)
    qualified = qualified_of(made)
    facts = run.facts(qualified)
    if qualified is not None and facts is not None and facts.transforms:
        arguments = calls.Arguments((value,), {}, (decorator,), {})
        transformations.apply(run, decorator, qualified, facts, arguments)
    elif isinstance(made.data, transformations.Pending):
        transformations.complete(run, decorator, made.data, value)


def _as_wrapper(value: Value, wrapped: Value, inner: FunctionData) -> Value:
    """A decorator of this file: what it returns, when that wraps the function or transforms it."""
    original = function_of(value)
    if original is not None and inner.node is original.node:
        return wrapped
    return Value(Kind.FUNCTION, data=inner)

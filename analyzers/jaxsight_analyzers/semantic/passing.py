"""What is passed to transformed functions: arguments that a transformation cannot take, or with a catch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import avals, class_kinds, donations, equinox_leaves, varying
from jaxsight_analyzers.semantic.contexts import Transformation
from jaxsight_analyzers.semantic.parameters import names_others
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import is_list, parts_of
from jaxsight_analyzers.semantic.values import (
    FunctionData,
    Kind,
    Value,
    class_of,
    constant_of,
    function_of,
    qualified_of,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments

_ITERATORS = frozenset(
    f"builtins.{name}"
    for name in ("zip", "map", "filter", "enumerate", "reversed", "range", "iter")
)
_ARRAYS = (Kind.ARRAY, Kind.KEY, Kind.KEYS)


class PassedSeen(NamedTuple):
    """An argument that a transformation cannot take as it is, static or traced."""

    node: ast.expr
    call: ast.AST
    kind: str  # what is passed: see `_unhashable` and `_no_array`
    parameter: str | None
    static: bool
    value: Value
    of_arrays: bool  # an instance of a dataclass with nothing but arrays in its fields
    data: FunctionData  # what is called
    transformation: Transformation
    guards: tuple[str, ...]


class OmittedSeen(NamedTuple):
    """A static argument that a call of a `pmap` does not give by position."""

    node: ast.Call
    parameter: str
    number: int
    next: bool  # whether it is the one after those that are given
    data: FunctionData
    transformation: Transformation
    guards: tuple[str, ...]


def _note_omitted(run: Run, node: ast.AST, data: FunctionData, arguments: Arguments) -> None:
    """Only `pmap` wants each static argument by position."""
    transformation = data.transformations[-1]
    if transformation.qualified != "jax.pmap" or arguments.open or not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Attribute) and node.func.attr == "lower":
        return
    signature = data.node.args
    names = [one.arg for one in (*signature.posonlyargs, *signature.args)]
    given = len(arguments.positional) + len(data.bound) + (data.self_value is not None)
    count = given - transformation.bound
    for number in sorted(n for n in transformation.static if isinstance(n, int) and n >= count):
        place = number + transformation.bound
        if place < len(names):
            run.events.omitted.append(
                OmittedSeen(
                    node, names[place], number, number == count, data, transformation, run.guards
                )
            )
            return


def note(run: Run, node: ast.AST, data: FunctionData, arguments: Arguments) -> None:
    """Record the arguments of a call that its outermost transformation takes only with trouble."""
    transformation = data.transformations[-1]
    if not transformation.compiles or transformation.static_unknown or transformation.filters:
        return
    if names_others(data.node.args, transformation.static):
        return
    _note_omitted(run, node, data, arguments)
    for argument, parameter, position, value in bound(data, transformation, arguments):
        static = is_static(data, transformation, parameter, position)
        if not static:
            donations.note_passed(run, argument, value)
            by = transformation.qualified
            equinox_leaves.note(run, node, argument, by, value, transformation)
        elif run.frame.loops:
            varying.note(run, argument, parameter, value, data, transformation)
        kind = _unhashable(run, argument, value) if static else _no_array(run, argument, value)
        if kind is None or (transformation.takes_modules and kind in ("object", "dataclass")):
            continue
        run.events.passed.append(
            PassedSeen(
                argument,
                node,
                kind,
                parameter,
                static,
                value,
                _holds_arrays(run, value),
                data,
                transformation,
                run.guards,
            )
        )


class UnsplitSeen(NamedTuple):
    """`nnx.vmap(make)(rngs)`: random number streams that are mapped over and were not split."""

    node: ast.expr  # the argument
    by: str
    guards: tuple[str, ...]


_MAPS = ("flax.nnx.vmap",)
_STREAMS = "flax.nnx.Rngs"


def note_unsplit(run: Run, data: FunctionData, given: Arguments) -> None:
    """A call of what `nnx.vmap` made, with streams that have nothing to map over."""
    by = data.transformations[-1]
    if by.qualified not in _MAPS or by.unmapped != frozenset():
        return
    if isinstance(by.node, ast.Call) and any(k.arg in ("in_axes", None) for k in by.node.keywords):
        return
    for argument, _, _, value in bound(data, by, given):
        facts = value.data
        if isinstance(facts, FunctionFacts) and facts.name.removesuffix("()") == _STREAMS:
            run.events.nnx_unsplit.append(UnsplitSeen(argument, by.qualified, run.guards))


def note_differentiated(run: Run, node: ast.AST, data: FunctionData, given: Arguments) -> None:
    """A call of `jax.grad(f)` and its kin, which take derivatives by all leaves of an argument."""
    for one in data.transformations:
        if one.mode != "concrete" or one.filters or one.differentiated is None:
            continue
        for argument, _, position, value in bound(data, one, given):
            if position in one.differentiated:
                equinox_leaves.note(run, node, argument, one.qualified, value, one)


def _holds_arrays(run: Run, value: Value) -> bool:
    owner = class_of(value) if value.kind is Kind.INSTANCE else None
    return owner is not None and class_kinds.holds_arrays(run, owner)


def bound(
    data: FunctionData, transformation: Transformation, arguments: Arguments
) -> Iterator[tuple[ast.expr, str | None, int | None, Value]]:
    """Each argument, the name of its parameter, and which one the transformation counts it as."""
    signature = data.node.args
    names = [one.arg for one in (*signature.posonlyargs, *signature.args)]
    before = len(data.bound) + (data.self_value is not None)
    for index, value in enumerate(arguments.positional):
        node = arguments.nodes[index] if index < len(arguments.nodes) else None
        if node is None or isinstance(node, ast.Starred):
            return
        place = before + index
        name = names[place] if place < len(names) else None
        yield node, name, place - transformation.bound, value
    for name, value in arguments.keywords.items():
        node = (arguments.keyword_nodes or {}).get(name)
        if node is not None and not isinstance(node, ast.Starred):
            place = names.index(name) - transformation.bound if name in names else None
            yield node, name, place, value


def is_static(
    data: FunctionData, transformation: Transformation, name: str | None, position: int | None
) -> bool:
    """Whether a transformation keeps an argument as it is, as a part of what it compiled by."""
    chosen = transformation.static
    if name in chosen or position in chosen:
        return True
    signature = data.node.args
    count = len(signature.posonlyargs) + len(signature.args) - transformation.bound
    return position is not None and signature.vararg is None and position - count in chosen


def _unhashable(run: Run, node: ast.expr, value: Value) -> str | None:
    """What a static argument is that has no hash: "list", "dict", "set", "array", "tracer", "dataclass"."""
    written = _WRITTEN.get(type(node))
    if written is not None or value.optional:
        return written
    if value.kind in _ARRAYS:
        return "tracer" if value.traced is Certainty.YES else None if value.traced else "array"
    if value.kind is Kind.HOST:  # an item of one may be a number, which has a hash
        known = avals.aval_of(value)
        is_array = isinstance(node, ast.Call) or (known is not None and bool(known.shape))
        return "array" if is_array else None
    if value.kind is Kind.MAPPING:
        return "dict"
    if is_list(value):
        return "list"
    if value.kind is Kind.SEQUENCE:
        return next(
            (k for part in parts_of(value) or () if (k := _unhashable(run, _NO_NODE, part))), None
        )
    owner = class_of(value) if value.kind is Kind.INSTANCE else None
    kind = None if owner is None else class_kinds.kind_of(run, owner)
    if owner is None or kind is None or class_kinds.is_hashable(run, owner, kind):
        return None
    return kind


_NO_NODE = ast.Constant(None)
_WRITTEN: dict[type[ast.expr], str] = {
    ast.List: "list",
    ast.ListComp: "list",
    ast.Dict: "dict",
    ast.DictComp: "dict",
    ast.Set: "set",
    ast.SetComp: "set",
}


def _no_array(run: Run, node: ast.expr, value: Value) -> str | None:
    """What an argument to be traced is that JAX takes for no array and for no container of arrays."""
    if value.optional:
        return None
    found = _iterator(run, node)
    if found is not None:
        return found
    if isinstance(node, ast.Set | ast.SetComp):
        return "set"
    return _leaf(run, value)


def _iterator(run: Run, node: ast.expr) -> str | None:
    """Whether an expression makes what JAX does not look into: a generator, `zip(...)`, `d.values()`."""
    if isinstance(node, ast.GeneratorExp):
        return "generator"
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Name):
        name = qualified_of(run.lookup(node.func.id))
        return node.func.id if name in _ITERATORS else None
    if isinstance(node.func, ast.Attribute) and node.func.attr in ("values", "keys", "items"):
        if isinstance(node.func.value, ast.Dict):
            return "view"
        base = run.lookup(node.func.value.id) if isinstance(node.func.value, ast.Name) else None
        known = base is not None and base.kind in (Kind.MAPPING, Kind.TREE, Kind.UNKNOWN)
        return "view" if known and not node.args and not node.keywords else None
    return None


def _leaf(run: Run, value: Value) -> str | None:
    """A part of a value that is no array: "str", "function", "class", "module", "enum", "dataclass"."""
    parts = parts_of(value) if value.kind is not Kind.INSTANCE else None
    if parts is not None:
        return next((found for part in parts if (found := _leaf(run, part)) is not None), None)
    constant = constant_of(value)
    if isinstance(constant, (str, bytes)):
        return type(constant).__name__
    if value.kind in (Kind.CLASS, Kind.MODULE):
        return value.kind.value
    function = function_of(value)
    if function is not None:  # `jax.tree_util.Partial` and what libraries wrap may be pytrees
        applied = [one.qualified for one in function.transformations]
        is_plain = function.what not in ("partial", "wrapped")
        return "function" if is_plain and all(n.startswith("jax.") for n in applied) else None
    qualified = qualified_of(value)
    if qualified is not None:
        facts = run.facts(qualified)  # that of a type may also stand for what it makes
        is_function = facts is not None and facts.specific and facts.kind == "function"
        return "function" if is_function else None
    owner = class_of(value) if value.kind is Kind.INSTANCE else None
    if owner is None or class_kinds.is_abstract(run, owner):
        return None  # what derives from it may be registered
    return class_kinds.kind_of(run, owner)

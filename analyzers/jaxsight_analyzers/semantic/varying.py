"""Static arguments that are others in each iteration of a loop: a function compiles anew for each."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.semantic import ranges
from jaxsight_analyzers.semantic.contexts import Frame, Transformation
from jaxsight_analyzers.semantic.parameters import all_arguments
from jaxsight_analyzers.semantic.scopes import statements_below
from jaxsight_analyzers.semantic.trees import children, walk
from jaxsight_analyzers.semantic.values import FunctionData, Kind, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxsight_analyzers.semantic.parameters import FunctionNode
    from jaxsight_analyzers.semantic.run import Run

_CHANGING = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
_KEEPING = ("float", "cos", "exp", "exp2", "log", "log10", "log2", "pow", "sin", "sqrt", "float32")
"""Functions of one number that give another one for another."""

_SPACES = ("arange", "geomspace", "linspace", "logspace")


class VaryingSeen(NamedTuple):
    """A static argument that changes with the iterations of a loop."""

    node: ast.expr
    parameter: str
    loop: ast.AST
    passes: int | None
    data: FunctionData
    transformation: Transformation
    frame: Frame
    guards: tuple[str, ...]


def note(
    run: Run,
    node: ast.expr,
    parameter: str | None,
    value: Value,
    data: FunctionData,
    transformation: Transformation,
) -> None:
    """A compiled function is given a static argument in a loop of the host."""
    frame = run.frame
    if frame.traced or frame.state.dead or parameter is None or transformation.passes:
        return
    if isinstance(node, ast.Constant) or value.kind not in (Kind.STATIC, Kind.UNKNOWN, Kind.HOST):
        return
    for loop, _ in reversed(frame.loops):
        if _varies(node, loop.node):
            run.depend(data.scope)
            if is_computed_with(data.node, parameter, _static(data, transformation)):
                seen = VaryingSeen(
                    node,
                    parameter,
                    loop.node,
                    _passes(loop.node),
                    data,
                    transformation,
                    frame,
                    run.guards,
                )
                run.events.varying.append(seen)
            return


def _static(data: FunctionData, transformation: Transformation) -> frozenset[str]:
    """The names of the static parameters, and of what is bound."""
    signature = data.node.args
    names = [one.arg for one in (*signature.posonlyargs, *signature.args)]
    own = names[transformation.bound :]
    chosen = transformation.static
    numbered = (own[n] for n in chosen if isinstance(n, int) and -len(own) <= n < len(own))
    named = (one for one in chosen if isinstance(one, str))
    return frozenset((*names[: transformation.bound], *numbered, *named))


# What changes


def _varies(node: ast.expr, loop: ast.AST) -> bool:
    """Whether an expression is another number in each iteration, as far as the text tells."""
    counted = {n for target in _targets(loop) for n in _names(target)}
    body = getattr(loop, "body", None)
    given: dict[str, list[ast.expr | None]] = {}
    for statement in statements_below(body) if isinstance(body, list) else ():  # type: ignore[arg-type]
        if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
            steps = isinstance(statement.op, _CHANGING) and _is_number(statement.value)
            given.setdefault(statement.target.id, []).append(statement.target if steps else None)
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                for name in _names(target):
                    is_it = isinstance(target, ast.Name)
                    given.setdefault(name, []).append(statement.value if is_it else None)
    return _is_another(node, counted, given)


def _is_another(node: ast.expr, counted: set[str], given: dict[str, list[ast.expr | None]]) -> bool:
    if isinstance(node, ast.Name):
        values = given.get(node.id)
        if values is None:
            return node.id in counted
        value = values[0] if len(values) == 1 else None
        if value is None:
            return False
        if isinstance(value, ast.Name) and value.id == node.id:
            return True  # `step += 1`
        itself = {name for name in _names(value) if name == node.id}
        others = {name: known for name, known in given.items() if name != node.id}
        return _is_another(value, counted | itself, others)
    if isinstance(node, ast.BinOp) and isinstance(node.op, _CHANGING):
        sides = [_is_another(side, counted, given) for side in (node.left, node.right)]
        return any(sides)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _is_another(node.operand, counted, given)
    if isinstance(node, ast.Call) and len(node.args) == 1:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        return name in _KEEPING and _is_another(node.args[0], counted, given)
    return False


def _targets(loop: ast.AST) -> Iterator[ast.expr]:
    """What a loop binds anew for each item that it counts."""
    if isinstance(loop, (ast.For, ast.AsyncFor)):
        yield from _counting(loop.target, loop.iter)
    for generator in getattr(loop, "generators", ()):
        yield from _counting(generator.target, generator.iter)


def _counting(target: ast.expr, over: ast.expr) -> Iterator[ast.expr]:
    """The part of a target that is a number: all of it over `range`, the first of `enumerate`."""
    called = over.func.id if isinstance(over, ast.Call) and isinstance(over.func, ast.Name) else ""
    if called == "range" or called in _SPACES:
        yield target
    elif called == "enumerate" and isinstance(target, ast.Tuple) and target.elts:
        yield target.elts[0]
    elif isinstance(over, ast.Call) and getattr(over.func, "attr", "") in _SPACES:
        yield target


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in walk(node) if isinstance(inner, ast.Name)}


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float))


def _passes(loop: ast.AST) -> int | None:
    """How many iterations a loop has by its text."""
    over = getattr(loop, "iter", None)
    for generator in getattr(loop, "generators", ())[:1]:
        over = generator.iter
    if not isinstance(over, ast.Call) or not over.args:
        return None
    first = over.args[0]
    if isinstance(over.func, ast.Name) and over.func.id == "enumerate":
        return len(first.elts) if isinstance(first, (ast.Tuple, ast.List)) else None
    constants = [one.value for one in over.args if isinstance(one, ast.Constant)]
    numbers = [one for one in constants if isinstance(one, int)]
    is_range = isinstance(over.func, ast.Name) and over.func.id == "range"
    return ranges.length(numbers) if is_range and len(numbers) == len(over.args) else None


# What the function does with it


def is_computed_with(node: FunctionNode, name: str, static: frozenset[str]) -> bool:
    """Whether a function only computes with a parameter and what is traced, so that it need not be static."""
    traced = {one.arg for one in all_arguments(node.args)} - static
    uses = list(_uses(node, name, ()))
    return bool(uses) and all(_is_arithmetic(use, parents, traced) for use, parents in uses)


def _uses(
    node: ast.AST, name: str, parents: tuple[ast.AST, ...]
) -> Iterator[tuple[ast.Name, tuple[ast.AST, ...]]]:
    """Where a name is read, and what that stands in, the innermost first."""
    for child in children(node):
        if isinstance(child, ast.Name) and child.id == name:
            yield child, (node, *parents)
        else:
            yield from _uses(child, name, (node, *parents))


def _is_arithmetic(use: ast.Name, parents: tuple[ast.AST, ...], traced: set[str]) -> bool:
    """`x - lr * x`: a number and something traced."""
    inner: ast.AST = use
    for parent in parents:
        if not isinstance(parent, (ast.BinOp, ast.UnaryOp)) or not isinstance(use.ctx, ast.Load):
            return False
        if isinstance(parent, ast.BinOp):
            other = parent.left if parent.right is inner else parent.right
            if isinstance(parent.op, ast.Pow) and inner is parent.right:
                return False  # a whole number as an exponent is better static
            if isinstance(parent.op, _CHANGING) and _speaks_of(other, traced):
                return True
        inner = parent
    return False


def _speaks_of(node: ast.expr, traced: set[str]) -> bool:
    """Whether an operand is computed from a traced parameter, not from its shape."""
    is_static = any(
        isinstance(inner, ast.Attribute) and inner.attr in ("shape", "ndim", "size", "dtype")
        for inner in walk(node)
    )
    return not is_static and not traced.isdisjoint(_names(node))

"""Loops whose number of passes the text tells: over `range(...)`, or over an array.

What such a loop does to the names of its function is noted for rules about loops. Only few loops are
such, and only what they change is kept.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import avals, expressions, ranges
from jaxsight_analyzers.semantic.events import GrowthSeen, Indexed, LoopSeen
from jaxsight_analyzers.semantic.scopes import statements_below
from jaxsight_analyzers.semantic.trees import walk
from jaxsight_analyzers.semantic.values import Kind, Value, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.knowledge.facts import FunctionFacts
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.events import CallSeen
    from jaxsight_analyzers.semantic.run import Run
    from jaxsight_analyzers.semantic.states import State

_COUNTS = ("builtins.range", "jax.numpy.arange", "numpy.arange")


class Counted:
    """A loop over something that is counted, before it runs."""

    __slots__ = ("before", "count", "iterable", "size")

    def __init__(self, run: Run, iterable: Value, node: ast.expr, call: CallSeen | None) -> None:
        self.iterable = iterable
        self.before = dict(run.frame.state.names)
        self.count = None if call is None else _count(run, call)
        self.size = _size(run, iterable, node, call)
        if self.count is None and self.size is not None:
            self.count = _known_size(run, iterable, call, self.size)


def counted(run: Run, iterable: Value, node: ast.expr) -> Counted | None:
    """What is known of a loop over this, which was just evaluated; None where it is not counted."""
    if run.frame.state.dead:
        return None
    calls = run.events.seen("calls")
    call: CallSeen | None = calls[-1] if calls and calls[-1].node is node else None
    if call is not None and call.qualified not in _COUNTS:
        call = None
    if call is None and iterable.kind is not Kind.ARRAY:
        return None
    return Counted(run, iterable, node, call)


def note_loop(run: Run, node: ast.For, loop: Counted, last: State, leaves: bool) -> None:
    """Record a loop that has run; `last` is the state at the end of its last pass."""
    changed = {
        name: (value, after)
        for name, value in loop.before.items()
        if (after := last.names.get(name)) is not None and after is not value
    }
    _note(run, node, node.target, node.body, loop, last.names, changed, (), leaves)


def note_comprehension(
    run: Run,
    node: ast.expr,
    target: ast.expr,
    elements: Iterable[ast.expr],
    loop: Counted,
    made: tuple[Value, ...],
) -> None:
    """Record a comprehension with one generator and no condition, which is about to forget its names."""
    _note(run, node, target, tuple(elements), loop, run.frame.state.names, {}, made, False)


def _note(
    run: Run,
    node: ast.AST,
    target: ast.expr,
    body: Iterable[ast.AST],
    loop: Counted,
    names: Mapping[str, Value],
    changed: dict[str, tuple[Value, Value]],
    made: tuple[Value, ...],
    leaves: bool,
) -> None:
    indexed = tuple(_indexed(run, target, body, names))
    run.events.loops.append(
        LoopSeen(
            node,
            loop.iterable,
            loop.count,
            loop.size,
            changed,
            made,
            indexed,
            leaves,
            run.frame,
            run.guards,
        )
    )


def _indexed(
    run: Run, target: ast.expr, body: Iterable[ast.AST], names: Mapping[str, Value]
) -> Iterable[Indexed]:
    """What the loop's item is an index of, at the end of the last pass."""
    bound = {name.id for name in walk(target) if isinstance(name, ast.Name)}
    for statement in body:
        for node in walk(statement):
            if isinstance(node, ast.Subscript) and _mentions(node.slice, bound):
                base = node.value
                if isinstance(base, ast.Attribute) and base.attr == "at":
                    base = base.value  # `x.at[i]`
                place = expressions.place_of(base)
                value = None if place is None else names.get(place)
                if value is None and isinstance(base, ast.Name):
                    value = run.lookup(base.id)
                yield Indexed(node, value)


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(part, ast.Name) and part.id in names for part in walk(node))


# Arrays that grow


def note_growth(run: Run, node: ast.Call, facts: FunctionFacts, arguments: Arguments) -> None:
    """Record a call in a loop of host code that makes an array longer; traced it compiles once."""
    found = arguments.get(facts, facts.joins or "")
    if run.frame.abstract or found is None or found[0] is None:
        return
    joined = found[0]
    parts = joined.elts if isinstance(joined, (ast.List, ast.Tuple)) else [joined]
    names = tuple([p.id for p in parts if isinstance(p, ast.Name) and _is_array(run, p)])
    loop = run.frame.loops[-1][0].node
    if names:
        run.events.growths.append(
            GrowthSeen(node, facts.name, joined, names, loop, run.frame, run.guards)
        )


# How often


def _count(run: Run, call: CallSeen) -> int | None:
    """The number of passes of `range(...)`; None where an argument is not known."""
    if call.node.keywords or any(argument.starred for argument in call.arguments):
        return None
    numbers = [_number(run, argument.node, argument.value) for argument in call.arguments]
    known = [number for number in numbers if number is not None]
    return None if len(known) < len(numbers) else ranges.length(known)


def _number(run: Run, node: ast.expr, value: Value) -> int | None:
    """The whole number that an expression is: `n`, `2 * n`, `n - 1` of constants."""
    known = constant_of(value)
    if isinstance(known, int):
        return known
    if isinstance(known, float) and known.is_integer():
        return int(known)
    if not isinstance(node, ast.BinOp):
        return None
    parts: list[int] = []
    for side in (node.left, node.right):
        inside = run.lookup(side.id) if isinstance(side, ast.Name) else None
        number = constant_of(inside) if inside is not None else getattr(side, "value", None)
        if not isinstance(number, int):
            return None
        parts.append(number)
    left, right = parts
    operator = node.op
    if isinstance(operator, ast.Add):
        return left + right
    if isinstance(operator, ast.Sub):
        return left - right
    if isinstance(operator, ast.Mult):
        return left * right
    return left // right if isinstance(operator, ast.FloorDiv) and right else None


def _size(run: Run, iterable: Value, node: ast.expr, call: CallSeen | None) -> ast.expr | None:
    """The size of an array that says how often: `x.shape[0]`, `len(x)`, or the array itself."""
    if call is None:
        return node if iterable.kind is Kind.ARRAY else None
    for argument in call.arguments[len(call.arguments) > 1 :][:1]:  # where it stops
        parts = list(walk(argument.node))
        if not all(_is_plain(part) for part in parts):
            return None
        for part in parts:
            is_name = isinstance(part, ast.Name)
            written = _assigned(run, part.id) if is_name else part  # type: ignore[attr-defined]
            if isinstance(written, ast.expr) and _is_size(run, written, unpacked=is_name):
                return written
    return None


def _known_size(run: Run, iterable: Value, call: CallSeen | None, size: ast.expr) -> int | None:
    """The length of the array whose size is the end of the range, where its shape is known."""
    if call is None:
        return _length(iterable)
    first, *others = call.arguments
    if others or isinstance(first.node, ast.BinOp):
        return None
    node = size.value if isinstance(size, ast.Subscript) else size
    node = node.args[0] if isinstance(node, ast.Call) else node
    if isinstance(node, ast.Attribute):
        node = node.value if node.attr == "shape" else None
    value = None if node is None else _value_at(run, node)
    return None if value is None else _length(value)


def _length(value: Value) -> int | None:
    aval = avals.aval_of(value)
    return next(iter(aval.shape or ()), None) if aval is not None else None


def _is_plain(node: ast.AST) -> bool:
    """Whether a part of an expression is no call but of `len` and its like."""
    if not isinstance(node, ast.Call):
        return True
    return isinstance(node.func, ast.Name) and node.func.id in ("len", "min", "max", "int")


def _assigned(run: Run, name: str) -> ast.expr | None:
    """The one expression that is assigned to a local name: `n = x.shape[0]`, or `n, _ = x.shape`."""
    scope = run.frame.scope
    if scope is None or name not in scope.local_names or isinstance(scope.node, ast.Lambda):
        return None
    found = [
        statement.value
        for statement in statements_below(scope.node.body)
        if isinstance(statement, ast.Assign) and any(_binds(t, name) for t in statement.targets)
    ]
    return found[0] if len(found) == 1 else None


def _binds(target: ast.expr, name: str) -> bool:
    """Whether a name is bound, to the first of several values: that is the long axis most often."""
    first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
    return isinstance(first, ast.Name) and first.id == name


def _is_size(run: Run, node: ast.expr, *, unpacked: bool) -> bool:
    """Whether it is the length of an array's first axis; `unpacked`: `x.shape` of `n, _ = x.shape`."""
    if isinstance(node, ast.Subscript):
        first = isinstance(node.slice, ast.Constant) and node.slice.value == 0
        node, unpacked = (node.value if first else node), True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len":
        return len(node.args) == 1 and _is_array(run, node.args[0])
    names = ("shape", "size") if unpacked else ("size",)
    return isinstance(node, ast.Attribute) and node.attr in names and _is_array(run, node.value)


def _is_array(run: Run, node: ast.expr) -> bool:
    value = _value_at(run, node)
    return value is not None and value.kind is Kind.ARRAY


def _value_at(run: Run, node: ast.expr) -> Value | None:
    """What a name or place holds."""
    place = expressions.place_of(node)
    value = None if place is None else run.frame.state.names.get(place)
    if value is None and isinstance(node, ast.Name):
        value = run.lookup(node.id)
    return value

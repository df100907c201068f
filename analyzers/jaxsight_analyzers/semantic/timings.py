"""Measured times: two readings of a clock, and whether what the device computes between them is waited for.

A compiled call, and most calls of `jnp`, return before the device is done. What is followed are the names that
are bound to results between the readings. Where anything there may wait for the device, nothing is said.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from jaxsight_analyzers.semantic.streams import Call
from jaxsight_analyzers.semantic.trees import TRIES, children, walk

Calls = Mapping[ast.AST, Call]
Compiled = Mapping[ast.AST, str]
"""The calls of compiled functions, each with the name of the function."""

CLOCKS = ("time.", "timeit.", "jax.profiler.trace", "jax.profiler.st")
"""What the names of functions begin with that measure."""
_CLOCKS = ("time", "perf_counter", "monotonic", "time_ns", "perf_counter_ns", "default_timer")
_COMPUTING = ("jax.numpy.", "jax.lax.", "jax.nn.", "jax.scipy.", "jax.random.", "jax.image.")
_ASYNCHRONOUS = (*_COMPUTING, "jax.device_put", "jax.random", "jax.dtypes")
_LIGHT = frozenset(
    (
        *("PRNGKey", "key", "split", "fold_in", "key_data", "wrap_key_data", "clone", "device_put"),
        *("arange", "array", "asarray", "empty", "eye", "full", "linspace", "ones", "zeros"),
        *("empty_like", "full_like", "ones_like", "zeros_like", "ndim", "shape", "size", "dtype"),
        *("astype", "expand_dims", "issubdtype", "ravel", "reshape", "result_type", "squeeze"),
    )
)
"""Functions that make or view arrays: too little to be measured for their own sake."""
_WAITING = frozenset(
    (
        *("argwhere", "array_equal", "array_repr", "array_str", "compress", "extract", "nonzero"),
        *("flatnonzero", "save", "savez", "unique", "unique_values", "union1d", "intersect1d"),
        *("isscalar", "iterable", "setdiff1d", "setxor1d", "trim_zeros", "allclose"),
    )
)
"""Functions of `jnp` that need numbers to say what shape their result has, or to say yes or no."""
_PLAIN = (
    *("enumerate", "isinstance", "len", "range", "reversed", "type", "zip", "dict", "tuple"),
    *("list", "hasattr", "getattr", "callable", "id", "slice", "next", "iter", "partial"),
)
_STATIC = ("shape", "ndim", "size", "dtype", "nbytes", "sharding", "aval")
_TRACING = ("lower", "trace", "eval_shape", "compile")
_TRACE = "a trace"
"""Stands for the name of a clock where a trace of the profiler is started."""
_NOT_WORK = ("compil", "warm", "dispatch", "first", "lowering", "tracing", "async")
"""Words in names and texts that say that something else is measured."""
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, *TRIES)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return)


class Timing(NamedTuple):
    """A clock that is read before the device is done with the work that it measures."""

    clock: ast.expr  # what reads it
    work: ast.expr  # the last call that the device works at
    called: str  # its function
    statement: ast.stmt  # in which the work stands
    loop: ast.For | ast.While | None  # around that, after the first reading
    end: ast.stmt  # in which the clock is read
    block: Sequence[ast.stmt]
    kind: str  # "clock", "profiler", "timeit"


def timings(body: Sequence[ast.stmt], calls: Calls, compiled: Compiled) -> Iterator[Timing]:
    """The clocks that are read too early in some statements, at any depth."""
    yield from in_block(body, calls, compiled)
    for statement in body:
        yield from _in_timeit(statement, body, calls, compiled)
        for name in ("body", "orelse", "finalbody"):
            inner = getattr(statement, name, None)
            if isinstance(inner, list):
                yield from timings(inner, calls, compiled)  # type: ignore[arg-type]
        for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            yield from timings(part.body, calls, compiled)


def in_block(block: Sequence[ast.stmt], calls: Calls, compiled: Compiled) -> Iterator[Timing]:
    """The clocks that are read too early by the statements of one block."""
    started: dict[str, int] = {}
    for at, statement in enumerate(block):
        found = _read_clock(statement, started, block[at + 1 :], calls)
        if found is not None:
            clock, start = found
            between = _Between(calls, compiled, clock)
            between.run(block[start + 1 : at])
            between.part(statement)
            said = (block[start], *block[at : at + 3])
            if (work := between.pending) is not None and not _is_of_something_else(said):
                kind = "profiler" if clock in calls and start == started.get(_TRACE) else "clock"
                yield Timing(*work.at(clock), statement, block, kind)
        name = _clock_name(statement, calls)
        if name is not None or _called(statement, calls) == "jax.profiler.start_trace":
            started[name or _TRACE] = at
        else:
            for bound in _bound(statement):
                started.pop(bound, None)
        if isinstance(statement, (ast.With, ast.AsyncWith)):
            yield from _in_profiler(statement, block, calls, compiled)


def _called(statement: ast.stmt, calls: Calls) -> str:
    """The function that a statement calls and does nothing else."""
    known = calls.get(statement.value) if isinstance(statement, ast.Expr) else None
    return "" if known is None else known.canonical


def _clock_name(statement: ast.stmt, calls: Calls) -> str | None:
    """`t0` of `t0 = time.perf_counter()`."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target = statement.targets[0]
    is_clock = _is_clock(statement.value, calls)
    return target.id if is_clock and isinstance(target, ast.Name) else None


def _is_clock(node: ast.expr, calls: Calls) -> bool:
    known = calls.get(node) if isinstance(node, ast.Call) else None
    if known is None or known.frame_is_traced:
        return False
    library, _, name = known.canonical.rpartition(".")
    return library in ("time", "timeit") and name in _CLOCKS


def _read_clock(
    statement: ast.stmt, started: Mapping[str, int], later: Sequence[ast.stmt], calls: Calls
) -> tuple[ast.expr, int] | None:
    """Where a clock is read to tell how much time has gone since it was read before."""
    if not started or not isinstance(statement, _SIMPLE):
        return None
    for node in _own(statement):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            begin = node.right.id if isinstance(node.right, ast.Name) else ""
            if begin in started and _is_clock(node.left, calls):
                return node.left, started[begin]
    if _called(statement, calls) == "jax.profiler.stop_trace" and _TRACE in started:
        return statement.value, started[_TRACE]  # type: ignore[union-attr, return-value]
    name = _clock_name(statement, calls)
    if name is None or name in started:
        return None
    for one in later:
        for node in walk(one):
            if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub):
                continue
            left, right = node.left, node.right
            if isinstance(left, ast.Name) and isinstance(right, ast.Name) and left.id == name:
                at = started.get(right.id)
                return None if at is None else (statement.value, at)  # type: ignore[attr-defined]
    return None


def _bound(statement: ast.stmt) -> Iterator[str]:
    for node in walk(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """What runs with a statement: not what stands in functions in it. The inner comes before the outer."""
    for child in children(node):
        if not isinstance(child, _SCOPES):
            yield from _own(child)
    yield node


def _is_of_something_else(statements: Sequence[ast.stmt]) -> bool:
    """Whether the text around the readings says that compilation or a first call is measured."""
    for statement in statements:
        for node in walk(statement):
            word = node.id if isinstance(node, ast.Name) else ""
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                word = node.value
            if word and any(one in word.lower() for one in _NOT_WORK):
                return True
    return False


class _Work(NamedTuple):
    """A call that the device works at."""

    node: ast.expr
    called: str
    statement: ast.stmt
    loop: ast.For | ast.While | None

    def at(
        self, clock: ast.expr
    ) -> tuple[ast.expr, ast.expr, str, ast.stmt, ast.For | ast.While | None]:
        """With the clock that is read after it."""
        return clock, self.node, self.called, self.statement, self.loop


class _Between:
    """What runs between two readings of a clock: the last work that nothing has waited for."""

    def __init__(self, calls: Calls, compiled: Compiled, until: ast.expr | None = None) -> None:
        self._calls = calls
        self._compiled = compiled
        self._until = until
        self._work: _Work | None = None
        self._device: set[str] = set()
        self._open = False  # whether something may wait, and nobody knows
        self._loops: list[ast.For | ast.While] = []

    @property
    def pending(self) -> _Work | None:
        """The work that certainly is not waited for."""
        return None if self._open else self._work

    def run(self, body: Sequence[ast.stmt]) -> None:
        """Statements one after another."""
        for statement in body:
            if self._open:
                return
            self._statement(statement)

    def part(self, statement: ast.stmt) -> None:
        """What a statement does before the clock in it is read."""
        for node in _own(statement):
            if node is self._until:
                return
            self._node(node, statement)

    def _statement(self, statement: ast.stmt) -> None:
        if isinstance(
            statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Import, ast.ImportFrom)
        ):
            return
        if isinstance(statement, (ast.For, ast.While)):
            self._loop(statement)
        elif isinstance(statement, ast.If):
            before = self._work
            self._expression(statement.test, statement)
            if self._asks(statement.test):
                self._open = True
            self.run([*statement.body, *statement.orelse])
            if self._work is not before:
                self._open = True  # on one path only
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            for item in statement.items:
                self._context(item, statement)
            self.run(statement.body)
        elif isinstance(statement, _SIMPLE) and not isinstance(statement, ast.Return):
            self._expression(statement, statement)
            self._assign(statement)
        elif not isinstance(statement, (ast.Pass, ast.Delete, ast.Assert)):
            self._open = True
        elif isinstance(statement, ast.Assert):
            self._expression(statement.test, statement)
            self._open = self._open or self._asks(statement.test)

    def _loop(self, loop: ast.For | ast.While) -> None:
        self._expression(loop.test if isinstance(loop, ast.While) else loop.iter, loop)
        over = loop.test if isinstance(loop, ast.While) else loop.iter
        if self._asks(over):
            self._open = True
        self._loops.append(loop)
        self.run(loop.body)
        self._loops.pop()
        if self._asks(over) and isinstance(loop, ast.While):
            self._open = True
        self.run(loop.orelse)

    def _context(self, item: ast.withitem, statement: ast.stmt) -> None:
        known = self._calls.get(item.context_expr)
        plain = isinstance(item.context_expr, (ast.Name, ast.Attribute))
        if not plain and (known is None or not known.canonical.startswith("jax.")):
            self._open = True  # its end may wait

    def _assign(self, statement: ast.stmt) -> None:
        targets = (
            statement.targets
            if isinstance(statement, ast.Assign)
            else [getattr(statement, "target", None)]
        )
        value = getattr(statement, "value", None)
        for target in targets:
            if isinstance(target, ast.Subscript) and value is not None and self._holds(value):
                self._open = True  # the array of NumPy that it may be would wait
            for node in walk(target) if isinstance(target, ast.expr) else ():
                if isinstance(node, ast.Name) and value is not None:
                    (self._device.add if self._holds(value) else self._device.discard)(node.id)

    def _expression(self, node: ast.AST, statement: ast.stmt) -> None:
        for inner in _own(node):
            self._node(inner, statement)

    def _node(self, node: ast.AST, statement: ast.stmt) -> None:
        if isinstance(node, ast.Call):
            self._call(node, statement)
        elif isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom)):
            self._open = True
        elif isinstance(node, ast.Attribute) and node.attr == "block_until_ready":
            self._open = True  # another rule is about one that is not called
        elif isinstance(node, ast.FormattedValue):
            self._open = self._open or self._asks(node.value)
        elif isinstance(node, (ast.IfExp, ast.BoolOp)):
            test = node.test if isinstance(node, ast.IfExp) else node
            self._open = self._open or self._asks(test)
        elif isinstance(node, ast.comprehension):
            self._open = self._open or any(map(self._asks, (node.iter, *node.ifs)))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult) and self._holds(node):
            self._works(node, "@", statement)

    def _works(self, node: ast.expr, called: str, statement: ast.stmt) -> None:
        loop = self._loops[0] if self._loops else None
        self._work = _Work(node, called, statement, loop)

    def _call(self, node: ast.Call, statement: ast.stmt) -> None:
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        known = self._calls.get(node)
        if node in self._compiled and method not in _TRACING:
            self._works(node, self._compiled[node], statement)
            return
        if known is not None and known.canonical.startswith(_ASYNCHRONOUS):
            name = known.canonical.rpartition(".")[2]
            needs = name in _WAITING or (name == "where" and len(node.args) == 1)
            if needs or known.frame_is_traced:
                self._open = True
            elif known.canonical.startswith(_COMPUTING) and name not in _LIGHT:
                self._works(node, known.name, statement)
            return
        name = method or (node.func.id if isinstance(node.func, ast.Name) else "")
        if self._is_harmless(node, name, known):
            return
        if self._work is not None or self._loops or self._given(node):
            self._open = True

    def _is_harmless(self, node: ast.Call, name: str, known: Call | None) -> bool:
        """Whether a call certainly waits for nothing."""
        if known is not None and known.canonical.startswith(("time.", "timeit.", "jax.profiler.")):
            return known.canonical != "time.sleep"
        if name in _PLAIN:
            return not (name in ("list", "tuple", "next", "iter", "zip") and self._given(node))
        is_print = known is not None and known.canonical == "builtins.print"
        return (is_print or name in ("append", "set_description")) and not (
            is_print and self._given(node)
        )

    def _given(self, node: ast.Call) -> bool:
        """Whether a call gets something that the device works at, or is a method of it."""
        parts = [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(node.func, ast.Attribute):
            parts.append(node.func.value)
        return any(map(self._holds, parts))

    def _asks(self, node: ast.expr) -> bool:
        """Whether a test or text needs the numbers of what the device works at."""
        if isinstance(node, ast.Compare) and all(
            isinstance(one, (ast.Is, ast.IsNot)) for one in node.ops
        ):
            return False
        return self._holds(node)

    def _holds(self, node: ast.AST) -> bool:
        """Whether an expression is something that the device works at."""
        if isinstance(node, ast.Attribute) and node.attr in _STATIC:
            return False
        if isinstance(node, ast.Name):
            return node.id in self._device
        if isinstance(node, ast.Call):
            known = self._calls.get(node)
            if node in self._compiled or (
                known is not None and known.canonical.startswith(_ASYNCHRONOUS)
            ):
                return True
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            return name not in _PLAIN and self._given(node)
        return any(self._holds(child) for child in children(node) if not isinstance(child, _SCOPES))


def _in_profiler(
    statement: ast.With | ast.AsyncWith, block: Sequence[ast.stmt], calls: Calls, compiled: Compiled
) -> Iterator[Timing]:
    """`with jax.profiler.trace(...):` that ends before the work in it."""
    for item in statement.items:
        known = calls.get(item.context_expr)
        if known is None or known.canonical != "jax.profiler.trace":
            continue
        between = _Between(calls, compiled)
        between.run(statement.body)
        if (work := between.pending) is not None:
            yield Timing(
                *work.at(item.context_expr), statement.body[-1], statement.body, "profiler"
            )


def _in_timeit(
    statement: ast.stmt, block: Sequence[ast.stmt], calls: Calls, compiled: Compiled
) -> Iterator[Timing]:
    """`timeit.timeit(lambda: f(x))`."""
    if isinstance(statement, (*_BLOCKS, *_SCOPES)):
        return
    for node in walk(statement):
        known = calls.get(node) if isinstance(node, ast.Call) else None
        if known is None or not isinstance(node, ast.Call) or not node.args:
            continue
        measured = node.args[0]
        if not known.canonical.startswith("timeit.") or not isinstance(measured, ast.Lambda):
            continue
        between = _Between(calls, compiled)
        between.part(ast.Expr(measured.body))
        work = between.pending
        if work is not None and not _is_of_something_else([statement]):
            yield Timing(
                measured.body, work.node, work.called, statement, None, statement, block, "timeit"
            )

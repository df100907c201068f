"""Loops that call compiled functions, and where each iteration waits for what these compute.

A compiled call returns before the device is done; who asks for a number waits. What is followed are the
names that a loop binds to results of such a call, through its assignments.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.semantic.events import CompiledCallSeen
from jaxsight_analyzers.semantic.expressions import place_of
from jaxsight_analyzers.semantic.states import root_of
from jaxsight_analyzers.semantic.streams import Call, Places
from jaxsight_analyzers.semantic.trees import TRIES, walk

Calls = Mapping[ast.AST, Call]

_CASTS = ("builtins.float", "builtins.int", "numpy.asarray", "numpy.array", "jax.device_get")
_METHODS = ("item", "tolist")
_STATIC = ("shape", "ndim", "size", "dtype", "nbytes")
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_PRINTS = ("builtins.print", "logging.info", "logging.debug", "absl.logging.info")
_LOGS = (
    *("set_postfix", "set_postfix_str", "set_description", "add_scalar", "scalar"),
    *("log", "log_metrics", "write_scalars", "write"),
)
"""Methods of progress bars and of what writes summaries."""

_NOT_TRAINING = (
    "bench",
    "debug",
    "eval",
    "infer",
    "predict",
    "profil",
    "test",
    "time",
    "valid",
    "warm",
)
"""Parts of the names of functions in which waiting is the point, or of no account."""

_NEAR = 3  # lines between a loop and what measures its time
_TIMERS = ("time", "prof", "trace", "measure")
"""Parts of the names of contexts that measure what runs in them."""

_FEW = 16
"""A loop over a literal range of so many is over before it matters."""


class HostSync(NamedTuple):
    """A place in a loop that waits for the device in each iteration."""

    node: ast.expr
    span: Span
    kind: str  # "append" to a list, "log", "total" that is summed up, "wait"
    how: str  # what waits: `float`, `.item()`, `print`
    value: ast.expr  # what it waits for
    step: str  # the compiled function
    call_span: Span
    statement: ast.stmt
    loop: ast.For | ast.While
    kept_in: str | None  # the name of the list


def host_syncs(seen: Iterable[CompiledCallSeen], places: Places, calls_at: Calls) -> list[HostSync]:
    """The places, loop by loop."""
    loops: dict[ast.For | ast.While, dict[ast.AST, CompiledCallSeen]] = {}
    for event in seen:
        if event.frame.is_test or _is_aside(event.frame.name) or _is_aside(event.name):
            continue
        if isinstance(event.loop, (ast.For, ast.While)) and not _is_short(event.loop):
            loops.setdefault(event.loop, {})[event.node] = event
    return [
        found
        for loop, calls in loops.items()
        for found in _Loop(loop, calls, places, calls_at).found()
        if not _is_aside(found.kept_in or "")
    ]


def _is_aside(name: str) -> bool:
    """Whether something is by its name for evaluation, a test or a measurement."""
    lowered = name.lower()
    return any(part in lowered for part in _NOT_TRAINING) or "val" in lowered.split("_")


def _is_short(loop: ast.For | ast.While) -> bool:
    """Whether a loop has few iterations by its text."""
    over = loop.iter if isinstance(loop, ast.For) else None
    if isinstance(over, (ast.Tuple, ast.List)):
        return True
    if not isinstance(over, ast.Call) or not over.args or not isinstance(over.func, ast.Name):
        return False
    last = over.args[-1]
    is_range = over.func.id == "range" and isinstance(last, ast.Constant)
    return is_range and isinstance(last.value, int) and last.value <= _FEW  # type: ignore[union-attr]


class _Loop:
    """One loop, and what its names hold."""

    def __init__(
        self,
        loop: ast.For | ast.While,
        calls: Mapping[ast.AST, CompiledCallSeen],
        places: Places,
        calls_at: Calls,
    ) -> None:
        self.loop = loop
        self.calls = calls
        self.places = places
        self.calls_at = calls_at
        self.device: dict[str, CompiledCallSeen] = {}  # names of what is computed on the device
        self.host: set[str] = set()  # names of numbers that were waited for

    def found(self) -> list[HostSync]:
        """The places that wait, if nothing in the loop needs the numbers anyway."""
        statements = list(_statements(self.loop.body))
        found = [sync for one in statements for sync in self._in(one)]
        names = {*self.device, *self.host}
        tests = (
            [*_tests(self.loop), *(self.loop.test,)]
            if isinstance(self.loop, ast.While)
            else _tests(self.loop)
        )
        if any(not names.isdisjoint(_names(test)) for test in tests) or self._is_timed(statements):
            return []
        return found

    def _is_timed(self, statements: Iterable[ast.stmt]) -> bool:
        for node in walk(self.loop):
            if isinstance(node, (ast.With, ast.AsyncWith)):
                text = " ".join(ast.dump(item.context_expr) for item in node.items).lower()
                if any(word in text for word in _TIMERS):
                    return True
        inside = (node for statement in statements for node in walk(statement))
        return any(self._asks_the_time(node) for node in inside) or self._is_measured()

    def _is_measured(self) -> bool:
        """Whether the time is asked for right before the loop and right after it."""
        start, end = self.loop.lineno, self.loop.end_lineno or 0
        calls = [node for node in self.calls_at if isinstance(node, ast.Call)]
        asked = [node.lineno for node in calls if self._asks_the_time(node)]
        before = any(start - _NEAR <= line < start for line in asked)
        return before and any(end < line <= end + _NEAR for line in asked)

    def _asks_the_time(self, node: ast.AST) -> bool:
        call = self.calls_at.get(node) if isinstance(node, ast.Call) else None
        return call is not None and call.facts is not None and call.facts.effect == "time"

    def _in(self, statement: ast.stmt) -> Iterator[HostSync]:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            self._bind(targets, statement.value)
        elif isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
            waiting = self._conversion(statement.value)
            if waiting is not None and waiting[0] is statement.value:
                yield self._sync("total", statement, *waiting)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            yield from self._in_call(statement, statement.value)

    def _bind(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        made = next((self.calls[node] for node in walk(value) if node in self.calls), None)
        bound = [n.id for t in targets for n in walk(t) if isinstance(n, ast.Name)]
        if made is not None:
            self.device.update(dict.fromkeys(bound, made))
        elif self._conversion(value) is not None:
            self.host.update(bound)
        else:
            used = self._event_of(value)
            for name in bound:
                self.device.pop(name, None)
                if used is not None:
                    self.device[name] = used

    def _in_call(self, statement: ast.Expr, node: ast.Call) -> Iterator[HostSync]:
        known, function = self.calls_at.get(node), node.func
        qualified = "" if known is None else known.canonical
        method = function.attr if isinstance(function, ast.Attribute) else ""
        waiting = next((w for a in _arguments(node) if (w := self._conversion(a))), None)
        if method == "append" and len(node.args) == 1 and isinstance(function, ast.Attribute):
            if waiting is not None and waiting[0] is node.args[0]:
                kept = function.value.id if isinstance(function.value, ast.Name) else None
                yield self._sync("append", statement, *waiting, kept_in=kept)
        elif qualified in _PRINTS or qualified.startswith("absl.logging."):
            shown = waiting or self._shown(node)
            if shown is not None:
                yield self._sync(
                    "log", statement, node, f"`{known.name if known else 'print'}`", shown[2]
                )
        elif method in _LOGS and waiting is not None:
            yield self._sync("log", statement, *waiting)
        elif qualified == "jax.block_until_ready" and node.args and self._is_device(node.args[0]):
            yield self._sync("wait", statement, node, "`jax.block_until_ready`", node.args[0])
        elif isinstance(function, ast.Attribute) and method == "block_until_ready":
            yield from self._waits(statement, node, function.value)

    def _waits(self, statement: ast.Expr, node: ast.Call, value: ast.expr) -> Iterator[HostSync]:
        if self._is_device(value):
            yield self._sync("wait", statement, node, "`.block_until_ready()`", value)

    def _shown(self, node: ast.Call) -> tuple[ast.expr, str, ast.expr] | None:
        """What a `print` shows of the device."""
        for argument in _arguments(node):
            parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
            for part in parts:
                shown = part.value if isinstance(part, ast.FormattedValue) else part
                if not isinstance(shown, ast.Constant) and self._is_device(shown):
                    return node, "`print`", shown
        return None

    def _conversion(self, node: ast.expr) -> tuple[ast.expr, str, ast.expr] | None:
        """In an expression, what makes a number of something on the device, its name and that."""
        for inner in walk(node):
            if not isinstance(inner, ast.Call):
                continue
            converted = self._converted(inner)
            if converted is not None and self._is_device(converted[1]):
                return inner, *converted
        return None

    def _converted(self, node: ast.Call) -> tuple[str, ast.expr] | None:
        """What a call converts to numbers, after the name of what does."""
        known, method = self.calls_at.get(node), node.func
        if known is not None and known.canonical in _CASTS and len(node.args) == 1:
            return f"`{known.name}`", node.args[0]
        if isinstance(method, ast.Attribute) and method.attr in _METHODS and not node.args:
            return f"`.{method.attr}()`", method.value
        return None

    def _is_device(self, node: ast.expr) -> bool:
        return self._event_of(node) is not None

    def _event_of(self, node: ast.expr) -> CompiledCallSeen | None:
        if any(self._leads_away(inner) for inner in walk(node)):
            return None
        return next((self.device[name] for name in _names(node) if name in self.device), None)

    def _leads_away(self, node: ast.AST) -> bool:
        """Whether a part of an expression is static, or nobody knows where it is computed."""
        if isinstance(node, ast.Attribute):
            return node.attr in _STATIC
        if isinstance(node, ast.Call) and node not in self.calls:
            known = self.calls_at.get(node)
            if known is not None:
                return not known.canonical.startswith("jax.")
            called = place_of(node.func)
            return called is None or root_of(called) not in self.device
        return isinstance(node, _COMPREHENSIONS)

    def _sync(
        self,
        kind: str,
        statement: ast.stmt,
        node: ast.expr,
        how: str,
        value: ast.expr,
        kept_in: str | None = None,
    ) -> HostSync:
        event = self._event_of(value)
        assert event is not None
        span, call = self.places.span(node), self.places.span(event.node)
        return HostSync(
            node, span, kind, how, value, event.name, call, statement, self.loop, kept_in
        )


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that each iteration runs: not those of loops, branches and definitions in it."""
    for statement in body:
        if isinstance(statement, (ast.With, ast.AsyncWith, *TRIES)):
            yield from _statements(statement.body)
        else:
            yield statement


def _tests(loop: ast.For | ast.While) -> list[ast.expr]:
    """What the iterations of a loop branch on."""
    return [
        node.test
        for node in walk(loop)
        if isinstance(node, (ast.If, ast.While, ast.IfExp, ast.Assert))
    ]


def _arguments(node: ast.Call) -> list[ast.expr]:
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def _names(node: ast.AST) -> dict[str, None]:
    return dict.fromkeys(inner.id for inner in walk(node) if isinstance(inner, ast.Name))

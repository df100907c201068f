"""The custom derivative rules of the user's program: which there are, and which can be set aside.

`jax.custom_vjp` and `jax.custom_jvp` objects are watched while the program is traced. One that is
set aside is traced as its plain function, so that jax differentiates the primal itself: comparing
the two derivatives is exact and tells which rule is wrong.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from types import CodeType
from typing import Any, Optional, cast

from jaxsight_runner.data import dataclass
from jaxsight_runner.failures import is_user_file

_INTENDED = re.compile(r"#\s*jaxsight:\s*intended-gradient\b\s*(.*)")


@dataclass(frozen=True)
class CustomRule:
    """One custom rule: the object that carries it and the user's functions it is made of."""

    owner: Any  # a jax.custom_vjp or jax.custom_jvp
    name: str
    primal: Callable[..., Any]
    functions: tuple[Callable[..., Any], ...]  # forward and backward, or jvp
    called: Optional[tuple[str, int]] = None  # of a library's rule: the user's line that uses it

    @property
    def forward(self) -> Optional[tuple[str, int]]:
        """File and line of the function that gives the value while it is differentiated."""
        found = _place(self.functions[0]) if self.functions else None
        return found if found is not None and is_user_file(found[0]) else self.place

    @property
    def last_line(self) -> Optional[int]:
        """Where the function that `place` names ends."""
        place = self.place
        for function in (*reversed(self.functions), self.primal):
            if place is not None and _place(function) == place:
                return max(_lines(_unwrapped(function).__code__), default=place[1])
        return None

    @property
    def place(self) -> Optional[tuple[str, int]]:
        """File and line of the rule: its backward or jvp function, else its primal."""
        if self.called is not None:
            return self.called
        for function in (*reversed(self.functions), self.primal):
            found = _place(function)
            if found is not None and is_user_file(found[0]):
                return found
        return None


class RuleWatch:
    """Sees which custom rules a trace uses."""

    def __init__(self) -> None:
        self.seen: dict[int, CustomRule] = {}
        self.of_libraries: dict[int, CustomRule] = {}

    @contextmanager
    def watching(self, aside: tuple[CustomRule, ...] = ()) -> Generator[None, None, None]:
        """While active, rules are recorded, and those in `aside` are traced as plain functions.

        Compiled functions remember their traces, which are forgotten before and after.
        """
        jax = import_module("jax")
        skipped = {id(rule.owner) for rule in aside}
        classes = (jax.custom_vjp, jax.custom_jvp)
        originals = [cls.__call__ for cls in classes]
        for index, cls in enumerate(classes):
            cls.__call__ = self._watched(originals[index], skipped)
        jax.clear_caches()
        try:
            yield
        finally:
            for index, cls in enumerate(classes):
                cls.__call__ = originals[index]
            if skipped:
                jax.clear_caches()

    def _see(self, owner: Any) -> None:
        if id(owner) in self.seen or id(owner) in self.of_libraries:
            return
        if _users_functions(owner.fun):
            self.seen[id(owner)] = _describe(owner)
            return
        place = calling_line()
        if place is not None:
            name = getattr(owner.fun, "__name__", "a custom rule").lstrip("_")
            self.of_libraries[id(owner)] = CustomRule(owner, name, owner.fun, (), place)

    def _watched(self, original: Callable[..., Any], skipped: set[int]) -> Callable[..., Any]:
        def call(owner: Any, *args: Any, **kwargs: Any) -> Any:
            self._see(owner)
            if id(owner) in skipped:
                return owner.fun(*args, **kwargs)
            return original(owner, *args, **kwargs)

        return call


def intended(rule: CustomRule, path: str, text: str) -> Optional[str]:
    """Why the rule is meant to differ, from the comment above its parts; None if none says so."""
    starts: set[int] = set()
    for function in (rule.primal, *rule.functions):
        found = _place(function)
        if found is not None and found[0] == path:
            starts.add(found[1])
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            on_rule = isinstance(node.func.value, ast.Name) and node.func.value.id == rule.name
            if on_rule and node.func.attr in ("defvjp", "defjvp", "defjvps"):
                starts.add(node.lineno)
    return next(filter(None, (declared(line, text) for line in sorted(starts))), None)


def declared(line: int, text: str) -> Optional[str]:
    """Why what a line does to gradients is meant, from a comment on it or above it."""
    lines = text.splitlines()
    if not 0 < line <= len(lines):
        return None
    match = _INTENDED.search(lines[line - 1])
    while match is None and line > 1 and lines[line - 2].lstrip().startswith("#"):
        line -= 1
        match = _INTENDED.search(lines[line - 1])
    return (match.group(1).strip() or "declared in the source") if match else None


def declared_around(line: int, text: str) -> Optional[str]:
    """The same, from a comment on the line, above it, or above the innermost function that it is in."""
    starts = [line]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            if first <= line <= (node.end_lineno or first):
                starts.append(first)
    innermost = [starts[0], *sorted(starts[1:])[-1:]]
    return next(filter(None, (declared(start, text) for start in innermost)), None)


def _describe(owner: Any) -> CustomRule:
    # `jax.custom_gradient` wraps the user's function in one of its own
    primal = _users_functions(owner.fun)[0]
    parts = [getattr(owner, name, None) for name in ("fwd", "bwd", "jvp")]
    functions: list[Callable[..., Any]] = []
    for part in parts:
        if callable(part):
            functions += _users_functions(part)
    return CustomRule(owner, getattr(primal, "__name__", "a custom rule"), primal, tuple(functions))


def _users_functions(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """The function, or for one that jax built around the user's (`defjvps`), what it closes over."""
    place = _place(function)
    if place is not None and is_user_file(place[0]):
        return [_unwrapped(function)]
    found: list[Callable[..., Any]] = []
    for cell in getattr(_unwrapped(function), "__closure__", None) or ():
        held: Any = cell.cell_contents
        items = cast("tuple[Any, ...]", held) if isinstance(held, tuple) else (held,)
        for item in items:
            item_place = _place(item)
            if inspect.isfunction(item) and item_place and is_user_file(item_place[0]):
                found.append(item)
    return found


def _unwrapped(function: Any) -> Any:
    while hasattr(function, "func"):  # partial
        function = function.func
    return inspect.unwrap(function) if callable(function) else function


def _lines(code: CodeType) -> set[int]:
    """The lines of a function, and of those that are defined in it."""
    found = {line for _, _, line in code.co_lines() if line}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _lines(constant)
    return found


def _place(function: Any) -> Optional[tuple[str, int]]:
    code = getattr(_unwrapped(function), "__code__", None)
    return None if code is None else (code.co_filename, code.co_firstlineno)


def calling_line() -> Optional[tuple[str, int]]:
    """The user's innermost line that runs."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        if is_user_file(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None

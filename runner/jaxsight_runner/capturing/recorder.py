"""Hears of every call of the watched function, and keeps what its arguments are like."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import field
from time import perf_counter
from types import FrameType
from typing import Any, Literal, Optional

from jaxsight_runner.capturing.description import Argument, describe
from jaxsight_runner.capturing.expressions import Names
from jaxsight_runner.capturing.tracers import (
    class_of,
    concrete,
    enclosing_arguments,
    is_abstract,
    is_array,
    is_tracer,
    leaves,
    with_inputs,
)
from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol import CapturedSignature

_CLOSELY = 3
"""So many calls of each signature are looked at closely: their numbers are read."""

_MOST_SIGNATURES = 16
_SHARE = 0.02
_GRACE = 0.5
"""Looking takes at most this share of the program's time, beyond these seconds."""

_MOST_BYTES = 1 << 31
"""So much is read of one call's arrays; the rest goes without statistics."""

Bind = Callable[[tuple[Any, ...], Mapping[str, Any]], Mapping[str, Any]]
Around = tuple[Optional[Bind], Optional[FrameType]]
"""How arguments bind to the parameters, if a call around it is to be looked for, and who called."""

Give = Callable[[], tuple[Mapping[str, Any], Mapping[str, Any]]]
"""The arguments by parameter, and the module's names; asked for only where a call is looked at."""

Values = Literal["concrete", "enclosing", "abstract"]


@dataclass
class Signature:
    """Calls whose arguments are alike."""

    values: Values
    arguments: list[Argument] = field(default_factory=list[Argument])
    calls: int = 0
    close: int = 0
    kept: Optional[str] = None

    def report(self) -> CapturedSignature:
        """What the report says of it."""
        arguments = tuple(argument.report() for argument in self.arguments)
        return CapturedSignature(self.calls, self.values, arguments, self.kept)


class Recorder:
    """One function's calls, in the process that was started; forked ones are not heard."""

    def __init__(self, names: Callable[[Mapping[str, Any]], Names]) -> None:
        self.calls = 0
        self.looked_at = 0
        self.notes: dict[str, None] = {}
        self.on_news: Callable[[], None] = lambda: None
        self.stop_after: Optional[int] = None
        self.end: Callable[[], None] = lambda: None
        self.keep: Optional[Callable[[Sequence[Argument]], Optional[str]]] = None
        self._names = names
        self._known: dict[Any, Signature] = {}
        self._lock = threading.RLock()
        self._inside = threading.local()
        self.process = os.getpid()
        self._spent = 0.0
        self._began = perf_counter()

    def report(self) -> tuple[CapturedSignature, ...]:
        """The signatures, those with values and the most frequent first."""
        order = {"concrete": 0, "enclosing": 1, "abstract": 2}
        known = sorted(self._known.values(), key=lambda one: (order[one.values], -one.calls))
        return tuple(one.report() for one in known)

    def call(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        give: Give,
    ) -> Any:
        """A call from outside: look at it and make it; what it calls on the way in is the same call."""
        around = (None, sys._getframe(1))  # pyright: ignore[reportPrivateUsage]
        enough = self.look(give, around)
        depth = getattr(self._inside, "depth", 0)
        self._inside.depth = depth + 1
        try:
            result = function(*args, **kwargs)
        finally:
            self._inside.depth = depth
        if enough:  # not before the call: its surroundings may rely on it
            self.end()
        return result

    def enter(
        self,
        seen: Mapping[str, Any],
        bind: Bind,
        scope: Mapping[str, Any],
        caller: Optional[FrameType],
    ) -> None:
        """The body begins, which nobody saw from outside."""
        if getattr(self._inside, "depth", 0):
            return
        if self.look(lambda: (seen, scope), (bind, caller)):
            self.end()

    def look(
        self,
        give: Give,
        around: Around,
    ) -> bool:
        """Take a call into account; whether that was enough, and the program is to end."""
        if os.getpid() != self.process:
            return False
        with self._lock:
            self.calls += 1
            if self._spent <= _GRACE + _SHARE * (perf_counter() - self._began):
                self._look_quietly(give, around)
            enough = self.stop_after is not None and self.calls >= self.stop_after
            if enough:
                self.on_news()
        return enough

    def _look_quietly(
        self,
        give: Give,
        around: Around,
    ) -> None:
        """Nothing that goes wrong here reaches the user's program."""
        began = perf_counter()
        self.looked_at += 1
        try:
            with _transfers_allowed():
                given, scope = give()
                signature, given = self._recognise(given, around)
                self._spent += perf_counter() - began
                if signature is not None:
                    self._count(signature, given, scope)
        except Exception as error:  # of the user's objects: their `__eq__`, `tree_flatten`, ...
            self.notes[f"a call could not be looked at: {type(error).__name__}: {error}"[:300]] = (
                None
            )

    def _recognise(
        self, given: Mapping[str, Any], around: Around
    ) -> tuple[Optional[Signature], Mapping[str, Any]]:
        """The calls that this one is like, and its arguments, those of the call around it if it is traced."""
        values: Values = "concrete"
        if any(is_abstract(value) for value in given.values()):
            bind, caller = around
            outer = enclosing_arguments(given, bind, caller) if bind is not None else None
            if outer is None and not _are_known(given):
                given = with_inputs(given, caller)
                is_known = not any(is_abstract(value) for value in given.values())
                values = "enclosing" if is_known else "abstract"
            elif outer is not None:
                values, given = "enclosing", outer
        key = (values, _key(given))
        if key not in self._known and len(self._known) == _MOST_SIGNATURES:
            self.notes["more kinds of calls were seen than are told apart here"] = None
            return None, given
        return self._known.setdefault(key, Signature(values)), given

    def _count(
        self, signature: Signature, given: Mapping[str, Any], scope: Mapping[str, Any]
    ) -> None:
        signature.calls += 1
        if signature.close < _CLOSELY:
            self._look_closely(signature, given, scope)
            self.on_news()
        elif self.calls & (self.calls - 1) == 0:
            self.on_news()

    def _look_closely(
        self, signature: Signature, given: Mapping[str, Any], scope: Mapping[str, Any]
    ) -> None:
        names = self._names(scope)
        arguments = [describe(name, value, names) for name, value in given.items()]
        if not signature.close:
            signature.arguments = arguments
            if self.keep is not None and signature.values != "abstract":
                signature.kept = self.keep(arguments)
        for argument, more in zip(signature.arguments, arguments):
            argument.add(more)
        room = _MOST_BYTES
        for argument in signature.arguments:
            room = argument.tally(room)
        for argument in arguments:
            argument.forget()
        signature.close += 1


def _are_known(given: Mapping[str, Any]) -> bool:
    """Whether every tracer carries numbers: those of `grad` and `vmap` without `jit` do."""
    found = [leaf for value in given.values() for leaf in leaves(value) if is_tracer(leaf)]
    return all(concrete(leaf) is not None for leaf in found)


def _key(given: Mapping[str, Any]) -> Any:
    """What is the same for calls whose arguments are alike."""
    tree_util: Any = getattr(sys.modules.get("jax"), "tree_util", None)
    if tree_util is None:
        return tuple((name, _leaf_key(value)) for name, value in given.items())
    flat, structure = tree_util.tree_flatten(dict(given))
    key = (structure, tuple(map(_leaf_key, flat)))
    try:
        hash(key)
    except TypeError:  # static data that cannot be hashed
        return (str(structure), key[1])
    return key


def _leaf_key(leaf: Any) -> object:
    if is_tracer(leaf) or is_array(leaf):
        return (leaf.shape, str(leaf.dtype))
    if isinstance(leaf, (bool, str, bytes)):
        return (type(leaf), leaf)
    return class_of(leaf)


@contextlib.contextmanager
def _transfers_allowed() -> Generator[None]:
    """The user may forbid transfers; ours are not theirs."""
    guard: Any = getattr(sys.modules.get("jax"), "transfer_guard", None)
    with guard("allow") if guard is not None else contextlib.nullcontext():
        yield

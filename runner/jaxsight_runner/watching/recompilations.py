"""Which functions JAX traces again, and why: read from what `jax_explain_cache_misses` logs."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Optional

from jaxsight_runner.data import dataclass

_LOGGERS = ("jax._src.pjit", "jax._src.interpreters.partial_eval")
_HEAD = re.compile(r"TRACING CACHE MISS at (?P<path>.+?):(?P<line>\d+)(?::\d+)? \(")
_SUBJECT = re.compile(
    r"(?:for (?P<known>\S+) defined at|never seen function:\s+(?P<new>\S+) id=\d+ defined at)"
    r" (?P<path>.+?):(?P<line>\d+)"
)
_TYPE = r"\w+\[[^\]]*\](?:\(\{[^}]*\}\)|\{[^}]*\})*"  # of `f32[3]({}){weak_type=True}`
_NOW_BEFORE = re.compile(rf"\* at (\S+), now ({_TYPE}) and before ({_TYPE})")
_SEEN_NOW = re.compile(r"\* at (\S+), seen (\S+), but now given (\S+)")
_STATIC = re.compile(r"static \w+:\s+now (.+?) and before (.+)")
_STATICS = "static arguments"  # JAX does not name the one that is another
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_REDEFINED = "re-defined repeatedly"
_DETAIL = re.compile(r"\(\{\}\)|\{weak_type=\w+\}|\{strong_type\}")


@dataclass(frozen=True)
class Miss:
    """A function that was traced although it had been traced before."""

    function: str
    path: str  # of the call
    line: int
    defined_path: str
    defined_line: int
    redefined: bool  # it is a new function each time
    changes: tuple[tuple[str, str, str], ...]  # argument, before, now

    @property
    def why(self) -> str:
        """The reason in words."""
        if self.redefined:
            return "it is a new function each time"
        if not self.changes:
            return "a static argument, or a setting of JAX, is another one"
        name, before, now = self.changes[0]
        if name == _STATICS:
            return _of_statics(_shown(before), _shown(now))
        if _plain(before) == _plain(now):
            before, now = _weakness(before), _weakness(now)
        else:
            before, now = _plain(before), _plain(now)
        return f"`{name}` is {now} and was {before}"


@contextmanager
def watching_misses() -> Generator[list[Miss], None, None]:
    """Collect misses while the block runs; nothing of them is printed."""
    config = import_module("jax").config
    found: list[Miss] = []
    handler = _Collector(found)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger, logger.propagate, logger.level) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
    config.update("jax_explain_cache_misses", True)
    try:
        yield found
    finally:
        config.update("jax_explain_cache_misses", False)
        for logger, propagate, level in before:
            logger.removeHandler(handler)
            logger.propagate = propagate
            logger.setLevel(level)


class _Collector(logging.Handler):
    def __init__(self, found: list[Miss]) -> None:
        super().__init__(logging.WARNING)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        miss = parse_miss(record.getMessage())
        if miss is not None:
            self._found.append(miss)


def parse_miss(text: str) -> Optional[Miss]:
    """One message of JAX's; None where it is about something else. The wording differs by release."""
    head, subject = _HEAD.search(text), _SUBJECT.search(text)
    if head is None or subject is None:
        return None
    changes = [(name, before, now) for name, now, before in _NOW_BEFORE.findall(text)]
    changes += _SEEN_NOW.findall(text)
    changes += [(_STATICS, before, now) for now, before in _STATIC.findall(text)]
    return Miss(
        function=(subject["known"] or subject["new"]).replace("<locals>.", ""),
        path=head["path"],
        line=int(head["line"]),
        defined_path=subject["path"],
        defined_line=int(subject["line"]),
        redefined=_REDEFINED in text,
        changes=tuple(changes),
    )


def _plain(value: str) -> str:
    return _DETAIL.sub("", value)


def _shown(value: str) -> str:
    text = _ADDRESS.sub("", value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _of_statics(before: str, now: str) -> str:
    if before == now:
        return f"a static argument, {now}, is another object that does not equal the one before"
    return f"a static argument is another one: {now}, before {before}"


def _weakness(value: str) -> str:
    """Of two values that differ in nothing else: a Python number or an array."""
    if "weak_type=True" in value:
        return f"a Python number ({_plain(value)}, weak)"
    return f"an array ({_plain(value)})" if "weak_type=False" in value else value

"""Watches functions of the user's run, and keeps the shape of what each line sets.

`sys.monitoring` from Python 3.12 on: other people's code is told to be quiet after its first call. Before it,
`sys.settrace`, which returns None for it. Only names that the finished line stored are read.
"""

from __future__ import annotations

import ast
import dis
import inspect
import linecache
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import field
from functools import cache
from types import CodeType, FrameType
from typing import Any, Literal, Optional, cast

from jaxsight_runner.data import dataclass
from jaxsight_runner.failures import is_user_file
from jaxsight_runner.tracing.shape_text import shape_of

Kind = Literal["parameter", "local", "return"]


@dataclass(frozen=True)
class Place:
    """Where a value was seen."""

    path: str
    line: int
    name: str
    function: str
    kind: Kind


@dataclass
class Recorder:
    """What was seen, in order: for each place the different shapes."""

    seen: dict[Place, list[str]] = field(default_factory=dict[Place, "list[str]"])
    _lines: dict[int, int] = field(default_factory=dict[int, int])  # of each running frame

    @contextmanager
    def watching(self) -> Generator[None, None, None]:
        """Record everything that runs inside."""
        watch = _monitored if sys.version_info >= (3, 12) else _traced
        with watch(self):
            yield

    def begin(self, frame: FrameType) -> None:
        """A function was called: its parameters."""
        code, values = frame.f_code, frame.f_locals
        count = code.co_argcount + code.co_kwonlyargcount
        count += bool(code.co_flags & _VARARGS) + bool(code.co_flags & _VARKEYWORDS)
        for name in code.co_varnames[:count]:
            if name in values and not name.startswith("."):
                self._keep(code, _line_of_definition(code), name, "parameter", values[name])

    def line(self, frame: FrameType, line: int) -> None:
        """A line begins, so the one before it is done."""
        self._finish(frame)
        self._lines[id(frame)] = line

    def end(self, frame: FrameType, value: object) -> None:
        """A function returned."""
        self._finish(frame)
        line = self._lines.pop(id(frame), None)
        if line is not None and not frame.f_code.co_flags & _GENERATORS:
            self._keep(frame.f_code, line, "return", "return", value)

    def unwind(self, frame: FrameType) -> None:
        """A function was left by an exception: what its last line had set stays unknown."""
        self._lines.pop(id(frame), None)

    def _finish(self, frame: FrameType) -> None:
        line = self._lines.get(id(frame))
        names = _stores(frame.f_code).get(line, ()) if line is not None else ()
        if not names or line is None:
            return
        values = frame.f_locals
        for name in names:
            if name in values:
                self._keep(frame.f_code, line, name, "local", values[name])

    def _keep(self, code: CodeType, line: int, name: str, kind: Kind, value: object) -> None:
        shape = shape_of(value)
        if shape is None:
            return
        place = Place(code.co_filename, line, name, _name(code), kind)
        shapes = self.seen.setdefault(place, [])
        if shape not in shapes:
            shapes.append(shape)


_VARARGS, _VARKEYWORDS = 0x04, 0x08  # as in `inspect`
_GENERATORS = 0x20 | 0x80 | 0x200


def _name(code: CodeType) -> str:
    return str(getattr(code, "co_qualname", code.co_name))


@cache
def _stores(code: CodeType) -> dict[int, tuple[str, ...]]:
    """The local names that each line of a function stores."""
    found: dict[int, list[str]] = {}
    line: Optional[int] = None
    for instruction in dis.get_instructions(code):
        line = _line_of(instruction) or line
        if line is None or not instruction.opname.startswith(("STORE_FAST", "STORE_DEREF")):
            continue
        value: object = instruction.argval
        names = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
        for name in names:  # one instruction may store two
            if isinstance(name, str) and name not in found.setdefault(line, []):
                found[line].append(name)
    return {line: tuple(names) for line, names in found.items()}


def _line_of_definition(code: CodeType) -> int:
    """The line of the `def`, which a decorator may stand above."""
    return _definitions(code.co_filename).get(code.co_firstlineno, code.co_firstlineno)


@cache
def _definitions(path: str) -> dict[int, int]:
    """The first line of each decorated function, and that of its `def`."""
    try:
        tree = ast.parse("".join(linecache.getlines(path)))
    except (SyntaxError, ValueError):
        return {}
    return {
        node.decorator_list[0].lineno: node.lineno
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.decorator_list
    }


def _line_of(instruction: dis.Instruction) -> Optional[int]:
    if sys.version_info >= (3, 13):
        return instruction.line_number
    return instruction.starts_line


@contextmanager
def _traced(recorder: Recorder) -> Generator[None, None, None]:
    def local(frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        if event == "line":
            recorder.line(frame, frame.f_lineno)
        elif event == "exception":
            failed.add(id(frame))
        elif event == "return":
            # an exception that leaves the frame returns None too
            if id(frame) in failed and argument is None:
                recorder.unwind(frame)
            else:
                recorder.end(frame, argument)
            failed.discard(id(frame))
        return local

    def call(frame: FrameType, event: str, _argument: Any) -> Optional[Callable[..., Any]]:
        if event != "call" or not is_user_file(frame.f_code.co_filename):
            return None
        recorder.begin(frame)
        return local

    failed: set[int] = set()
    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield
    finally:
        sys.settrace(before)


def _caller() -> FrameType:
    """The frame that a callback is about."""
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None and frame.f_back.f_back is not None
    return frame.f_back.f_back


@contextmanager
def _monitored(recorder: Recorder) -> Generator[None, None, None]:
    monitoring: Any = vars(sys)["monitoring"]
    events = monitoring.events
    tool = next(number for number in (3, 4, 1, 0, 2, 5) if monitoring.get_tool(number) is None)

    def start(code: CodeType, _offset: int) -> Any:
        if not is_user_file(code.co_filename):
            return monitoring.DISABLE
        recorder.begin(_caller())
        monitoring.set_local_events(tool, code, events.LINE | events.PY_RETURN)
        return None

    def line(_code: CodeType, number: int) -> None:
        recorder.line(_caller(), number)

    def end(_code: CodeType, _offset: int, value: object) -> None:
        recorder.end(_caller(), value)

    def unwind(code: CodeType, _offset: int, _error: BaseException) -> None:
        if is_user_file(code.co_filename):
            recorder.unwind(_caller())

    monitoring.use_tool_id(tool, "jaxsight")
    try:
        monitoring.register_callback(tool, events.PY_START, start)
        monitoring.register_callback(tool, events.LINE, line)
        monitoring.register_callback(tool, events.PY_RETURN, end)
        monitoring.register_callback(tool, events.PY_UNWIND, unwind)
        monitoring.set_events(tool, events.PY_START | events.PY_UNWIND)
        yield
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)
        monitoring.restart_events()

"""Reads tracebacks as people have them: Python's, IPython's and pytest's, filtered by JAX or not, in a log or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_HEAD = re.compile(r"Traceback \(most recent call last\)")
_PYTHON = re.compile(r'^\s*File "(?P<path>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
_IPYTHON = re.compile(
    r"^(?:File )?(?P<path>\S.*?\.py)(?::(?P<line>\d+))?,? in (?P<function>[\w.<>]+)(?:\(.*)?$"
    r"|^(?:Cell |Input )?(?P<cell>In ?\[\d+\]|<ipython-input-[^>]+>)"
    r"(?:, line (?P<cell_line>\d+)|:(?P<old_line>\d+))?(?:,? in (?P<cell_function>[\w.<>]+).*)?$"
)
_ARROW = re.compile(r"^-+> *(?P<line>\d+) (?P<code>.*)$")
_PYTEST = re.compile(r"^(?P<path>\S.*?\.py):(?P<line>\d+):(?: in (?P<function>\S+)| [A-Z]\w+|)$")
_PYTEST_CODE = re.compile(r"^>\s+(?P<code>.*)$")
_PYTEST_ERROR = re.compile(r"^E {3}(?P<text>.*)$")
_PYTEST_TITLE = re.compile(r"^(?:_{3,} .+ _{3,}|={3,} .+ ={3,})$")
_EXCEPTION = re.compile(r"^(?P<kind>(?:\w+\.)*[A-Z]\w*)(?:: (?P<text>.*)|:?)$")
_WARNING = re.compile(r"^(?P<path>\S.*?\.py):(?P<line>\d+): (?P<kind>\w+Warning): (?P<text>.*)$")
_CHAINED = re.compile(
    r"^(?:The above exception was|During handling of the above|The preceding (?:is|stack trace)"
    r"|The stack trace below|For simplicity, JAX has removed)"
)
_WRAPPERS = ("UnfilteredStackTrace", "JaxStackTraceBeforeTransformation", "SimplifiedTraceback")
_PLACE = re.compile(
    r"(?P<path>[^\s:()]+\.py):(?P<line>\d+)(?::\d+)?(?: \((?P<function>[^)\n]+)\))?"
)
_OTHERS = re.compile(
    r"[/\\](?:site-packages|dist-packages)[/\\]|[/\\]lib[/\\]python3[^/\\]*[/\\]|[/\\]jax[/\\]_src[/\\]|^<(?!ipython)"
)
_LINES_OF_A_MESSAGE = 60


class Frame(NamedTuple):
    """A call in a traceback. `code` is its line as the traceback shows it; `path` may name a cell of a notebook."""

    path: str
    line: int
    function: str
    code: str

    @property
    def is_users(self) -> bool:
        """Whether it is not in an installed package, in JAX or in Python itself."""
        return _OTHERS.search(self.path) is None


class Raised(NamedTuple):
    """An exception, or a warning, and the frames that led to it, the innermost last."""

    kind: str
    message: str
    frames: tuple[Frame, ...]

    @property
    def places(self) -> tuple[Frame, ...]:
        """The user's code that has a part in it: its frames, the innermost first, then what the message names."""
        named = [
            Frame(match["path"], int(match["line"]), match["function"] or "", "")
            for match in _PLACE.finditer(self.message)
        ]
        return tuple(frame for frame in (*reversed(self.frames), *named) if frame.is_users)


def read(text: str) -> list[list[Raised]]:
    """The tracebacks in a text; each is a chain of exceptions, the one that ended the program last."""
    lines = [_COLOURS.sub("", line).rstrip() for line in text.splitlines()]
    is_pytest = any(_PYTEST_ERROR.match(line) for line in lines)
    reader = _Pytest() if is_pytest else _Plain()
    for line in lines if is_pytest else _without_prefixes(lines):
        reader.take(line)
    reader.end()
    return [chain for chain in reader.chains if chain]


def _without_prefixes(lines: list[str]) -> Iterator[str]:
    """What logs write before each line is taken away: it stands before the head of the traceback."""
    prefix: re.Pattern[str] | None = None
    for line in lines:
        head = _HEAD.search(line)
        before = line[: head.start()] if head is not None else ""
        if head is not None and _EXCEPTION.match(before.split(" ")[0]) is None:
            prefix = re.compile(re.sub(r"\d+", r"\\d+", re.escape(before))) if before else None
        match = None if prefix is None else prefix.match(line)
        yield line if match is None else line[match.end() :]


class _Reader:
    """What is known after some of the lines."""

    def __init__(self) -> None:
        self.chains: list[list[Raised]] = [[]]
        self.frames: list[Frame] = []
        self.message: list[str] = []

    def end(self) -> None:
        """An exception is complete."""
        if self.message:
            kind, text = _unwrapped("\n".join(self.message).strip())
            self.chains[-1].append(Raised(kind, text, tuple(self.frames)))
        self.frames, self.message = [], []

    def new_chain(self) -> None:
        """What follows has nothing to do with what came before."""
        self.end()
        self.chains.append([])


class _Plain(_Reader):
    """Python's and IPython's tracebacks, and warnings."""

    def __init__(self) -> None:
        super().__init__()
        self._expects_code = False
        self._is_chained = False

    def take(self, line: str) -> None:
        """Read a line."""
        if _CHAINED.match(line):
            self.end()
            self._is_chained = True
        elif _HEAD.search(line) is not None:
            self._begin()
        elif (frame := _python_frame(line) or _ipython_frame(line)) is not None:
            if self.message:
                self._begin()
            self.frames.append(frame)
            self._expects_code = True
        elif (match := _WARNING.match(line)) is not None and not self.frames:
            self.new_chain()
            self.frames.append(Frame(match["path"], int(match["line"]), "", ""))
            self.message = [f"{match['kind']}: {match['text']}"]
            self.end()
        elif self.message:
            if len(self.message) < _LINES_OF_A_MESSAGE:
                self.message.append(line)
        elif self.frames:
            self._in_frame(line)

    def _begin(self) -> None:
        if self._is_chained:
            self.end()
        else:
            self.new_chain()
        self._is_chained = False

    def _in_frame(self, line: str) -> None:
        frame = self.frames[-1]
        arrow = _ARROW.match(line)
        if arrow is not None:
            self.frames[-1] = frame._replace(line=int(arrow["line"]), code=arrow["code"].strip())
            self._expects_code = False
        elif _EXCEPTION.match(line) is not None:
            self.message.append(line)
        elif self._expects_code and line.startswith(" ") and not re.match(r" +\d+ ", line):
            self.frames[-1] = frame._replace(code=line.strip())
            self._expects_code = False


class _Pytest(_Reader):
    """The report of pytest: messages stand before the place, or after it where it is short."""

    def __init__(self) -> None:
        super().__init__()
        self._code = ""
        self._expects_code = False

    def take(self, line: str) -> None:
        """Read a line."""
        if _PYTEST_TITLE.match(line):
            self.new_chain()
        elif _CHAINED.match(line):
            self.end()
        elif (match := _PYTEST_ERROR.match(line)) is not None:
            if len(self.message) < _LINES_OF_A_MESSAGE:
                self.message.append(match["text"].removeprefix("    "))
        elif (match := _PYTEST_CODE.match(line)) is not None:
            self._code = match["code"].strip()
        elif (match := _PYTEST.match(line)) is not None:
            frame = Frame(match["path"], int(match["line"]), match["function"] or "", self._code)
            self.frames.append(frame)
            self._code, self._expects_code = "", not frame.code
        elif (frame := _python_frame(line)) is not None:  # --tb=native
            self.frames.append(frame)
            self._expects_code = True
        elif self._expects_code and line.startswith("    "):
            self.frames[-1] = self.frames[-1]._replace(code=line.strip())
            self._expects_code = False


def _python_frame(line: str) -> Frame | None:
    match = _PYTHON.match(line)
    if match is None:
        return None
    return Frame(match["path"], int(match["line"]), match["function"] or "", "")


def _ipython_frame(line: str) -> Frame | None:
    match = _IPYTHON.match(line)
    if match is None:
        return None
    number = match["line"] or match["cell_line"] or match["old_line"] or 0
    function = match["function"] or match["cell_function"] or ""
    return Frame(match["path"] or match["cell"], int(number), function, "")


def _unwrapped(text: str) -> tuple[str, str]:
    """The name of the exception, and its message; not the one that JAX wraps it in."""
    match = _EXCEPTION.match(text.partition("\n")[0])
    if match is None:
        return "", text
    kind = match["kind"].rpartition(".")[2]
    message = text[len(match["kind"]) :].removeprefix(":").strip()
    if kind in _WRAPPERS and _EXCEPTION.match(message.partition("\n")[0]) is not None:
        return _unwrapped(message)
    return kind, message

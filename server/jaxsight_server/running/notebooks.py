"""Notebooks as they are run: their code cells as one module, with what magics do where Python can say it."""

from __future__ import annotations

import dataclasses
import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeVar, cast

from jaxsight_analyzers.notebook import NotebookError, VirtualModule, cells_of, is_python, join
from jaxsight_runner.protocol import CellStart, by_cell

_T = TypeVar("_T")

# What has no part in what a function computes, or is done already.
_IDLE = frozenset(
    [
        "alias",
        "autoreload",
        "automagic",
        "autosave",
        "capture",
        "colors",
        "conda",
        "config",
        "debug",
        "doctest_mode",
        "history",
        "install_ext",
        "load_ext",
        "logstart",
        "logstop",
        "ls",
        "lsmagic",
        "mamba",
        "matplotlib",
        "notebook",
        "page",
        "pdb",
        "pdef",
        "pdoc",
        "pfile",
        "pinfo",
        "pip",
        "precision",
        "prun",
        "psearch",
        "psource",
        "pwd",
        "pycat",
        "quickref",
        "reload_ext",
        "tensorboard",
        "time",
        "timeit",
        "unload_ext",
        "uv",
        "who",
        "whos",
        "xmode",
    ]
)
_INSTALLS = re.compile(r"(?:python3? -m )?(?:pip3?|conda|mamba|uv)\b|apt(?:-get)?\b|nvidia-smi\b")
_SETTING = re.compile(r"(\w+)\s*[= ]\s*(\S.*)$")
_FILLED_IN = re.compile(r"[{$]")


def module_of(text: str) -> str:
    """The module of a notebook file's text. Raises NotebookError where there is none."""
    if not is_python(text):
        raise NotebookError("is a notebook in another language than Python")
    return runnable(join(cells_of(text)))


def runnable(module: VirtualModule) -> str:
    """The module line by line, with statements in the place of those magics that change what comes after them."""
    parts: list[str] = []
    end = 0
    for span in module.replaced:
        index = bisect_right(module.starts, span.start) - 1
        start = module.starts[index]
        source = module.cells[module.numbers[index]].source
        magic = source[span.start - start : span.end - start].strip()
        before = module.text[: span.start].rpartition("\n")[2]
        statement = _statement(magic, is_value=bool(before.strip()))
        if statement is not None:
            parts += (module.text[end : span.start], statement)
            end = span.end
    return "".join((*parts, module.text[end:]))


def _statement(magic: str, *, is_value: bool) -> str | None:
    """What a magic does, in Python; None where that is nothing. `is_value`: something is assigned to."""
    sign, words = magic[0], magic.lstrip("%!").strip()
    if is_value:
        how = "getoutput" if sign == "!" else "magic"
        return f"get_ipython().{how}({words!r})"
    if sign == "!":
        return None if _INSTALLS.match(words) else _shell(words)
    name, _, rest = words.partition(" ")
    rest = rest.strip()
    setting = _SETTING.match(rest)
    if sign != "%" or magic.startswith("%%") or magic.endswith("?") or name in _IDLE:
        return None
    if name in ("env", "set_env") and setting and not _FILLED_IN.search(rest):
        return f"import os; os.environ[{setting[1]!r}] = {setting[2]!r}"
    if name == "cd" and rest and not _FILLED_IN.search(rest):
        return f"import os; os.chdir({rest!r})"
    return f"get_ipython().run_line_magic({name!r}, {rest!r})"


def _shell(command: str) -> str:
    if _FILLED_IN.search(command):
        return f"get_ipython().system({command!r})"
    return f"import os; os.system({command!r})"


_WORDS = frozenset(
    ("how", "message", "note", "notes", "reasons", "summary", "traceback", "unfinished", "words")
)  # fields that hold sentences


def told_by_cell(message: _T, cells: Sequence[CellStart], path: str) -> _T:
    """A message of the runner's whose sentences name cells; its numbers stay those of the module."""
    if not cells:
        return message

    def told(value: object, is_words: bool) -> object:
        if isinstance(value, str):
            return by_cell(cells, path, value) if is_words else value
        if isinstance(value, tuple):
            return tuple(told(item, is_words) for item in cast("tuple[object, ...]", value))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {
                item.name: told(getattr(value, item.name), item.name in _WORDS)
                for item in dataclasses.fields(value)
            }
            return dataclasses.replace(value, **fields)
        return value

    return cast("_T", told(message, False))

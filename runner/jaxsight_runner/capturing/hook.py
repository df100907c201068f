"""Puts the watchers into one file, wherever and by whomever it is loaded."""

from __future__ import annotations

import ast
import builtins
import contextlib
import os
from collections.abc import Callable, Generator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

Transform = Callable[[ast.Module], None]


def transform_file(path: str, transform: Transform) -> None:
    """Change a file's tree whenever the file is compiled.

    Every loader of source files asks `get_code`, those of import hooks too. For this file it reads no
    compiled code, and none is written: the user's cache of them must not learn of the watchers.
    """
    original = SourceFileLoader.get_code
    name = Path(path).name

    def get_code(self: SourceFileLoader, fullname: str) -> Any:
        place = self.get_filename(fullname)
        if not place.endswith(name) or os.path.realpath(place) != path:
            return original(self, fullname)
        with _compiling(path, transform):
            return self.source_to_code(self.get_data(place), place)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign]


def compile_file(path: str, source: bytes, transform: Transform) -> CodeType:
    """The file's code, with its tree changed."""
    tree = ast.parse(source, path)
    transform(tree)
    return compile(tree, path, "exec", dont_inherit=True)


@contextlib.contextmanager
def _compiling(path: str, transform: Transform) -> Generator[None]:
    """While a loader compiles: the last word is `compile`'s, also where a hook changed the tree."""
    original = builtins.compile

    compiled: Any = original

    def changed(source: Any, filename: Any, mode: str, *args: Any, **kwargs: Any) -> Any:
        flags = args[0] if args else kwargs.get("flags", 0)
        ours = mode == "exec" and os.path.realpath(os.fsdecode(filename)) == path
        if ours and not flags & ast.PyCF_ONLY_AST:
            tree = source if isinstance(source, ast.Module) else ast.parse(source, filename)
            transform(tree)
            source = tree
        return compiled(source, filename, mode, *args, **kwargs)

    builtins.compile = changed  # type: ignore[assignment]
    try:
        yield
    finally:
        builtins.compile = original

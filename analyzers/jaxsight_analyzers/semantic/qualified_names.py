"""What dotted expressions stand for in a library, as annotations, bases and decorators are written."""

from __future__ import annotations

import ast
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import imports
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.values import UNKNOWN, Kind, qualified_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.module import Module


def at(run: Run, home: Module, node: ast.expr) -> str | None:
    """The qualified name that a dotted expression stands for in a file."""
    with at_home(run, home):
        return of(run, node)


def of(run: Run, node: ast.expr) -> str | None:
    """The qualified name that a dotted expression stands for, without recording a reference."""
    if isinstance(node, ast.Name):
        value = run.lookup(node.id)
        qualified = qualified_of(value)
        return qualified or (f"builtins.{node.id}" if value is UNKNOWN else None)
    if isinstance(node, ast.Attribute):
        module = imports.global_of(run, run.frame.module, node.value)
        if module is not None and module.kind is Kind.MODULE:
            value = imports.global_of(run, run.frame.module, node)
            return None if value is None else qualified_of(value)
        base = of(run, node.value)
        return None if base is None else f"{base}.{node.attr}"
    return None


@contextmanager
def at_home(run: Run, home: Module) -> Generator[None]:
    """Look names up in the file that a definition is in."""
    frame = run.frame
    if frame.module is not home:
        run.frame = home.outside()
    yield
    run.frame = frame

"""Import statements: what they bind, and the references to libraries that they are."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import assignments, imports
from jaxsight_analyzers.semantic.events import ReferenceSeen
from jaxsight_analyzers.semantic.values import UNKNOWN, Kind, Value

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.run import Run


def import_name(run: Run, node: ast.Import | ast.ImportFrom, name: str) -> None:
    """Of what an import statement binds, only one name."""
    for alias in node.names:
        if (alias.asname or alias.name.partition(".")[0]) == name:
            if isinstance(node, ast.Import):
                _bind_module(run, node, alias)
            else:
                _bind_member(run, node, alias)


def import_modules(run: Run, node: ast.Import) -> None:
    """`import a, b.c as d`."""
    for alias in node.names:
        _bind_module(run, node, alias)


def import_members(run: Run, node: ast.ImportFrom) -> None:
    """`from a import b, c as d`."""
    for alias in node.names:
        _bind_member(run, node, alias)


def _bind_module(run: Run, node: ast.Import, alias: ast.alias) -> None:
    name = alias.name if alias.asname else alias.name.partition(".")[0]
    value = imports.imported(run, name)
    if value is None:
        _refer_import(run, node, alias, alias.name)
        value = Value(Kind.IMPORTED, data=name)
    assignments.bind_name(run, alias.asname or name, value)


def _bind_member(run: Run, node: ast.ImportFrom, alias: ast.alias) -> None:
    value = imports.imported_from(run, node, alias.name)
    if value is not None:
        if alias.name != "*":  # names that a star binds are looked up in the module
            assignments.bind_name(run, alias.asname or alias.name, value)
        return
    if node.level or node.module is None:
        assignments.bind_name(run, alias.asname or alias.name, UNKNOWN)
        return
    qualified = f"{node.module}.{alias.name}"
    _refer_import(run, node, alias, qualified)
    assignments.bind_name(run, alias.asname or alias.name, Value(Kind.IMPORTED, data=qualified))


def _refer_import(run: Run, node: ast.stmt, alias: ast.alias, qualified: str) -> None:
    guarded = run.guarded("try", "version")
    seen = ReferenceSeen(alias, qualified, "import", guarded, node)
    run.events.references.append(seen)
    run.events.imports.append(seen)

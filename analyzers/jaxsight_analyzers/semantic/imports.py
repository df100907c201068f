"""Names that come from other files of the workspace.

Such a name stands for the very value that it has in the file that binds it. What a library's name
is elsewhere under another name still is that, but this file does not refer to it by that name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic import module as modules
from jaxsight_analyzers.semantic.definitions import redefine
from jaxsight_analyzers.semantic.tasks import Asked
from jaxsight_analyzers.semantic.values import UNKNOWN, Kind, Reexported, Value, qualified_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.module import Module
    from jaxsight_analyzers.semantic.run import Run


def module_at(run: Run, path: str) -> Module | None:
    """The module of a file, read when it is first asked for."""
    run.asked.add(path)
    known = run.modules.get(path)
    if known is None and run.workspace is not None and len(run.modules) < run.most_modules:
        run.give_way()
        known = run.modules[path] = modules.Module(path)
        library = Library(run, known)
        redefine(known, run.workspace.parsed(path), run.scopes, library)
        known.text = Asked(path, frozenset((path, *library.asked)))
    if known is not None:
        run.depend(known.text)
    return known


class Library:
    """Whether a name is imported from a library of JAX's, or from a file of the workspace."""

    def __init__(self, run: Run, module: Module) -> None:
        self._run = run
        self._module = module
        self.asked: set[str] = set()

    def __call__(self, name: str, level: int) -> bool:
        if not level and self._run.knowledge.is_traced_library(name):
            return True
        found = _look_up(self._run, self._module, name, level)
        if found is None:
            return False
        self.asked |= found.paths
        return found.path is not None


def path_of(run: Run, module: Module, name: str, level: int) -> str | None:
    """The file of the workspace that an import in a module means; None where it means a library."""
    found = _look_up(run, module, name, level)
    if found is None:
        return None
    run.depend(found)
    return found.path


def _look_up(run: Run, module: Module, name: str, level: int) -> Asked | None:
    workspace = run.workspace
    if workspace is None or (not level and run.knowledge.has_library(name)):
        return None
    place = name, level, module.name
    return run.look_up(place, lambda asked: workspace.find(*place, asked))


def imported_from(run: Run, node: ast.ImportFrom, name: str) -> Value | None:
    """What `from module import name` gives; None where the module is not of the workspace."""
    if run.workspace is None:
        return None
    path = path_of(run, run.frame.module, node.module or "", node.level)
    module = None if path is None else module_at(run, path)
    if module is None:
        return None
    if module is run.frame.module:  # `from . import module` in a package
        return _below(run, module, name)
    return member(run, module, name)


def imported(run: Run, name: str) -> Value | None:
    """What `import name` gives as `name`; None where that is not of the workspace."""
    path = path_of(run, run.frame.module, name, 0)
    module = None if path is None else module_at(run, path)
    return None if module is None else Value(Kind.MODULE, data=module)


def member(run: Run, module: Module, name: str) -> Value:
    """An attribute of a module: a name that it binds, or a module below it."""
    value = run.global_value(module, name)
    if value is None:
        return _below(run, module, name)
    qualified = qualified_of(value)
    return value if qualified is None else Value(Kind.IMPORTED, data=Reexported(qualified))


def _below(run: Run, package: Module, name: str) -> Value:
    """The module of that name in a package."""
    if run.workspace is None:
        return UNKNOWN
    submodule, place = run.workspace.submodule, (package.name, name)
    found = run.look_up(place, lambda asked: submodule(*place, asked))
    run.depend(found)
    module = None if found.path is None else module_at(run, found.path)
    return UNKNOWN if module is None else Value(Kind.MODULE, data=module)


def global_of(run: Run, home: Module, node: ast.expr) -> Value | None:
    """What a name, or a dotted name that leads through modules, stands for in a file."""
    if isinstance(node, ast.Name):
        return run.global_value(home, node.id)
    if isinstance(node, ast.Attribute) and run.workspace is not None:
        base = global_of(run, home, node.value)
        module = None if base is None else module_of(base)
        return None if module is None else member(run, module, node.attr)
    return None


def module_of(value: Value) -> Module | None:
    """The module of the workspace that a value is."""
    return value.data if value.kind is Kind.MODULE else None  # type: ignore[return-value]


def star(run: Run, module: Module, name: str) -> Value | None:
    """What `from other import *` gives to a name; None where nothing does."""
    for statement in reversed(module.bindings.get("*", ())):
        assert isinstance(statement, ast.ImportFrom)
        path = path_of(run, module, statement.module or "", statement.level)
        other = None if path is None else module_at(run, path)
        if other is None or other is module or not _exports(other, name):
            continue
        value = run.global_value(other, name)
        if value is not None:
            qualified = qualified_of(value)
            return value if qualified is None else Value(Kind.IMPORTED, data=Reexported(qualified))
    return None


def _exports(module: Module, name: str) -> bool:
    listed = set(_listed(module))
    return name in listed if listed else not name.startswith("_")


def _listed(module: Module) -> Iterator[str]:
    """The names in `__all__`, as far as they are written out."""
    for statement in module.bindings.get("__all__", ()):
        value = getattr(statement, "value", None)
        for item in value.elts if isinstance(value, (ast.List, ast.Tuple)) else ():
            if isinstance(item, ast.Constant) and isinstance(item.value, str):
                yield item.value

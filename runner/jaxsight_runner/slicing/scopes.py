"""Which names are local to a function, and what the imports in it stand for."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import Optional, Union

from jaxsight_runner.data import dataclass

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda]
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass
class Scope:
    """The names of one function, class or comprehension; the module's are in none."""

    names: frozenset[str] = frozenset()
    imports: dict[str, str] = field(default_factory=dict[str, str])
    outer: Optional[Scope] = None
    is_class: bool = False
    changed: set[str] = field(default_factory=set[str])  # its names whose values may be changed

    def owner(self, name: str) -> Optional[Scope]:
        """The scope that has a name; None for the module's and for builtins."""
        scope: Optional[Scope] = self
        while scope is not None:
            if name in scope.names and (scope is self or not scope.is_class):
                return scope
            scope = scope.outer
        return None


def imports_in(statements: Iterable[ast.stmt]) -> dict[str, str]:
    """What imports at any depth of these statements, but not in their definitions, bind: name -> dotted."""
    found: dict[str, str] = {}
    for node in executed(statements):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                found[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            for alias in node.names:
                found[alias.asname or alias.name] = f"{prefix}.{alias.name}"
    return found


def imports_within(node: ast.stmt) -> set[str]:
    """What functions in a statement import when they are called."""
    at_once = {*executed([node])}
    later = [
        item
        for item in ast.walk(node)
        if isinstance(item, (ast.Import, ast.ImportFrom)) and item not in at_once
    ]
    return {*imports_in(later).values()}


def executed(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes below, without what is inside definitions, lambdas and classes."""
    for node in nodes:
        yield node
        if isinstance(node, _NESTED):
            continue
        yield from executed(ast.iter_child_nodes(node))


def stored(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that these statements bind in their own scope, `global` ones among them."""
    found: set[str] = set()
    for node in nodes:
        found |= _stored_by(node)
        if isinstance(node, _COMPREHENSIONS):  # only what `:=` binds leaves it
            found |= {item.target.id for item in ast.walk(node) if isinstance(item, ast.NamedExpr)}
        elif not isinstance(node, _NESTED):
            found |= stored(ast.iter_child_nodes(node))
    return found


def _stored_by(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return {node.id}
    if isinstance(node, DEFINITIONS):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name.split(".")[0]) for alias in node.names}
    if isinstance(node, ast.ExceptHandler) and node.name:
        return {node.name}
    if isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
        return {node.name}
    if isinstance(node, ast.MatchMapping) and node.rest:
        return {node.rest}
    return set()


def function_scope(node: Function, outer: Optional[Scope]) -> Scope:
    """The scope of a function's body."""
    body = node.body if isinstance(node.body, list) else [node.body]
    names = set(parameters(node)) | stored(body)
    for item in executed(body):
        if isinstance(item, (ast.Global, ast.Nonlocal)):
            names -= set(item.names)
    found = imports_in([item for item in body if isinstance(item, ast.stmt)])
    imports = {name: dotted for name, dotted in found.items() if name in names}
    return Scope(frozenset(names), imports, outer)


def parameters(node: Function) -> list[str]:
    """A function's parameters, positional ones first."""
    spec = node.args
    found = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
    found += [item for item in (spec.vararg, spec.kwarg) if item is not None]
    return [item.arg for item in found]

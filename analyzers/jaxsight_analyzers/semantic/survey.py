"""What a chunk of a file defines, binds and mentions, found in one walk."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from jaxsight_analyzers.semantic.parameters import FunctionNode, all_arguments
from jaxsight_analyzers.semantic.scopes import (
    ClassScope,
    Definitions,
    FunctionScope,
    Piece,
    statements_below,
)
from jaxsight_analyzers.semantic.trees import CHILD_FIELDS, TRIES, is_for_typing, walk

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.module import Module


class Survey:
    """One walk over a chunk: finds its definitions and what it binds."""

    def __init__(
        self,
        piece: Piece,
        definitions: Definitions,
        home: Module,
        is_library: Callable[[str, int], bool],
    ) -> None:
        self._piece = piece
        self._definitions = definitions
        self._home = home
        self._owner: ClassScope | None = None
        self._method: FunctionScope | None = None
        self._mentions = piece.mentions
        self._plain: set[ast.expr] = set()  # what is given neither a function nor an object
        self._is_library = is_library

    def run(self, owner: ClassScope | None, header: bool) -> None:
        """Walk the chunk: of a member of a big class `owner`, or the class's own lines."""
        body = self._piece.chunk.body
        self._owner = owner
        if owner is not None:
            for child in body:
                self._statement(child, f"{owner.qualname}.", None, owner)
        elif header:
            assert isinstance(body[0], ast.ClassDef)
            self._class(body[0], "", None, whole=False)
        else:
            for statement in body:
                self._statement(statement, "", None, None)
        if owner is None:
            self._bindings()

    def _bindings(self) -> None:
        """The statements that give names of the module a value, at any depth of blocks."""
        found = self._piece.bindings
        typed: dict[ast.stmt, set[str]] = {}
        for statement in statements_below(self._piece.chunk.body):
            if isinstance(statement, TRIES):
                for handler in statement.handlers:
                    self._piece.fallbacks.update(statements_below(handler.body))
            if isinstance(statement, ast.If) and is_for_typing(statement):
                others = {
                    name for one in statements_below(statement.orelse) for name in bound_by(one)
                }
                typed.update(dict.fromkeys(statements_below(statement.body), others))
            for name in bound_by(statement):
                if statement not in typed or name not in typed[statement]:
                    found.setdefault(name, []).append(statement)

    def _below(
        self,
        node: ast.AST,
        prefix: str,
        function: FunctionScope | None,
        class_: ClassScope | None,
    ) -> None:
        """Walk what lies below a node: quickly past what defines and binds nothing."""
        mentions, inside = self._mentions, node.__dict__
        for field_ in CHILD_FIELDS[node.__class__]:
            value = inside.get(field_)
            if not value:
                continue
            for child in value if value.__class__ is list else (value,):
                kind = child.__class__
                if kind is ast.Name:
                    mentions.add(child.id)
                    if child.ctx.__class__ is not ast.Load:
                        self._bind(child.id, function, class_)
                elif kind is ast.Attribute:
                    mentions.add(child.attr)
                    if child.ctx.__class__ is not ast.Load:
                        self._attribute(child)
                    self._below(child, prefix, function, class_)
                elif kind in _TELLING:
                    self._statement(child, prefix, function, class_)
                elif kind is not ast.Constant and isinstance(child, ast.AST):
                    self._below(child, prefix, function, class_)

    def _statement(
        self,
        node: ast.AST,
        prefix: str,
        function: FunctionScope | None,
        class_: ClassScope | None,
    ) -> None:
        if isinstance(node, ast.Name):
            self._mentions.add(node.id)
            if type(node.ctx) is not ast.Load:
                self._bind(node.id, function, class_)
            return
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            self._function(node, prefix, function, class_)
            return
        if isinstance(node, ast.ClassDef):
            self._class(node, prefix, function, whole=True)
            return
        if isinstance(node, ast.Attribute):
            self._mentions.add(node.attr)
            self._attribute(node)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node, function, class_)
            return
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            if function is not None:
                word = "global" if isinstance(node, ast.Global) else "nonlocal"
                function.declared = {**function.declared, **dict.fromkeys(node.names, word)}
            return
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
            if node.name:
                self._bind(node.name, function, class_)
        elif class_ is not None:
            self._of_class(node, class_)
        elif (
            function is not None
            and function is self._method
            and isinstance(node, ast.Assign)
            and _is_plain(node.value, function.node)
        ):
            self._plain.update(node.targets)
        self._below(node, prefix, function, class_)

    def _of_class(self, node: ast.AST, class_: ClassScope) -> None:
        """Fields and assignments in the body of a class."""
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            fields = self._piece.fields if class_ is self._owner else class_.fields
            fields[node.target.id] = node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    if class_ is self._owner:
                        self._piece.assigns.append((target.id, node.value))
                    else:
                        class_.assign(target.id, node.value)

    def _attribute(self, node: ast.Attribute) -> None:
        if (
            self._method is not None
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        ):
            self._method.stores |= {node.attr}
            if node not in self._plain:
                self._method.keeps |= {node.attr}

    def _import(
        self,
        node: ast.Import | ast.ImportFrom,
        function: FunctionScope | None,
        class_: ClassScope | None,
    ) -> None:
        self._piece.imports = True
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self._bind(name, function, class_)
            if isinstance(node, ast.ImportFrom):
                known = self._is_library(node.module or "", node.level)
            else:
                known = self._is_library(alias.name, 0)
            if known:
                self._mentions.add(name)
                self._piece.libraries |= {name}

    def _bind(self, name: str, function: FunctionScope | None, class_: ClassScope | None) -> None:
        if function is not None:
            function.local_names.add(name)
        elif class_ is None:
            self._piece.names.add(name)

    def _function(
        self,
        node: FunctionNode,
        prefix: str,
        function: FunctionScope | None,
        class_: ClassScope | None,
    ) -> None:
        name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
        nested = function is not None or (class_ is not None and class_.nested)
        scope = FunctionScope(
            node, name, f"{prefix}{name}", class_, nested, self._home, self._piece
        )
        if not isinstance(node, ast.Lambda):
            self._bind(name, function, class_)
            if class_ is not None and class_ is not self._owner:
                class_.methods.setdefault(name, scope)
            for decorator in node.decorator_list:
                self._statement(decorator, prefix, function, class_)
        self._definitions.functions[node] = scope
        self._piece.scopes.append(scope)
        arguments = node.args
        for argument in all_arguments(arguments):
            scope.local_names.add(argument.arg)
            if argument.annotation is not None:
                self._statement(argument.annotation, prefix, function, None)
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self._statement(default, prefix, function, None)
        if not isinstance(node, ast.Lambda) and node.returns is not None:
            self._statement(node.returns, prefix, function, None)
        inner = f"{scope.qualname}.<locals>."
        body: list[ast.stmt] | list[ast.expr]
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        outer_method, outer_mentions = self._method, self._mentions
        self._method = scope if class_ is not None else outer_method
        if not nested and not isinstance(node, ast.Lambda):
            self._mentions = scope.mentions = set[str]()
        for child in body:
            self._statement(child, inner, scope, None)
        self._method, self._mentions = outer_method, outer_mentions
        scope.local_names.difference_update(scope.declared)

    def _class(
        self, node: ast.ClassDef, prefix: str, function: FunctionScope | None, *, whole: bool
    ) -> None:
        nested = function is not None
        scope = ClassScope(node, node.name, f"{prefix}{node.name}", nested, self._home, self._piece)
        self._bind(node.name, function, None)
        self._definitions.classes[node] = scope
        self._piece.scopes.append(scope)
        keywords = [keyword.value for keyword in node.keywords]
        for expression in (*node.bases, *keywords, *node.decorator_list):
            self._statement(expression, prefix, function, None)
        for child in node.body if whole else ():
            self._statement(child, f"{scope.qualname}.", None, scope)


_TELLING = {
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef),
    *(ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal),
    *(ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.AnnAssign, ast.Assign),
}
"""What defines or binds something, apart from names."""


_PLAIN = (ast.Constant, ast.JoinedStr, ast.Dict, ast.List, ast.Set, ast.Tuple)


def _is_plain(value: ast.expr, method: FunctionNode) -> bool:
    """Whether it is neither a function nor an object: a literal, or `args` of `*args`."""
    if not isinstance(value, ast.Name):
        return isinstance(value, _PLAIN)
    for argument in (method.args.vararg, method.args.kwarg):
        if argument is not None and argument.arg == value.id and argument.annotation is None:
            return not any(
                isinstance(node, ast.Name) and node.id == value.id and _is_bound(node)
                for node in walk(method)
            )
    return False


def _is_bound(name: ast.Name) -> bool:
    return not isinstance(name.ctx, ast.Load)


def bound_by(statement: ast.stmt) -> Iterable[str]:
    """The names to which a statement gives a value that can be told from the statement alone."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return (statement.name,)
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
    if isinstance(statement, ast.Assign):
        return [name for target in statement.targets for name in _names_in(target)]
    if isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        return (statement.target.id,) if isinstance(statement.target, ast.Name) else ()
    return ()


def _names_in(target: ast.expr) -> Iterator[str]:
    """The names in `a`, and in `a, b`."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple):
        yield from (one.id for one in target.elts if isinstance(one, ast.Name))

"""Scopes and definitions: which functions and classes a file has, and what binds each name in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.data import dataclass, field

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
DefinitionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(eq=False)
class FunctionScope:
    """A `def` or a lambda: where it is and what it binds."""

    node: FunctionNode
    name: str
    qualname: str
    top: int  # number of the module's statement it lies in
    owner: ClassScope | None  # the class whose method it is
    nested: bool  # inside another function
    local_names: set[str] = field(default_factory=set[str])


@dataclass(eq=False)
class ClassScope:
    """A class of this file: its methods, its fields and the expressions it derives from."""

    node: ast.ClassDef
    name: str
    qualname: str
    top: int
    nested: bool
    methods: dict[str, FunctionScope] = field(default_factory=dict[str, FunctionScope])
    fields: dict[str, ast.expr] = field(default_factory=dict[str, ast.expr])
    assigned: dict[str, ast.expr | None] = field(default_factory=dict[str, ast.expr | None])
    properties: set[str] = field(default_factory=set[str])

    def is_property(self, name: str) -> bool:
        """Whether reading the attribute runs code."""
        return name in self.properties

    def assign(self, name: str, value: ast.expr) -> None:
        """`name = value` in the class's body; None for a name that is assigned more than once."""
        self.assigned[name] = None if name in self.assigned else value


class Scopes:
    """The definitions of one module, found in one walk."""

    def __init__(self, tree: ast.Module) -> None:
        self.functions: dict[ast.AST, FunctionScope] = {}
        self.classes: dict[ast.AST, ClassScope] = {}
        self.order: list[FunctionScope | ClassScope] = []
        self.module_names: set[str] = set()
        self.statement_lines: dict[int, int] = {}  # line -> first line of its simple statement
        self.mentions_imports = False
        for number, statement in enumerate(tree.body):
            self._body([statement], "", number, None, None, None)

    def _body(
        self,
        body: list[ast.stmt],
        prefix: str,
        top: int,
        function: FunctionScope | None,
        class_: ClassScope | None,
        outer: FunctionScope | None,
    ) -> None:
        for statement in body:
            self._statement(statement, prefix, top, function, class_)

    def _statement(
        self,
        node: ast.AST,
        prefix: str,
        top: int,
        function: FunctionScope | None,
        class_: ClassScope | None,
    ) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            self._function(node, prefix, top, function, class_)
            return
        if isinstance(node, ast.ClassDef):
            self._class(node, prefix, top, function)
            return
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                self._bind(node.id, function, class_)
            return
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self.mentions_imports = True
            for alias in node.names:
                self._bind(alias.asname or alias.name.partition(".")[0], function, class_)
        elif (isinstance(node, ast.ExceptHandler) and node.name) or (
            isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name
        ):
            self._bind(node.name, function, class_)
        elif (
            class_ is not None
            and isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
        ):
            class_.fields[node.target.id] = node.annotation
        elif class_ is not None and isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    class_.assign(target.id, node.value)
        if isinstance(node, ast.stmt):
            self._lines(node)
        for child in ast.iter_child_nodes(node):
            self._statement(child, prefix, top, function, class_)

    def _lines(self, node: ast.stmt) -> None:
        """A statement of several lines, or the header of a block, counts by its first line."""
        end = node.end_lineno or node.lineno
        body = getattr(node, "body", None)
        if isinstance(body, list) and body:
            end = max(node.lineno, _first_line(body[0]) - 1)  # type: ignore[arg-type]
        for line in range(node.lineno + 1, end + 1):
            self.statement_lines.setdefault(line, node.lineno)

    def _bind(self, name: str, function: FunctionScope | None, class_: ClassScope | None) -> None:
        if function is not None:
            function.local_names.add(name)
        elif class_ is None:
            self.module_names.add(name)

    def _function(
        self,
        node: FunctionNode,
        prefix: str,
        top: int,
        function: FunctionScope | None,
        class_: ClassScope | None,
    ) -> None:
        name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
        scope = FunctionScope(node, name, f"{prefix}{name}", top, class_, function is not None)
        if not isinstance(node, ast.Lambda):
            self._bind(name, function, class_)
            self._lines(node)
            if class_ is not None:
                if name not in class_.methods and any(map(_is_property, node.decorator_list)):
                    class_.properties.add(name)
                class_.methods.setdefault(name, scope)
            for decorator in node.decorator_list:
                self._statement(decorator, prefix, top, function, class_)
        self.functions[node] = scope
        self.order.append(scope)
        arguments = node.args
        for argument in all_arguments(arguments):
            scope.local_names.add(argument.arg)
            if argument.annotation is not None:
                self._statement(argument.annotation, prefix, top, function, None)
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self._statement(default, prefix, top, function, None)
        inner = f"{scope.qualname}.<locals>."
        body: list[ast.stmt] | list[ast.expr]
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        for child in body:
            self._statement(child, inner, top, scope, None)
        for outer in declared_elsewhere(node):
            scope.local_names.discard(outer)

    def _class(
        self, node: ast.ClassDef, prefix: str, top: int, function: FunctionScope | None
    ) -> None:
        scope = ClassScope(node, node.name, f"{prefix}{node.name}", top, function is not None)
        self._bind(node.name, function, None)
        self.classes[node] = scope
        self.order.append(scope)
        self._lines(node)
        for expression in (*node.bases, *node.decorator_list):
            self._statement(expression, prefix, top, function, None)
        for child in node.body:
            self._statement(child, f"{scope.qualname}.", top, None, scope)


def all_arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    """Every parameter, in the order of the signature."""
    yield from arguments.posonlyargs
    yield from arguments.args
    if arguments.vararg:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg:
        yield arguments.kwarg


def defaults_of(arguments: ast.arguments) -> dict[str, ast.expr]:
    """The default of each parameter that has one."""
    positional = [*arguments.posonlyargs, *arguments.args]
    found = dict(
        zip(
            (argument.arg for argument in positional[len(positional) - len(arguments.defaults) :]),
            arguments.defaults,
        )
    )
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        if default is not None:
            found[argument.arg] = default
    return found


def declared_elsewhere(node: FunctionNode) -> set[str]:
    """The names that a function declares `global` or `nonlocal`."""
    if isinstance(node, ast.Lambda):
        return set()
    return {
        name
        for statement in statements_below(node.body)
        if isinstance(statement, (ast.Global, ast.Nonlocal))
        for name in statement.names
    }


def statements_below(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements at any depth of blocks, but not those of nested functions and classes."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from statements_below(getattr(statement, name, ()) or [])
        for handler in getattr(statement, "handlers", ()):
            yield from statements_below(handler.body)
        for case in getattr(statement, "cases", ()):
            yield from statements_below(case.body)


def _is_property(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Attribute):
        return "property" in decorator.attr
    return isinstance(decorator, ast.Name) and "property" in decorator.id


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", None)
    return decorators[0].lineno if decorators else node.lineno

"""Which names a piece of code reads before it binds them, which it binds, and which are read after it.

What a rewrite asks that makes a function of some statements: what goes in, and what comes out.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from jaxsight_analyzers.semantic.trees import TRIES, walk

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


class Names:
    """The names of some statements that run one after another."""

    __slots__ = ("bound", "exposed", "leaves", "surely")

    def __init__(self, surely: Iterable[str] = ()) -> None:
        self.bound: dict[str, None] = {}
        """Those that it may bind, in the order of the text."""
        self.exposed: dict[str, None] = {}
        """Those that it may read as they were before."""
        self.surely: set[str] = set(surely)
        """Those that it has bound whenever its end is reached."""
        self.leaves = False
        """Whether its end is never reached: it returns, raises, breaks or continues."""

    def reads(self, name: str) -> None:
        """Note that a name is read."""
        if name not in self.surely:
            self.exposed[name] = None

    def binds(self, name: str) -> None:
        """Note that a name is bound."""
        self.bound[name] = None
        self.surely.add(name)

    def path(self) -> Names:
        """A path of its own, to be joined with others."""
        return Names(self.surely)

    def join(self, paths: Iterable[Names]) -> None:
        """Go on where paths meet."""
        found = list(paths)
        for path in found:
            self.bound.update(path.bound)
            self.exposed.update(path.exposed)
        ends = [path.surely for path in found if not path.leaves]
        self.leaves = self.leaves or not ends
        if ends:
            self.surely = ends[0].intersection(*ends[1:])


def names_of(code: Sequence[ast.stmt] | ast.expr) -> Names:
    """The names of statements, or of an expression."""
    names = Names()
    if isinstance(code, ast.expr):
        _expression(names, code)
    else:
        _run(names, code)
    return names


def read_after(blocks: Sequence[tuple[Sequence[ast.stmt], int]]) -> frozenset[str] | None:
    """The names that may be read after a statement, as it left them; None: all of them, in a module or class.

    `blocks` are the blocks that it lies in, the outermost first, each with the number of the statement
    in it that leads there.
    """
    starts = [n for n, (block, at) in enumerate(blocks) if isinstance(block[at], _SCOPES)]
    if not starts or starts[-1] == len(blocks) - 1 or _is_class(blocks[starts[-1]]):
        return None
    owner = blocks[starts[-1]]
    live = closed_over(owner[0][owner[1]])
    for block, at in blocks[starts[-1] + 1 :]:
        rest = names_of(block[at + 1 :])
        live = set(rest.exposed) if rest.leaves else live - rest.surely | set(rest.exposed)
        statement = block[at]
        if isinstance(statement, _LOOPS):
            live |= set(names_of([statement]).exposed)
        for name in ("handlers", "orelse", "finalbody"):
            if isinstance(statement, TRIES):
                live |= set(names_of([*_statements_of(getattr(statement, name))]).exposed)
    return frozenset(live)


def closed_over(owner: ast.AST) -> set[str]:
    """The names that functions in a function read and do not bind themselves."""
    return {
        name
        for inner in walk(owner)
        if inner is not owner and isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef))
        for name in free_names(inner)
    }


def free_names(scope: ast.AST) -> set[str]:
    """The names that a function, lambda, class or comprehension reads and does not bind itself."""
    read: set[str] = set()
    bound: set[str] = set()
    for part in _inside(scope):
        for node in ast.walk(part):
            if isinstance(node, ast.Name):
                (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
            elif isinstance(node, ast.arg):
                bound.add(node.arg)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                bound.add(node.name)
    return read - bound


def _is_class(place: tuple[Sequence[ast.stmt], int]) -> bool:
    return isinstance(place[0][place[1]], ast.ClassDef)


def _inside(scope: ast.AST) -> list[ast.AST]:
    """What runs in the scope itself, and not where it is made."""
    if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return [*_parameters(scope.args), *scope.body]
    if isinstance(scope, ast.Lambda):
        return [*_parameters(scope.args), scope.body]
    return list(scope.body) if isinstance(scope, ast.ClassDef) else [scope]


def _parameters(arguments: ast.arguments) -> list[ast.AST]:
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [ast.arg(a.arg) for a in (*named, arguments.vararg, arguments.kwarg) if a is not None]


def _statements_of(parts: Sequence[Any]) -> Iterable[ast.stmt]:
    for part in parts:
        if isinstance(part, ast.ExceptHandler):
            yield from part.body
        else:
            yield part


# Expressions


def _expression(names: Names, node: ast.AST) -> None:
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load):
            names.reads(node.id)
        else:
            names.binds(node.id)
    elif isinstance(node, ast.NamedExpr):
        _expression(names, node.value)
        _expression(names, node.target)
    elif isinstance(node, (*_SCOPES, *_COMPREHENSIONS)):
        for name in sorted(free_names(node)):
            names.reads(name)
    else:
        for child in ast.iter_child_nodes(node):
            _expression(names, child)


# Statements


def _run(names: Names, body: Sequence[ast.stmt]) -> None:
    for statement in body:
        if names.leaves:
            return
        _HANDLERS.get(type(statement), _expression)(names, statement)


def _path(names: Names, body: Sequence[ast.stmt]) -> Names:
    path = names.path()
    _run(path, body)
    return path


def _assign(names: Names, node: ast.Assign) -> None:
    _expression(names, node.value)
    for target in node.targets:
        _expression(names, target)


def _annotated(names: Names, node: ast.AnnAssign) -> None:
    if node.value is not None:
        _expression(names, node.value)
        _expression(names, node.target)


def _augmented(names: Names, node: ast.AugAssign) -> None:
    if isinstance(node.target, ast.Name):
        names.reads(node.target.id)
    _expression(names, node.value)
    _expression(names, node.target)


def _if(names: Names, node: ast.If) -> None:
    _expression(names, node.test)
    names.join([_path(names, node.body), _path(names, node.orelse)])


def _for(names: Names, node: ast.For | ast.AsyncFor) -> None:
    _expression(names, node.iter)
    path = names.path()
    _expression(path, node.target)
    _run(path, node.body)
    path.leaves = False
    names.join([path, _path(names, node.orelse), names.path()])


def _while(names: Names, node: ast.While) -> None:
    _expression(names, node.test)
    path = _path(names, node.body)
    path.leaves = False
    names.join([path, _path(names, node.orelse), names.path()])


def _with(names: Names, node: ast.With | ast.AsyncWith) -> None:
    for item in node.items:
        _expression(names, item.context_expr)
        if item.optional_vars is not None:
            _expression(names, item.optional_vars)
    _run(names, node.body)


def _try(names: Names, node: ast.Try) -> None:
    whole = _path(names, [*node.body, *node.orelse])
    handlers = [_path(names, handler.body) for handler in node.handlers]
    for handler, path in zip(node.handlers, handlers):
        if handler.name:
            path.exposed.pop(handler.name, None)
    names.join([whole, *handlers])
    left, names.leaves = names.leaves, False
    _run(names, node.finalbody)
    names.leaves = names.leaves or left


def _match(names: Names, node: ast.Match) -> None:
    _expression(names, node.subject)
    paths = [names.path()]
    for case in node.cases:
        path = names.path()
        for part in ast.walk(case.pattern):
            captured = getattr(part, "name", None) or getattr(part, "rest", None)
            if isinstance(captured, str):
                path.binds(captured)
        if case.guard is not None:
            _expression(path, case.guard)
        _run(path, case.body)
        paths.append(path)
    names.join(paths)


def _define(names: Names, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    for part in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
        if part is not None:
            _expression(names, part)
    for name in sorted(free_names(node) - {node.name}):
        names.reads(name)
    names.binds(node.name)


def _class(names: Names, node: ast.ClassDef) -> None:
    for part in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
        _expression(names, part)
    for name in sorted(free_names(node)):
        names.reads(name)
    names.binds(node.name)


def _import(names: Names, node: ast.Import | ast.ImportFrom) -> None:
    for alias in node.names:
        names.binds(alias.asname or alias.name.partition(".")[0])


def _leave(names: Names, node: ast.stmt) -> None:
    _expression(names, node)
    names.leaves = True


_HANDLERS: dict[type[ast.AST], Callable[[Names, Any], None]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    **dict.fromkeys(TRIES, _try),
    ast.Match: _match,
    ast.FunctionDef: _define,
    ast.AsyncFunctionDef: _define,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.Return: _leave,
    ast.Raise: _leave,
    ast.Break: _leave,
    ast.Continue: _leave,
}

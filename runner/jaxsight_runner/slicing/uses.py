"""How statements use names from outside of them: read, called, kept, changed, bound."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence, Set
from dataclasses import field
from functools import cached_property
from typing import Literal, Optional, Union

from jaxsight_runner.data import dataclass
from jaxsight_runner.slicing.builtin_table import HIDDEN, INSIDES, READERS, RULES, SETTERS, looks
from jaxsight_runner.slicing.libraries import is_fresh, keeps_no_record, leaves_arguments
from jaxsight_runner.slicing.scopes import (
    DEFINITIONS,
    Function,
    Scope,
    function_scope,
    parameters,
    stored,
)

# "argument" and "kept": its value goes where it may be changed; "viewed": where it is looked at for
# longer; "call": it or a method of it is called; "store": an attribute or an item of it is set;
# "bind": the name gets another value.
How = Literal["read", "viewed", "argument", "kept", "call", "store", "bind"]

_CONTAINER_OPERATORS = (ast.Add, ast.Mult, ast.BitOr)


@dataclass(frozen=True)
class Use:
    """One appearance of a name that is the module's, a builtin's or an import's."""

    name: str
    chain: tuple[str, ...]  # the attributes read off it
    how: How
    line: int
    dotted: Optional[str] = None  # what an imported name and its attributes stand for

    @property
    def method(self) -> str:
        """The last attribute of what is called."""
        return self.chain[-1] if self.chain else ""


@dataclass
class Uses:
    """What a piece of code does with names, and what it does that cannot be followed."""

    uses: list[Use] = field(default_factory=list[Use])
    hidden: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    calls_unknown: bool = False  # a method of a value that we cannot name is called
    sets_unknown: bool = False  # an attribute of a value that we cannot name is set

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that appears, once all has been collected."""
        return frozenset(use.name for use in self.uses)


class Collector:
    """Walks statements of the module; what only runs when called goes to `deferred`."""

    def __init__(
        self,
        imports: dict[str, str],
        functions: dict[str, Function],
        bound: Set[str],
        annotations: bool = True,
    ) -> None:
        self.now = Uses()
        self.deferred = Uses()
        self._sink = self.now
        self._imports = imports
        self._functions = functions
        self._bound = bound  # every name that the module binds
        self._classes: list[str] = []
        self._annotations = annotations
        self._kept_parameters: dict[str, frozenset[str]] = {}

    def statement(self, node: ast.stmt, scope: Optional[Scope] = None) -> None:
        """Take in a statement and what is below it."""
        if isinstance(node, DEFINITIONS):
            self._definition(node, scope)
        elif isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            self._assignment(node, scope)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            self._visit(node.iter, "kept", scope)
            self._store(node.target, scope)
            self._block([*node.body, *node.orelse], scope)
        elif isinstance(node, (ast.While, ast.If)):
            self._visit(node.test, "read", scope)
            self._block([*node.body, *node.orelse], scope)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                self._visit(item.context_expr, "kept", scope)
                if item.optional_vars is not None:
                    self._store(item.optional_vars, scope)
            self._block(node.body, scope)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node, scope)
        elif isinstance(node, ast.Expr):
            self._visit(node.value, "read", scope)
        elif isinstance(node, ast.Assert):
            self._visit(node.test, "read", scope)
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                self._store(target, scope)
        else:
            self._generic(node, scope)

    def _block(self, body: Iterable[ast.stmt], scope: Optional[Scope]) -> None:
        for node in body:
            self.statement(node, scope)

    def _generic(self, node: ast.AST, scope: Optional[Scope]) -> None:
        """`try`, `match`, `return` and what is newer than this file."""
        for name in ("name", "rest"):
            bound = getattr(node, name, None)
            if isinstance(bound, str):
                self._bind(bound, node, scope)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self.statement(child, scope)
            elif isinstance(child, ast.expr) and not isinstance(
                getattr(child, "ctx", ast.Load()), ast.Load
            ):
                self._store(child, scope)
            elif isinstance(child, ast.expr):
                self._visit(child, "kept", scope)
            else:
                self._generic(child, scope)

    # -- definitions

    def _definition(
        self,
        node: Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef],
        scope: Optional[Scope],
    ) -> None:
        for decorator in node.decorator_list:
            self._decorator(decorator, scope)
        self._bind(node.name, node, scope)
        if isinstance(node, ast.ClassDef):
            for base in [*node.bases, *(word.value for word in node.keywords)]:
                self._visit(base, "read", scope)
            inner = Scope(frozenset(stored(node.body)), {}, scope, is_class=True)
            self._classes.append(node.name)
            self._block(node.body, inner)
            self._classes.pop()
            return
        self._signature(node, scope)
        self._body(node, scope)

    def _decorator(self, node: ast.expr, scope: Optional[Scope]) -> None:
        """A decorator is called with what it decorates."""
        call = ast.copy_location(ast.Call(func=node, args=[], keywords=[]), node)
        self._visit(call, "kept", scope)

    def _signature(self, node: Function, scope: Optional[Scope]) -> None:
        spec = node.args
        for default in [*spec.defaults, *spec.kw_defaults]:
            if default is not None:
                self._visit(default, "kept", scope)
        if isinstance(node, ast.Lambda) or not self._annotations:
            return
        arguments = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
        hints = [item.annotation for item in arguments if item is not None]
        for hint in [*hints, node.returns]:
            if hint is not None:
                self._visit(hint, "read", scope)

    def _body(self, node: Function, scope: Optional[Scope]) -> Scope:
        before, self._sink = self._sink, self.deferred
        inner = function_scope(node, scope)
        if isinstance(node, ast.Lambda):
            self._visit(node.body, "kept", inner)
        else:
            self._block(node.body, inner)
        self._sink = before
        return inner

    # -- binding and storing

    def _assignment(
        self, node: Union[ast.Assign, ast.AugAssign, ast.AnnAssign], scope: Optional[Scope]
    ) -> None:
        evaluated = self._annotations and (scope is None or scope.is_class)
        if evaluated and isinstance(node, ast.AnnAssign):
            self._visit(node.annotation, "read", scope)
        if node.value is not None:
            self._visit(node.value, "kept", scope)
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(node, ast.AugAssign) and isinstance(target, ast.Name):
                self._use(target, (), "store", scope)  # a list is changed in place
            if not (isinstance(node, ast.AnnAssign) and node.value is None):
                self._store(target, scope)

    def _store(self, target: ast.expr, scope: Optional[Scope]) -> None:
        if isinstance(target, ast.Name):
            self._bind(target.id, target, scope)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for item in target.elts:
                self._store(item, scope)
        elif isinstance(target, ast.Starred):
            self._store(target.value, scope)
        elif isinstance(target, (ast.Attribute, ast.Subscript)):
            self._change(target.value, scope, isinstance(target, ast.Attribute))
            if isinstance(target, ast.Subscript):
                self._visit(target.slice, "read", scope)
        else:
            self._generic(target, scope)

    def _change(self, base: ast.expr, scope: Optional[Scope], attribute: bool = True) -> None:
        """An attribute or an item of what `base` stands for is set."""
        chain, root = _chain(base)
        self._look_inside(base)
        if attribute and not (isinstance(root, ast.Name) and self._is_known(root.id, scope)):
            self._sink.sets_unknown = True
        if self._classes and _is_of_class(base):
            name = self._classes[-1]
            self._sink.uses.append(Use(name, chain, "store", base.lineno))
        if isinstance(root, ast.Name):
            self._use(root, chain, "store", scope)
            return
        for node in ast.walk(base):  # of what a call returns: of anything in it
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self._use(node, (), "store", scope)
        self._visit(base, "kept", scope)

    def _is_known(self, name: str, scope: Optional[Scope]) -> bool:
        """Whether a name cannot stand for a function, class or module that has another name, too."""
        if scope is not None and scope.owner(name) is not None:
            return name == "self"
        return name in self._functions or name in self._imports

    def _look_inside(self, node: ast.expr) -> None:
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute) and part.attr in INSIDES:
                self._sink.hidden.append((part.lineno, f"`{part.attr}`"))

    def _bind(self, name: str, node: ast.AST, scope: Optional[Scope]) -> None:
        if scope is None or scope.owner(name) is None:
            line = getattr(node, "lineno", 0)
            self._sink.uses.append(Use(name, (), "bind", line))

    def _import(self, node: Union[ast.Import, ast.ImportFrom], scope: Optional[Scope]) -> None:
        for alias in node.names:
            if alias.name == "*":
                self._sink.hidden.append((node.lineno, "a star import"))
            else:
                self._bind(alias.asname or alias.name.split(".")[0], node, scope)

    # -- expressions

    def _visit(self, node: ast.expr, how: How, scope: Optional[Scope]) -> None:
        if isinstance(node, ast.Constant):
            return
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            self._access(node, how, scope)
        elif isinstance(node, ast.Call):
            self._call(node, how, scope)
        elif isinstance(node, ast.Lambda):
            self._signature(node, scope)
            self._body(node, scope)
        elif isinstance(node, (ast.Compare, ast.UnaryOp, ast.FormattedValue, ast.JoinedStr)):
            self._parts(node, "read", scope)
        elif isinstance(node, ast.BinOp):
            keeps = isinstance(node.op, _CONTAINER_OPERATORS)
            self._parts(node, how if keeps else "read", scope)
        elif isinstance(node, ast.IfExp):
            self._visit(node.test, "read", scope)
            self._visit(node.body, how, scope)
            self._visit(node.orelse, how, scope)
        elif isinstance(node, ast.NamedExpr):
            self._visit(node.value, "kept", scope)
            self._store(node.target, scope)
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            self._comprehension(node, how, scope)
        else:
            self._parts(node, how, scope)

    def _parts(self, node: ast.AST, how: How, scope: Optional[Scope]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._visit(child, how, scope)

    def _comprehension(self, node: ast.expr, how: How, scope: Optional[Scope]) -> None:
        generators: list[ast.comprehension] = getattr(node, "generators", [])
        names = stored(item.target for item in generators)
        inner = Scope(frozenset(names), {}, scope)
        for index, item in enumerate(generators):
            self._visit(item.iter, "kept", inner if index else scope)
            for condition in item.ifs:
                self._visit(condition, "read", inner)
        for name in ("elt", "key", "value"):
            part = getattr(node, name, None)
            if isinstance(part, ast.expr):
                self._visit(part, how, inner)

    def _access(self, node: ast.expr, how: How, scope: Optional[Scope]) -> None:
        chain, root = _chain(node)
        if not INSIDES.isdisjoint(chain):
            self._look_inside(node)
        current = node
        while current is not root:
            if isinstance(current, ast.Subscript):
                self._visit(current.slice, "read", scope)
            assert isinstance(current, (ast.Attribute, ast.Subscript))
            current = current.value
        if isinstance(root, ast.Name):
            self._use(root, chain, how, scope)
        else:
            self._visit(root, how, scope)

    def _use(
        self, node: ast.Name, chain: tuple[str, ...], how: How, scope: Optional[Scope]
    ) -> None:
        owner = scope.owner(node.id) if scope is not None else None
        imports = self._imports
        if owner is not None:
            if node.id not in owner.imports:
                if how not in ("read", "viewed", "bind") and not (how == "call" and looks(chain)):
                    owner.changed.add(node.id)
                return
            imports = owner.imports
        module = imports.get(node.id)
        dotted = ".".join([module, *chain]) if module is not None else None
        self._sink.uses.append(Use(node.id, chain, how, node.lineno, dotted))

    # -- calls

    def _call(self, node: ast.Call, how: How, scope: Optional[Scope]) -> None:
        chain, root = _chain(node.func)
        arguments = [*node.args, *(word.value for word in node.keywords)]
        if not isinstance(root, ast.Name):
            self._visit(node.func, "kept", scope)
            self._sink.calls_unknown = True
            self._arguments(arguments, "argument", scope)
            return
        self._access(node.func, how if looks(chain) else "call", scope)
        if chain and chain[-1] in RULES and not self._is_known(root.id, scope):
            self._sink.sets_unknown = True
        owner = scope.owner(root.id) if scope is not None else None
        imports = owner.imports if owner is not None else self._imports
        module = imports.get(root.id)
        if module is not None:
            dotted = ".".join([module, *chain])
            passing: How = "kept" if keeps_no_record(dotted) else "argument"
            passing = how if leaves_arguments(dotted) else passing
            viewing: How = "read" if how == "read" else "viewed"
            self._arguments(arguments, viewing if is_fresh(dotted) else passing, scope)
        elif owner is not None:
            self._sink.calls_unknown = True
            self._arguments(arguments, "argument", scope)
        elif not chain and root.id in self._functions:
            self._own_function(node, root.id, scope)
        elif not chain and root.id not in self._bound:
            self._builtin(node, root.id, arguments, scope)
        else:
            self._sink.calls_unknown = True
            self._arguments(arguments, "argument", scope)

    def _arguments(self, arguments: Sequence[ast.expr], how: How, scope: Optional[Scope]) -> None:
        for item in arguments:
            self._visit(item, how, scope)

    def _builtin(
        self, node: ast.Call, name: str, arguments: list[ast.expr], scope: Optional[Scope]
    ) -> None:
        if name in HIDDEN and not (name == "vars" and arguments):
            self._sink.hidden.append((node.lineno, f"`{name}`"))
        if name in SETTERS and arguments:
            self._change(arguments[0], scope)
        if name == "open":
            self._sink.uses.append(Use(name, (), "call", node.lineno, "io.open"))
        self._arguments(arguments, "read" if name in READERS else "argument", scope)

    def _own_function(self, node: ast.Call, name: str, scope: Optional[Scope]) -> None:
        """What the function keeps or changes of its arguments decides what becomes of them."""
        function = self._functions[name]
        kept = self._kept(name)
        names = parameters(function)
        spec = function.args
        positional = [item.arg for item in [*spec.posonlyargs, *spec.args]]
        for index, item in enumerate(node.args):
            known = index < len(positional) and not isinstance(item, ast.Starred)
            safe = known and positional[index] not in kept
            self._visit(item, "read" if safe else "argument", scope)
        for word in node.keywords:
            safe = word.arg is not None and word.arg in names and word.arg not in kept
            self._visit(word.value, "read" if safe else "argument", scope)

    def _kept(self, name: str) -> frozenset[str]:
        """The parameters whose values a function of the file may change, keep or return."""
        known = self._kept_parameters.get(name)
        if known is not None:
            return known
        function = self._functions[name]
        self._kept_parameters[name] = frozenset(parameters(function))  # where it calls itself
        sinks = (self._sink, self.deferred)
        self._sink = self.deferred = Uses()
        scope = self._body(function, None)
        self._sink, self.deferred = sinks
        found = frozenset(scope.changed)
        self._kept_parameters[name] = found
        return found


def _chain(node: ast.expr) -> tuple[tuple[str, ...], ast.expr]:
    """`a.b[0].c` as its attributes and its root."""
    parts: list[str] = []
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
        node = node.value
    return tuple(reversed(parts)), node


def _is_of_class(base: ast.expr) -> bool:
    """Whether an expression may be the class that it is written in: `cls`, `type(self)`, `self.__class__`."""
    return any(
        (isinstance(node, ast.Name) and node.id in ("cls", "type"))
        or (isinstance(node, ast.Attribute) and node.attr == "__class__")
        for node in ast.walk(base)
    )

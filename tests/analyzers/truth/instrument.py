"""Puts questions into a program: one after each binding of a name, one where each function starts.

The same instrumented text is run under JAX and read by the model, so that both answer the same
questions: `reveal_value(x)` and `reveal_contexts()`, told apart by where they stand. Both hand on
what they are asked about, so that they can stand around the first use of a lambda's argument.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, NamedTuple

QUESTIONS = ("reveal_value", "reveal_contexts")
Place = tuple[int, int]
_OWN_NAMES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Point(NamedTuple):
    """One question: about a name, or about a function (`name` is empty)."""

    line: int  # of the program
    function: str  # qualified name; "" at module level
    name: str
    binding: str  # "function", "parameter", "assignment", "unpacking", "loop", "lambda", ...


class Instrumented(NamedTuple):
    """The text with its questions, each by the line and column at which it stands."""

    text: str
    points: dict[Place, Point]


def instrument(source: str) -> Instrumented:
    """The program with a question wherever a name is bound."""
    questions = _Questions()
    tree = ast.fix_missing_locations(questions.visit(ast.parse(source)))
    text = ast.unparse(tree) + "\n"
    return Instrumented(text, questions.places(tree, text))


class _Questions(ast.NodeTransformer):
    """Inserts the questions; remembers what each is about by its node."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._in_class = False
        self._about: dict[ast.Call, Point] = {}

    def places(self, tree: ast.AST, text: str) -> dict[Place, Point]:
        """Where the written text has the questions: two walks of the same tree meet them in one order."""
        asked = [node for node in ast.walk(tree) if node in self._about]
        written = [node for node in ast.walk(ast.parse(text)) if _is_question(node)]
        assert len(asked) == len(written)
        return {
            (there.lineno, there.col_offset): self._about[here]  # type: ignore[attr-defined,index]
            for here, there in zip(asked, written)
        }

    # Statements

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Asks about the function and its parameters, below the docstring."""
        outside, self._in_class = self._in_class, False
        node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
        self._path.append(node.name)
        body: list[ast.stmt] = [self._question(node, "", "function")]
        body.extend(self._question(node, name, "parameter") for name in _parameters(node.args))
        docstring = 1 if ast.get_docstring(node, clean=False) is not None else 0
        rest = [item for statement in node.body[docstring:] for item in self._statement(statement)]
        node.body = [*node.body[:docstring], *body, *rest]
        self._path.pop()
        self._in_class = outside
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Asks within methods; a field is no local."""
        outside, self._in_class = self._in_class, True
        self._path.append(node.name)
        node.body = [item for statement in node.body for item in self._statement(statement)]
        self._path.pop()
        self._in_class = outside
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """Asks at module level too: scripts live there."""
        node.body = [item for statement in node.body for item in self._statement(statement)]
        return node

    def _statement(self, node: ast.stmt) -> list[ast.stmt]:
        for field in ("body", "orelse", "finalbody"):
            inside = getattr(node, field, None)
            if inside and not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found = [item for statement in inside for item in self._statement(statement)]
                setattr(node, field, found)
        for handler in getattr(node, "handlers", ()):
            handler.body = [
                item for statement in handler.body for item in self._statement(statement)
            ]
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            return [self.visit(node)]
        self._expressions(node)
        if isinstance(node, (ast.For, ast.With)) and not self._in_class:
            kind = "loop" if isinstance(node, ast.For) else "with"
            targets = (
                [node.target]
                if isinstance(node, ast.For)
                else [i.optional_vars for i in node.items]
            )
            bound = [self._question(node, name, kind) for t in targets for name in _names(t)]
            node.body = [*bound, *node.body]
        return [node, *self._bound_by(node)]

    def _bound_by(self, node: ast.stmt) -> list[ast.stmt]:
        if self._in_class or not isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            return []
        if isinstance(node, ast.AnnAssign) and node.value is None:
            return []
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        kind = "augmented" if isinstance(node, ast.AugAssign) else "assignment"
        return [
            self._question(node, name, kind if isinstance(target, ast.Name) else "unpacking")
            for target in targets
            for name in _names(target)
        ]

    def _question(self, node: ast.AST, name: str, binding: str) -> ast.Expr:
        arguments: list[ast.expr] = [ast.Name(name, ast.Load())] if name else []
        return ast.Expr(self._call(node, name, binding, arguments))

    def _call(self, node: ast.AST, name: str, binding: str, arguments: list[ast.expr]) -> ast.Call:
        what = "reveal_value" if name else "reveal_contexts"
        call = ast.Call(ast.Name(what, ast.Load()), arguments, [])
        line = getattr(node, "lineno", 0)
        self._about[call] = Point(line, ".".join(self._path), name, binding)
        return call

    # Lambdas and comprehensions: their names are asked about where they are first used

    def _expressions(self, statement: ast.stmt) -> None:
        for field, value in ast.iter_fields(statement):
            if isinstance(value, ast.expr):
                setattr(statement, field, self.visit(value))
        if isinstance(statement, ast.With):
            for item in statement.items:
                item.context_expr = self.visit(item.context_expr)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Asks about each argument around its first use."""
        self._path.append("<lambda>")
        self.generic_visit(node)
        for name in _parameters(node.args):
            node.body = self._around_first_use(node.body, name, "lambda")
        self._path.pop()
        return node

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> ast.AST:
        self.generic_visit(node)
        if not self._in_class:
            for generator in node.generators:
                for name in _names(generator.target):
                    node.elt = self._around_first_use(node.elt, name, "comprehension")
        return node

    visit_ListComp = visit_SetComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def _around_first_use(self, body: ast.expr, name: str, binding: str) -> ast.expr:
        def ask(use: ast.Name) -> ast.Call:
            return self._call(use, name, binding, [use])

        return _FirstUse(name, ask).visit(body)


class _FirstUse(ast.NodeTransformer):
    """Wraps the first use of a name, not looking into what has names of its own."""

    def __init__(self, name: str, ask: Callable[[ast.Name], ast.Call]) -> None:
        self._name = name
        self._ask = ask
        self._done = False

    def visit(self, node: ast.AST) -> Any:
        """The node, or the question that now stands around it."""
        if self._done or isinstance(node, _OWN_NAMES):
            return node
        if isinstance(node, ast.Name) and node.id == self._name and isinstance(node.ctx, ast.Load):
            self._done = True
            return self._ask(node)
        return self.generic_visit(node)


def _is_question(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in QUESTIONS
    )


def _parameters(arguments: ast.arguments) -> list[str]:
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    starred = [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    return [one.arg for one in (*named, *starred) if one.arg not in ("self", "cls")]


def _names(target: ast.expr | None) -> list[str]:
    """The names that a target binds."""
    if target is None:
        return []
    return [
        node.id
        for node in ast.walk(target)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id != "_"
    ]

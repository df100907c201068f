"""Decides, from the text alone, whether importing a file would run more than definitions.

Importing runs every statement at the top level. Imports, `def`, `class`, constants and the calls
that set a program up (`jax.jit(f)`, `optax.adam(1e-3)`, `jax.config.update(...)`, constructing a
class) are what any importer expects. A loop, a `with`, a call of the file's own functions or of a
function we know nothing of may train for a week: those lines are named and the user is asked.

The answer errs towards asking. A call passes only when its dotted name starts at an import of a
library from a short list and is not known to run, read or wait; or when it constructs a class (one
of the file's, or a CapWords name that was imported); or when it is a builtin that only computes; or
when it is a function of the file whose body passes, line by line: a factory, a configuration.
Methods pass on values made by such calls in the same expression (`jnp.ones(3).at[0].set(1.0)`),
not on names: what `parser.parse_args()` or `state.restore()` does cannot be seen. What follows
`if __name__ == "__main__":` is not run by an import and does not count.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Optional, Union

from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol import SourceLine
from jaxsight_runner.slicing.libraries import defines
from jaxsight_runner.slicing.library_table import known

_BUILTINS = frozenset(
    [
        "abs",
        "all",
        "any",
        "bool",
        "bytes",
        "bytearray",
        "callable",
        "chr",
        "classmethod",
        "complex",
        "dict",
        "divmod",
        "enumerate",
        "filter",
        "float",
        "format",
        "frozenset",
        "getattr",
        "globals",
        "hasattr",
        "hash",
        "hex",
        "id",
        "int",
        "isinstance",
        "issubclass",
        "iter",
        "len",
        "list",
        "max",
        "memoryview",
        "min",
        "object",
        "oct",
        "ord",
        "pow",
        "print",
        "property",
        "range",
        "repr",
        "reversed",
        "round",
        "set",
        "setattr",
        "slice",
        "sorted",
        "staticmethod",
        "str",
        "sum",
        "super",
        "tuple",
        "type",
        "vars",
        "zip",
    ]
)
_EXCEPTIONS = frozenset(
    name for name in dir(builtins) if name.endswith(("Error", "Exception", "Warning"))
)
_RULES = frozenset({"defvjp", "defjvp", "defjvps", "def_vmap", "def_fwd", "def_bwd", "defjvp_all"})
_METHODS_OF_FILES = frozenset(
    {
        "read_text",
        "read_bytes",
        "write_text",
        "write_bytes",
        "open",
        "unlink",
        "mkdir",
        "rmdir",
        "touch",
        "rename",
    }
)

_Block = Sequence[ast.stmt]
_Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]
_PASSING = (
    ast.Import,
    ast.ImportFrom,
    ast.Global,
    ast.Nonlocal,
    ast.Pass,
    ast.Delete,
    ast.Raise,
)
_EXPRESSIONS = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Assert, ast.Return)
_BLOCKS = (ast.If, ast.Try, ast.With, ast.For, ast.While)


@dataclass
class _Names:
    """What the top level's names stand for, as far as imports and classes tell."""

    modules: dict[str, str] = field(default_factory=dict[str, str])  # name here -> dotted name
    classes: set[str] = field(default_factory=set[str])
    functions: dict[str, list[_Function]] = field(default_factory=dict[str, list[_Function]])
    followed: set[str] = field(default_factory=set[str])  # functions that are being looked into


def running_lines(text: str, tree: ast.Module) -> tuple[SourceLine, ...]:
    """The lines of the top level that do more than define."""
    names = _names(tree)
    lines = text.splitlines()
    found = sorted({node.lineno for node in _running(tree.body, names)})
    return tuple(SourceLine(line, lines[line - 1].strip()[:120]) for line in found)


def running_statements(tree: ast.Module) -> list[ast.stmt]:
    """The statements of the top level that do more than define."""
    names = _names(tree)
    return [node for node in tree.body if any(True for _ in _running_statement(node, names))]


def _names(tree: ast.Module) -> _Names:
    names = _Names()
    _collect(tree.body, names)
    return names


def qualified_names(tree: ast.Module) -> dict[str, int]:
    """Functions and methods by dotted name, as Python spells it, with the line of their `def`."""
    found: dict[str, int] = {}

    def visit(body: _Block, prefix: str) -> None:
        for node in _flatten(body):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found[prefix + node.name] = node.lineno
                visit(node.body, f"{prefix}{node.name}.<locals>.")
            elif isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.Assign) and isinstance(node.value, (ast.Call, ast.Lambda)):
                if "<locals>" in prefix and not isinstance(node.value, ast.Lambda):
                    continue  # any variable of a function
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        found.setdefault(prefix + target.id, node.lineno)

    visit(tree.body, "")
    return found


def _flatten(body: _Block) -> Iterator[ast.stmt]:
    """Statements of a block and of the blocks in it that are no functions or classes."""
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody"):
            if isinstance(node, _BLOCKS):
                yield from _flatten(getattr(node, name, []))
        if isinstance(node, ast.Try):
            for handler in node.handlers:
                yield from _flatten(handler.body)


def _collect(body: _Block, names: _Names) -> None:
    for node in _flatten(body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                names.modules[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                prefix = "." * node.level + (node.module or "")
                names.modules[alias.asname or alias.name] = f"{prefix}.{alias.name}"
        elif isinstance(node, ast.ClassDef):
            names.classes.add(node.name)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names.functions.setdefault(node.name, []).append(node)


def _running(body: _Block, names: _Names) -> Iterator[Union[ast.expr, ast.stmt]]:
    for node in body:
        yield from _running_statement(node, names)


def _running_statement(node: ast.stmt, names: _Names) -> Iterator[Union[ast.expr, ast.stmt]]:
    if isinstance(node, _PASSING):
        return
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                yield from _running_expression(default, names)
    elif isinstance(node, ast.ClassDef):
        yield from _running(node.body, names)
    elif isinstance(node, ast.If):
        if _is_main_test(node.test):
            yield from _running(node.orelse, names)
            return
        yield from _running_expression(node.test, names)
        yield from _running([*node.body, *node.orelse], names)
    elif isinstance(node, ast.Try):
        yield from _running([*node.body, *node.orelse, *node.finalbody], names)
        for handler in node.handlers:
            yield from _running(handler.body, names)
    elif isinstance(node, _EXPRESSIONS):
        yield from _running_expression(node, names)
    else:  # loops, `with`, `match`: what they do cannot be told from their lines
        yield node


def _is_main_test(test: ast.expr) -> bool:
    if not (
        isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)
    ):
        return False
    sides = {ast.dump(side) for side in (test.left, test.comparators[0])}
    return sides == {
        ast.dump(ast.parse(text, mode="eval").body) for text in ("__name__", "'__main__'")
    }


def _running_expression(node: ast.AST, names: _Names) -> Iterator[Union[ast.expr, ast.stmt]]:
    """Calls in an expression that may do more than define; what a lambda holds is not called."""
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom)):
        yield node
    if isinstance(node, ast.Call) and not _defines(node.func, node, names):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _running_expression(child, names)


def _defines(function: ast.expr, call: ast.Call, names: _Names) -> bool:
    """Whether calling `function` only sets something up."""
    dotted = _dotted(function)
    if dotted is not None:
        return _known(dotted, names)
    if isinstance(function, ast.Attribute):
        if function.attr in _METHODS_OF_FILES:
            return False
        # A method of a value made in this expression, which was itself found to define.
        return not isinstance(_root(function.value), ast.Name) or _known(
            _root_dotted(function.value) or "", names
        )
    if isinstance(
        function, ast.Call
    ):  # `partial(jax.jit, static_argnums=0)(f)` defines, `jit(f)(x)` runs
        inner = _dotted(function.func)
        made = _resolve(inner, names) if inner else None
        return (
            made == "functools.partial"
            and bool(function.args)
            and _is_library(function.args[0], names)
        )
    return False


def _known(dotted: str, names: _Names) -> bool:
    head, _, rest = dotted.partition(".")
    if rest.split(".")[-1] in _RULES:
        return True
    if head in names.classes:
        return not rest
    if head in names.functions and not rest:
        return _only_defines(head, names)
    resolved = _resolve(dotted, names)
    if resolved is None:
        bare = not rest and head not in names.functions
        return bare and (head in _BUILTINS or head in _EXCEPTIONS)
    if known(resolved.split(".")[0], "defines"):
        return defines(resolved)
    return resolved.split(".")[-1][:1].isupper()


def _only_defines(name: str, names: _Names) -> bool:
    """Whether calling a function of the file runs no more than the top level may: a factory, a config."""
    if name in names.followed or name in names.modules:
        return False
    names.followed.add(name)
    found = all(
        not node.decorator_list
        and isinstance(node, ast.FunctionDef)
        and not any(True for _ in _running(node.body, _inside(node, names)))
        for node in names.functions[name]
    )
    names.followed.discard(name)
    return found


def _inside(node: _Function, names: _Names) -> _Names:
    """What names stand for in a function: its own are nothing known, but for its imports."""
    own = _Names()
    _collect(node.body, own)
    hidden = {item.arg for item in ast.walk(node) if isinstance(item, ast.arg)}
    hidden |= {
        item.id
        for item in ast.walk(node)
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
    } | set(own.functions)
    modules = {name: to for name, to in names.modules.items() if name not in hidden}
    return _Names(
        {**modules, **own.modules},
        (names.classes - hidden) | own.classes,
        {name: defs for name, defs in names.functions.items() if name not in hidden},
        names.followed,
    )


def _resolve(dotted: str, names: _Names) -> Optional[str]:
    head, dot, rest = dotted.partition(".")
    module = names.modules.get(head)
    return None if module is None else module + dot + rest


def _is_library(node: ast.expr, names: _Names) -> bool:
    dotted = _dotted(node)
    resolved = _resolve(dotted, names) if dotted else None
    return resolved is not None and known(resolved.split(".")[0], "defines")


def _dotted(node: ast.expr) -> Optional[str]:
    parts: list[str] = []
    current: ast.expr = node
    while isinstance(current, ast.Attribute):
        parts.append(current.attr)
        current = current.value
    if not isinstance(current, ast.Name):
        return None
    return ".".join([current.id, *reversed(parts)])


def _root(node: ast.expr) -> Union[ast.expr, ast.Name]:
    current = node
    while isinstance(current, (ast.Attribute, ast.Subscript)):
        current = current.value
    return current


def _root_dotted(node: ast.expr) -> Optional[str]:
    root = _root(node)
    return root.id if isinstance(root, ast.Name) else None

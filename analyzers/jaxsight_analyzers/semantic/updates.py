"""Which parameters a function returns again, as they were or updated: with the dtypes and shapes they came with.

That is what XLA can give the memory of a donated argument to. It is read off the text: `params.at[i].set(v)`,
`optax.apply_updates(params, updates)`, `state.apply_gradients(...)`, what a scan carries, and names for these.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic.parameters import all_arguments

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.parameters import FunctionNode

_SELF = ("replace", "_replace", "apply_gradients", "copy")
"""Methods whose result is as what they are called of."""
_FIRST = (
    "apply_updates",
    "incremental_update",
    "tree_copy",
    "stop_gradient",
    "with_sharding_constraint",
)
"""Functions whose result is as their first argument."""
_MAPS = ("map", "tree_map")
_CARRY = {"scan": 1, "fori_loop": 3, "while_loop": 2}


def updated_parameters(node: FunctionNode) -> Mapping[str, Certainty]:
    """The parameters that some part of each result is as; "maybe" where arithmetic may make it bigger."""
    return _Function(node).updated()


_Found = dict[str, Certainty]


class _Function:
    """The assignments of one function."""

    def __init__(self, node: FunctionNode) -> None:
        self._node = node
        self._names = frozenset(one.arg for one in all_arguments(node.args))
        self._given: dict[str, list[ast.expr | None]] = {}
        self._open: set[str] = set()  # names that are looked into

    def updated(self) -> _Found:
        """The parameters of which every `return` hands on an update."""
        if isinstance(self._node, ast.Lambda):
            return self._like(self._node.body)
        for statement in _own(self._node):
            self._note(statement)
        returned = (one for one in _own(self._node) if isinstance(one, ast.Return))
        return _in_all([self._like(one.value) for one in returned])

    def _note(self, statement: ast.AST) -> None:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                self._bind(target, statement.value)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._bind(statement.target, statement.value)
        elif isinstance(statement, (ast.AugAssign, ast.NamedExpr, ast.For, ast.AsyncFor)):
            self._bind(statement.target, None)
        elif isinstance(statement, ast.withitem) and statement.optional_vars is not None:
            self._bind(statement.optional_vars, None)

    def _bind(self, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Name):
            self._given.setdefault(target.id, []).append(value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for element, part in zip(target.elts, _parts(value, len(target.elts))):
                self._bind(element, part)

    def _like(self, node: ast.expr | None) -> _Found:
        """The parameters that an expression, or a part of it, is as."""
        certainty = Certainty.YES
        while node is not None:
            if isinstance(node, ast.Name):
                found = self._of_name(node.id)
            elif isinstance(node, ast.IfExp):
                found = _in_all([self._like(node.body), self._like(node.orelse)])
            elif (parts := _held(node)) is not None:
                found = _in_any([self._like(part) for part in parts])
            else:
                if isinstance(node, (ast.Attribute, ast.BinOp)) or _is_made_anew(node):
                    certainty = Certainty.MAYBE
                node = _source(node)
                continue
            if isinstance(node, ast.Call):
                certainty = Certainty.MAYBE  # an object that is made of them
            return {name: min(certainty, one) for name, one in found.items()}
        return {}

    def _of_name(self, name: str) -> _Found:
        own = {name: Certainty.YES} if name in self._names else {}
        given = self._given.get(name)
        if given is None or name in self._open:  # an update of itself
            return own
        self._open.add(name)
        found = [self._like(one) for one in given]
        self._open.remove(name)
        return _in_all([*found, own] if own else found)


def _in_all(found: list[_Found]) -> _Found:
    if not found:
        return {}
    first, *others = found
    return {
        name: min([certainty, *(other[name] for other in others)])
        for name, certainty in first.items()
        if all(name in other for other in others)
    }


def _in_any(found: list[_Found]) -> _Found:
    made: _Found = {}
    for one in found:
        for name, certainty in one.items():
            made[name] = max(certainty, made.get(name, certainty))
    return made


def _held(node: ast.expr) -> list[ast.expr] | None:
    """The parts of a container that is made here: of a tuple, a dict, `TrainState(...)`."""
    if isinstance(node, (ast.Tuple, ast.List)):
        return node.elts
    if isinstance(node, ast.Dict):
        return node.values
    name = _called(node)
    if isinstance(node, ast.Call) and (name == "dict" or name[:1].isupper()):
        return [*node.args, *(keyword.value for keyword in node.keywords)]
    return None


def _is_made_anew(node: ast.expr) -> bool:
    """Whether a function that is not looked into makes each leaf: `jax.tree.map(update, params, grads)`."""
    if not isinstance(node, ast.Call) or _called(node) not in _MAPS or not node.args:
        return False
    return not _keeps_shapes(node.args[0])


def _own(node: FunctionNode) -> Iterator[ast.AST]:
    """What stands in a function itself, not in functions in it."""
    waiting: list[ast.AST] = list(getattr(node, "body", ()))
    while waiting:
        inner = waiting.pop()
        yield inner
        if not isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(inner))


def _parts(value: ast.expr | None, count: int) -> list[ast.expr | None]:
    """What each of several targets gets."""
    if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == count:
        return list(value.elts)
    unknown: list[ast.expr | None] = [None] * count
    name = _called(value)
    if not isinstance(value, ast.Call) or count != 2:
        carried = _carry(value)
        return _parts(carried, count) if carried is not None and name != "scan" else unknown
    if name == "scan":
        return [_carry(value), None]
    if name == "update" and len(value.args) > 1:  # of an optimiser: updates and its next state
        return [None, value.args[1]]
    carried = _carry(value)
    return unknown if carried is None else _parts(carried, count)


def _carry(value: ast.expr | None) -> ast.expr | None:
    """What a loop of `jax.lax` carries, as it starts: it stays of that type."""
    place = _CARRY.get(_called(value))
    if place is None or not isinstance(value, ast.Call):
        return None
    named = ("init", "init_val")
    return next(
        (keyword.value for keyword in value.keywords if keyword.arg in named),
        value.args[place] if len(value.args) > place else None,
    )


def _called(node: ast.expr | None) -> str:
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _source(node: ast.expr) -> ast.expr | None:
    """What an expression has the dtypes and shapes of."""
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        return node.value if isinstance(node, ast.Attribute) else None
    if isinstance(node, ast.BinOp):
        named = isinstance(node.left, (ast.Name, ast.Attribute))
        return node.left if named else node.right
    if not isinstance(node, ast.Call):
        return None
    name, function = _called(node), node.func
    if name in ("fori_loop", "while_loop"):
        return _carry(node)
    if name in _FIRST and node.args:
        return node.args[0]
    if not isinstance(function, ast.Attribute):
        return None
    base = function.value
    if isinstance(base, ast.Subscript) and isinstance(base.value, ast.Attribute):
        return base.value.value if base.value.attr == "at" and name != "get" else None
    if name in _MAPS and len(node.args) > 1:
        return node.args[1]
    return base if name in _SELF else None


def _keeps_shapes(function: ast.expr) -> bool:
    """Whether a function of leaves is an update of the first: `lambda p, g: p - 0.1 * g`."""
    if not isinstance(function, ast.Lambda) or not function.args.args:
        return False
    first, body = function.args.args[0].arg, function.body
    return isinstance(body, ast.BinOp) and any(
        isinstance(inner, ast.Name) and inner.id == first for inner in (body.left, body.right)
    )

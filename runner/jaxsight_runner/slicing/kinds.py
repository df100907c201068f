"""What the names of a module stand for: whether their values can be changed in place."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Literal, Optional

from jaxsight_runner.slicing.builtin_table import FIXED
from jaxsight_runner.slicing.libraries import is_fixed, is_fresh
from jaxsight_runner.slicing.scopes import Function

# "fixed": cannot be changed in place; "frozen": not by its methods, but it may hold a list;
# "view": cannot be, but may look at an array of NumPy that can;
# "record": its attributes cannot be changed in place, as those of a dataclass of numbers.
Kind = Literal["import", "function", "class", "fixed", "view", "frozen", "record", "mutable"]

_FROZEN_BASES = (
    "flax.linen.Module",
    "flax.linen.module.Module",
    "equinox.Module",
    "typing.NamedTuple",
    "flax.struct.PyTreeNode",
    "enum.Enum",
    "enum.IntEnum",
)
_FROZEN_DECORATORS = ("flax.struct.dataclass", "chex.dataclass")
_DATACLASSES = ("dataclasses.dataclass", *_FROZEN_DECORATORS, "chex.dataclass")
_SIMPLE = frozenset({"int", "float", "str", "bool", "bytes", "complex", "tuple", "None"})


class Kinds:
    """The kinds of a module's names, from the statements that bind them."""

    def __init__(
        self, binders: Mapping[str, list[Optional[ast.stmt]]], imports: Mapping[str, str]
    ) -> None:
        self._binders = binders  # None: bound in some other way than by a statement of its own
        self._imports = imports
        self._known: dict[str, Kind] = {}

    @property
    def names(self) -> Iterable[str]:
        """Every name that the module binds."""
        return self._binders

    def kind(self, name: str) -> Kind:
        """What a name stands for; "mutable" where it is not known."""
        if name not in self._known:
            self._known[name] = "mutable"  # where it depends on itself
            self._known[name] = self._find(name)
        return self._known[name]

    def dotted(self, node: ast.expr) -> Optional[str]:
        """What a dotted name stands for, where it starts at an import."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self._imports:
            return None
        if self.kind(node.id) != "import":
            return None
        return ".".join([self._imports[node.id], *reversed(parts)])

    def class_node(self, name: str) -> Optional[ast.ClassDef]:
        """The class of the file that a name stands for."""
        bound = self._binders.get(name, [])
        node = bound[0] if len(bound) == 1 else None
        return node if isinstance(node, ast.ClassDef) else None

    def function_node(self, name: str) -> Optional[Function]:
        """The function of the file that a name stands for, where nothing unknown decorates it."""
        bound = self._binders.get(name, [])
        node = bound[0] if len(bound) == 1 else None
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return None
        known = [self.is_transformation(item) for item in node.decorator_list]
        return node if all(known) else None

    def shares_state(self, name: str) -> bool:
        """Whether a class keeps values at itself that its instances may change."""
        node = self.class_node(name)
        if node is None:
            return False
        for item in node.body:
            value = item.value if isinstance(item, (ast.Assign, ast.AnnAssign)) else None
            if value is not None and not self.is_fixed(value):
                return True
        return False

    def remembers(self, name: str) -> bool:
        """Whether a function has a default value that its calls may change."""
        for node in self._binders.get(name, []):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                defaults = [*node.args.defaults, *node.args.kw_defaults]
                if any(item is not None and not self.is_fixed(item) for item in defaults):
                    return True
        return False

    def is_transformation(self, node: ast.expr) -> bool:
        """Whether a decorator is one of the libraries that change functions and keep no record of them."""
        function = node.func if isinstance(node, ast.Call) else node
        dotted = self.dotted(function) or ""
        return dotted.split(".")[0] in ("jax", "flax", "equinox", "functools", "jaxtyping", "optax")

    def _find(self, name: str) -> Kind:
        bound = self._binders.get(name)
        if not bound:
            return "fixed"  # a builtin, or nothing
        if any(node is None for node in bound):
            return "mutable"
        if all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in bound):
            return "import"
        if all(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) for node in bound):
            return "function"
        if all(isinstance(node, ast.ClassDef) for node in bound):
            return "class"
        values = [_value_of(node, name) for node in bound if node is not None]
        if all(value is not None and self.is_fixed(value) for value in values):
            return "fixed"
        if all(value is not None and self._is_view(value) for value in values):
            return "view"
        if all(value is not None and self.is_fixed(value, literals=True) for value in values):
            return "frozen"
        if all(value is not None and self._is_record(value) for value in values):
            return "record"
        return "mutable"

    def is_fixed(self, node: ast.expr, literals: bool = False) -> bool:
        """Whether what an expression makes cannot be changed in place, nor anything in it.

        `literals`: lists and dicts written out as arguments are let pass.
        """
        if isinstance(node, (ast.Constant, ast.Lambda, ast.JoinedStr, ast.Compare)):
            return True
        if isinstance(node, ast.Name):
            return self.kind(node.id) in ("function", "class", "fixed")
        if isinstance(node, ast.Attribute):
            dotted = self.dotted(node)
            if dotted is not None:
                return is_fixed(dotted) or is_fresh(dotted)
            return self.is_fixed(node.value) or self._is_record(node.value)
        if isinstance(node, ast.Call):
            return self._fixed_call(node, literals)
        if isinstance(
            node,
            (ast.Tuple, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.IfExp, ast.Subscript, ast.Starred),
        ):
            parts = [item for item in ast.iter_child_nodes(node) if isinstance(item, ast.expr)]
            return all(self.is_fixed(item) for item in parts)
        return bool(isinstance(node, ast.Slice))

    def _fixed_call(self, node: ast.Call, literals: bool) -> bool:
        arguments = [*node.args, *(word.value for word in node.keywords)]
        function = node.func
        dotted = self.dotted(function)
        if not all(self._fixed_argument(item, literals) for item in arguments):
            return False
        if dotted is not None:
            return is_fixed(dotted)
        if isinstance(function, ast.Name) and function.id not in self._binders:
            return function.id in FIXED
        if isinstance(function, ast.Name):
            return self._is_frozen(function.id)
        if isinstance(function, ast.Attribute):  # a method of a value that cannot be changed
            return self._is_array(function.value)
        return isinstance(function, ast.Call) and self._fixed_call(function, literals)

    def _fixed_argument(self, node: ast.expr, literals: bool) -> bool:
        if literals and isinstance(node, (ast.List, ast.Dict)):
            parts = [item for item in ast.iter_child_nodes(node) if isinstance(item, ast.expr)]
            return all(self._fixed_argument(item, True) for item in parts)
        return self.is_fixed(node, literals)

    def _is_view(self, node: ast.expr) -> bool:
        """Whether an expression is a value of JAX, which may share the memory of an array of NumPy."""
        dotted = self.dotted(node.func) if isinstance(node, ast.Call) else None
        return dotted is not None and is_fresh(dotted) and is_fixed(dotted)

    def _is_array(self, node: ast.expr) -> bool:
        """Whether an expression is made by JAX's own functions, so that its methods make arrays, too."""
        while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
            dotted = self.dotted(node.func) if isinstance(node, ast.Call) else None
            if dotted is not None:
                return is_fresh(dotted)
            node = node.func if isinstance(node, ast.Call) else node.value
        return isinstance(node, ast.Constant)

    def _is_frozen(self, name: str) -> bool:
        """Whether instances of a class cannot be changed in place."""
        node = self.class_node(name)
        if node is None or self.shares_state(name):
            return False
        if any((self.dotted(base) or "") in _FROZEN_BASES for base in node.bases):
            return True
        for item in node.decorator_list:
            if self.dotted(item) in _FROZEN_DECORATORS[:1]:
                return True
            if isinstance(item, ast.Call) and self.dotted(item.func) in _DATACLASSES:
                words = {word.arg: word.value for word in item.keywords}
                frozen = words.get("frozen")
                if isinstance(frozen, ast.Constant) and frozen.value is True:
                    return True
        return any(isinstance(base, ast.Name) and self._is_frozen(base.id) for base in node.bases)

    def _is_record(self, node: ast.expr) -> bool:
        """Whether an expression makes a dataclass of numbers and strings."""
        if isinstance(node, ast.Name):
            return self.kind(node.id) == "record"
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            return False
        made = self.class_node(node.func.id)
        if made is None or made.bases or not made.decorator_list:
            return False
        decorators = [
            item.func if isinstance(item, ast.Call) else item for item in made.decorator_list
        ]
        if not all(self.dotted(item) in _DATACLASSES for item in decorators):
            return False
        fields = [item for item in made.body if isinstance(item, ast.AnnAssign)]
        return all(_is_simple(item.annotation) for item in fields)


def _is_simple(annotation: ast.expr) -> bool:
    names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
    return names <= _SIMPLE | {"Optional", "Union", "Literal"}


def _value_of(node: ast.stmt, name: str) -> Optional[ast.expr]:
    """What a statement gives a name, where it is as simple as `name = value`."""
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.value
    if not isinstance(node, ast.Assign):
        return None
    for target in node.targets:
        if isinstance(target, ast.Name) and target.id == name:
            return node.value
        if isinstance(target, ast.Tuple) and any(
            isinstance(item, ast.Name) and item.id == name for item in target.elts
        ):
            return node.value  # a part of what cannot be changed cannot be, either
    return None

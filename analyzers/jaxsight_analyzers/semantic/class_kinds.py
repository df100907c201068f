"""What JAX can do with the instances of a class, by all that the text says of it."""

from __future__ import annotations

import ast

from jaxsight_analyzers.semantic import annotations, leaves, members, qualified_names
from jaxsight_analyzers.semantic.evidence import sets_by_name_in
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope

_NEUTRAL = frozenset(
    (
        "builtins.object",
        "typing.Generic",
        "typing.Protocol",
        "typing_extensions.Protocol",
        "abc.ABC",
    )
)
_HOOKS = frozenset(("tree_flatten", "tree_unflatten", "__jax_array__"))
_DATACLASS = "dataclasses.dataclass"


def kind_of(run: Run, owner: ClassScope) -> str | None:
    """What instances are that JAX takes for leaves: "object", "dataclass", "frozen dataclass", "enum".

    None where the class may be a pytree: its file registers it, or a library's base, decorator or metaclass may have.
    Other files may do so: who asks looks for calls of `register_pytree_node` and its kin in its own.
    """
    kind = "object"
    for one in members.lineage(run, owner):
        its_kind = _own_kind(run, one)
        if its_kind is None or its_kind == "enum":
            return its_kind
        if kind == "object":
            kind = its_kind
    return kind


def is_hashable(run: Run, owner: ClassScope, kind: str) -> bool:
    """Whether instances of a class of this kind have a hash."""
    for one in members.lineage(run, owner):
        if "__hash__" in one.methods or one.assigned.get("__hash__") is not None:
            return True
        if "__eq__" in one.methods or "__hash__" in one.assigned:
            return False
    return kind != "dataclass"


def holds_arrays(run: Run, owner: ClassScope) -> bool:
    """Whether the fields of a dataclass are annotated as arrays and containers of them, all of them."""
    kinds = [
        annotations.kind_of(run, field.annotation) if field.value is None else None
        for field in owner.fields.values()
    ]
    return bool(kinds) and all(kind in ("array", "pytree") for kind in kinds)


def sets_by_name(run: Run, owner: ClassScope) -> bool:
    """Whether a class has a method that sets attributes whose names are worked out: all of them, perhaps."""
    return run.once(("sets by name", owner), lambda: _sets_by_name(run, owner), False)


def _sets_by_name(run: Run, owner: ClassScope) -> bool:
    for one in members.lineage(run, owner):
        if any(sets_by_name_in(method) for method in one.methods.values()):
            return True
    return False


def is_abstract(run: Run, owner: ClassScope) -> bool:
    """Whether a class is made to be derived from: what derives from it may be registered."""
    bases = [base for base in owner.node.bases if _is_neutral(run, owner, base)]
    return any(ast.unparse(base) != "object" for base in bases) or any(
        members.is_stub(method.node) for method in owner.methods.values()
    )


def _own_kind(run: Run, owner: ClassScope) -> str | None:
    """What the bases and decorators of one class make of it."""
    node = owner.node
    if not _HOOKS.isdisjoint(owner.methods) or any(leaves.registrations(run, owner)):
        return None
    for base in node.bases:
        expression = base.value if isinstance(base, ast.Subscript) else base
        qualified = qualified_names.at(run, owner.home, expression)
        if qualified == "enum.Enum":
            return "enum"
        if qualified is None and members.base_of(run, owner) is None:
            return None
        if qualified is not None and qualified not in _NEUTRAL:
            return None
    if node.keywords or len(node.bases) > 1 + any(_is_neutral(run, owner, b) for b in node.bases):
        return None
    return _decorated(run, owner)


def _is_neutral(run: Run, owner: ClassScope, base: ast.expr) -> bool:
    expression = base.value if isinstance(base, ast.Subscript) else base
    return qualified_names.at(run, owner.home, expression) in _NEUTRAL


def _decorated(run: Run, owner: ClassScope) -> str | None:
    kind = "object"
    for decorator in owner.node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if qualified_names.at(run, owner.home, called) != _DATACLASS:
            return None
        kind = _kind_of_dataclass(decorator)
    return kind


def _kind_of_dataclass(decorator: ast.expr) -> str:
    for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
        told = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
        if (keyword.arg in ("frozen", "unsafe_hash") and told is not False) or (
            keyword.arg == "eq" and told is not True
        ):
            return "frozen dataclass"
    return "dataclass"

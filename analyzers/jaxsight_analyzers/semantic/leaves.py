"""Which fields of a class JAX takes apart and traces, and which it hands on as they are: as the class was registered."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from jaxsight_analyzers.semantic import members, qualified_names
from jaxsight_analyzers.semantic.changes import REGISTERED
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope, decorators_of, statements_below
from jaxsight_analyzers.semantic.trees import walk

_FLATTENERS = ("tree_flatten", "tree_flatten_with_keys")


def left_alone(run: Run, owner: ClassScope) -> frozenset[str] | None:
    """The fields of a class that transformations leave as they are; None where that is not told.

    Fields are marked as static, `tree_flatten` returns them beside the children, or the call that
    registers the class says so.
    """
    return run.once(("left alone", owner), lambda: _left_alone(run, owner), None)


def _left_alone(run: Run, owner: ClassScope) -> frozenset[str] | None:
    run.depend(owner)
    static = {
        name
        for name, field in owner.fields.items()
        if is_static_field(field.value) or _is_annotated_so(run, owner, field.annotation)
    }
    for decorator in owner.node.decorator_list:
        static.update(_meta_fields(decorator))
    children = _children_of_class(run, owner)
    for call in registrations(run, owner):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        name = name or getattr(call.func, "id", "")
        if name == "register_dataclass":
            static.update(_meta_fields(call))
        else:
            flatten = call.args[1] if len(call.args) > 1 else None
            children = _children(flatten) if isinstance(flatten, ast.Lambda) else ()
    if children is not None:
        if not children or not owner.fields.keys() >= set(children):
            return None  # they are worked out, or no fields
        static |= owner.fields.keys() - set(children)
    return frozenset(static)


def registrations(run: Run, owner: ClassScope) -> Iterator[ast.Call]:
    """The calls of the module that register a class by its name."""
    if owner.nested:
        return
    run.depend(owner.home.name_task(owner.name).changes)
    for change in owner.home.changes(owner.name + REGISTERED, run.scopes):
        if isinstance(change.node, ast.Call):
            yield change.node


def _children_of_class(run: Run, owner: ClassScope) -> tuple[str, ...] | None:
    """What its `tree_flatten` returns as children, be it inherited; nothing where that is worked out, None without one."""
    for one in members.lineage(run, owner):
        for name in _FLATTENERS:
            method = one.methods.get(name)
            if method is not None:
                run.depend(method)
                return () if decorators_of(method.node) else _children(method.node)
    return None


def _children(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> tuple[str, ...]:
    """The attributes of its first parameter that a function returns first of two; nothing where it does more."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    returned = _returned(function)
    if not arguments or not isinstance(returned, ast.Tuple) or len(returned.elts) != 2:
        return ()
    children: ast.expr | None = returned.elts[0]
    if isinstance(children, ast.Name) and not isinstance(function, ast.Lambda):
        children = _assigned_once(function.body, children.id)
    return () if children is None else _attributes(children, arguments[0].arg)


def _returned(
    function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
) -> ast.expr | None:
    """What a function returns, if that stands in one place."""
    if isinstance(function, ast.Lambda):
        return function.body
    found = [s for s in statements_below(function.body) if isinstance(s, ast.Return)]
    return found[0].value if len(found) == 1 else None


def _assigned_once(body: list[ast.stmt], name: str) -> ast.expr | None:
    found = [
        statement.value
        for statement in statements_below(body)
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign))
        and any(isinstance(n, ast.Name) and n.id == name for n in _targets(statement))
    ]
    return found[0] if len(found) == 1 else None


def _targets(statement: ast.Assign | ast.AnnAssign | ast.AugAssign) -> Iterable[ast.AST]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return (node for target in targets for node in walk(target))


def _attributes(expression: ast.expr, name: str) -> tuple[str, ...]:
    """The attributes of a name in an expression; nothing where it stands there without one."""
    nodes = list(walk(expression))
    found = {
        node.value: node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    whole = [node for node in nodes if isinstance(node, ast.Name) and node.id == name]
    if any(node not in found for node in whole):
        return ()
    return tuple([found[node] for node in whole])


def _is_annotated_so(run: Run, owner: ClassScope, annotation: ast.expr) -> bool:
    """`n: Static[int]`."""
    if not isinstance(annotation, ast.Subscript):
        return False
    qualified = qualified_names.at(run, owner.home, annotation.value)
    return qualified is not None and run.knowledge.annotation(qualified) == "static-field"


def is_static_field(default: ast.expr | None) -> bool:
    """`field(pytree_node=False)`, `field(static=True)`, `field(metadata=dict(static=True))`."""
    if not isinstance(default, ast.Call):
        return False
    for keyword in default.keywords:
        told = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
        if (keyword.arg == "pytree_node" and told is False) or (
            keyword.arg == "static" and told is True
        ):
            return True
        if keyword.arg == "metadata" and "static" in ast.unparse(keyword.value):
            return True
    name = default.func.attr if isinstance(default.func, ast.Attribute) else ""
    return "static" in (name or getattr(default.func, "id", ""))


def _meta_fields(call: ast.expr) -> Iterator[str]:
    """The names in `register_dataclass(..., meta_fields=["n"])`."""
    if not isinstance(call, ast.Call):
        return
    given = [keyword.value for keyword in call.keywords if keyword.arg == "meta_fields"]
    for part in walk(given[0]) if given else walk(call.args[2]) if len(call.args) == 3 else ():
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value

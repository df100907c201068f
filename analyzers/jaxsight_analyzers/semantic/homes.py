"""Where objects live that outlive a call: in the module, in an enclosing function, with the caller.

A name that is bound in the function stands for an object of its own unless it is bound to a name, an
attribute or an element of something that lives elsewhere. Anything else is not known to.
"""

from __future__ import annotations

import ast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import members
from jaxsight_analyzers.semantic.changes import is_display
from jaxsight_analyzers.semantic.parameters import all_arguments, defaults_of
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import FunctionScope
from jaxsight_analyzers.semantic.states import Home
from jaxsight_analyzers.semantic.values import (
    UNKNOWN,
    FunctionData,
    Value,
    class_of,
    qualified_of,
)

_PARTS = (ast.Attribute, ast.Subscript, ast.Call)
_ELEMENT_METHODS = ("get", "setdefault")


def of_parameters(scope: FunctionScope) -> dict[str, Home]:
    """The homes of a function's parameters, as they are when it starts."""
    known = scope.parameter_homes
    if known is None:
        arguments = scope.node.args
        known = {a.arg: Home("argument", a.arg) for a in all_arguments(arguments)}
        positional = (*arguments.posonlyargs, *arguments.args)
        if scope.owner is not None and positional and not _is_static(scope):
            known[positional[0].arg] = Home("self", positional[0].arg)
        for gathered in (arguments.vararg, arguments.kwarg):
            if gathered is not None:
                del known[gathered.arg]  # a tuple or dict that the call makes
        scope.parameter_homes = known
    return dict(known)


def _is_static(scope: FunctionScope) -> bool:
    decorators = getattr(scope.node, "decorator_list", ())
    return any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in decorators)


def home_of_name(run: Run, name: str) -> Home | None:
    """Where the object lives that a name stands for; None where it is of this call, or not known."""
    frame = run.frame
    scope = frame.scope
    if scope is None:
        return None
    if name in scope.local_names:
        return frame.state.homes.get(name)
    environment = None if scope.declared.get(name) == "global" else frame.environment.parent
    while environment is not None:
        if environment.scope is not None and name in environment.state.names:
            known = environment.state.homes.get(name)
            if known is not None and known.category in ("module container", "self"):
                if known.category == "self" and known.environment is None:
                    return known._replace(environment=environment)
                return known
            return Home("nonlocal", name, environment=environment)
        environment = environment.parent
    return Home("module container", name) if _is_of_module(run, scope, name) else None


def _is_of_module(run: Run, scope: FunctionScope, name: str) -> bool:
    """Whether a name that no function around binds is the module's: it binds it, or a function does for it."""
    if scope.declared.get(name) == "global":
        return True
    if run.global_value(run.frame.module, name) is not None:
        return True
    return run.builtin(name) is UNKNOWN and any(c.binds for c in run.changes(name, None))


def home_of_object(run: Run, node: ast.expr) -> Home | None:
    """Where an object lives that an expression takes from a place: a name, a part of a part of one."""
    if isinstance(node, ast.Name):
        return home_of_name(run, node.id)
    if not isinstance(node, _PARTS) or run.frame.scope is None:
        return None
    inner = node
    first: ast.expr = node
    while isinstance(inner, _PARTS):
        first = inner
        if not isinstance(inner, ast.Call):
            inner = inner.value
        elif isinstance(inner.func, ast.Attribute) and inner.func.attr in _ELEMENT_METHODS:
            inner = inner.func.value
        else:
            return None  # what a call returns
    if not isinstance(inner, ast.Name):
        return None
    home = home_of_name(run, inner.id)
    if home is None or not isinstance(first, ast.Attribute):
        return home
    return _through_attribute(run, run.lookup(inner.id), first, home)


def _through_attribute(run: Run, base: Value, node: ast.Attribute, home: Home) -> Home | None:
    """An attribute of an object; what a property returns is not known."""
    qualified = qualified_of(base)
    if qualified is not None and home.category == "module container":
        return home if qualified == "jax.Ref" else Home("environment", qualified)
    if members.is_property(run, base, node.attr):
        return None
    owner = class_of(base)
    return home if owner is not None else home._replace(certainty=Certainty.MAYBE)


def text(home: Home, node: ast.expr) -> str:
    """A place as people write it, from where it lives: of an alias, what it is an alias of."""
    parts: list[str] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            parts.append(f".{node.attr}")
            node = node.value
        elif isinstance(node, ast.Subscript):
            key = node.slice.value if isinstance(node.slice, ast.Constant) else None
            parts.append(f"[{key!r}]" if isinstance(key, (str, int)) else "[...]")
            node = node.value
        else:
            assert isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            parts.append("[...]")
            node = node.func.value
    return home.name + "".join(reversed(parts))


def root_and_rest(what: str) -> tuple[str, str]:
    """`d['a'].b` is `d` and `['a'].b`."""
    end = min(what.find(mark) if mark in what else len(what) for mark in ".[")
    return what[:end], what[end:]


def is_container(run: Run, home: Home, node: ast.expr) -> bool:
    """Whether a place is a name of the module, or of a function around, that only ever stands for a list, dict or set."""
    if not isinstance(node, ast.Name) or home.category not in ("module container", "nonlocal"):
        return False
    made = [change.made for change in run.changes(home.name, home.environment) if change.binds]
    return bool(made) and all(made)


def argument_for(run: Run, node: ast.AST, data: FunctionData, name: str) -> ast.expr | Home | None:
    """What a call passes for a parameter: an expression, the home of a default, or None if not known."""
    if not isinstance(node, ast.Call) or any(t.node is node for t in data.transformations):
        return None
    arguments = data.node.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    first = int(data.self_value is not None)
    if first and names and name == names[0]:
        return _receiver(run, node, data)
    if any(bound == name for bound, _ in data.bound_names):
        return None
    if name in names:
        place = names.index(name) - first - len(data.bound)
        if place < 0 or any(isinstance(a, ast.Starred) for a in node.args[: place + 1]):
            return None
        if place < len(node.args):
            return node.args[place]
    for keyword in node.keywords:
        if keyword.arg in (name, None):
            return keyword.value if keyword.arg else None
    default = defaults_of(arguments).get(name)
    return Home("default", name) if is_display(default) else None


def _receiver(run: Run, node: ast.Call, data: FunctionData) -> ast.expr | None:
    """The object whose method is called."""
    if isinstance(node.func, ast.Attribute) and node.func.attr == data.name:
        return node.func.value
    if data.name != "__call__" or data.self_value is None:
        return None
    if isinstance(node.func, ast.Attribute):
        base = members.library_base(run, data.self_value)
        if base is not None and run.facts(f"{base}.{node.func.attr}") is not None:
            return None  # `module.apply(...)` runs a copy
    return node.func if isinstance(node.func, (ast.Attribute, ast.Name)) else None


def is_place(target: ast.Subscript) -> bool:
    """Whether it is a place in a list, and not one that has a name."""
    key = target.slice
    return not (isinstance(key, ast.Constant) and isinstance(key.value, str))

"""What Flax NNX makes of values: modules, variables, optimisers, and attributes that hold them.

A class is a module or a kind of variable by what it derives from, here or in other files; what a library's
class makes is known by the name of the class. What an attribute holds is what `__init__` gave it.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import expressions, members, qualified_names
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope, statements_below
from jaxsight_analyzers.semantic.structures import entries_of, parts_of
from jaxsight_analyzers.semantic.values import NEVER, UNKNOWN, Kind, Value, class_of, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments

MODULE, VARIABLE = "nnx-module", "nnx-variable"
TELLING = frozenset(("value", "raw_value", "model"))
"""Attributes of variables and optimisers that releases changed."""
_DATA_MARKS = ("Data", "data", "static", "Static")
_MAKERS = ("__init__", "__post_init__")
OPTIMIZERS = ("flax.nnx.Optimizer", "flax.nnx.ModelAndOptimizer")


class ContainerSeen(NamedTuple):
    """A plain list, tuple or dict that holds modules, variables or arrays, as an attribute of a module."""

    node: ast.expr  # what is assigned
    target: ast.Attribute
    form: str  # "list", "tuple", "dict"
    holds: str  # "modules", "variables", "arrays"
    nested: bool  # whether containers are in it
    texts_only: bool  # of a dict: whether its keys are texts
    owner: str  # the class
    filled_at: ast.Call | None  # where an empty list gets one
    guards: tuple[str, ...]


class OverwrittenSeen(NamedTuple):
    """An attribute that holds a variable and is given an array."""

    node: ast.Attribute
    statement: ast.stmt
    owner: str
    variable: str  # its class, as it is called
    trained: bool
    is_array: bool  # what is given
    guards: tuple[str, ...]


class RawArraySeen(NamedTuple):
    """Random numbers that a module holds as they are, and not as a parameter."""

    node: ast.Attribute
    value: ast.Call
    owner: str
    guards: tuple[str, ...]


class ObjectReadSeen(NamedTuple):
    """An attribute of a variable or an optimiser that is read or set."""

    node: ast.Attribute
    of: str  # the library's class by qualified name
    holds_array: bool  # a variable: whether it surely holds one array
    guards: tuple[str, ...]


def library_class(run: Run, value: Value) -> str | None:
    """The class of NNX that an object is of, or that its class derives from, by qualified name."""
    if isinstance(value.data, FunctionFacts):
        name = value.data.name.removesuffix("()")
        return name if run.knowledge.base(name) in (MODULE, VARIABLE) else None
    owner = class_of(value) if value.kind is Kind.INSTANCE else None
    return None if owner is None else class_in(run, owner)


def class_in(run: Run, owner: ClassScope) -> str | None:
    """The class of NNX that a class derives from, by qualified name."""
    return run.once(("nnx class", owner), lambda: _class_in(run, owner), None)


def _class_in(run: Run, owner: ClassScope) -> str | None:
    for one in members.lineage(run, owner):
        for expression in one.node.bases:
            bare = expression.value if isinstance(expression, ast.Subscript) else expression
            qualified = qualified_names.at(run, one.home, bare)
            if qualified is not None and run.knowledge.base(qualified) in (MODULE, VARIABLE):
                return qualified
    return None


def is_module(run: Run, value: Value) -> bool:
    """Whether a value is a module of NNX, or another node of its graphs."""
    name = library_class(run, value)
    return name is not None and run.knowledge.base(name) == MODULE


def is_variable(run: Run, value: Value) -> bool:
    """Whether a value is a variable of NNX."""
    name = library_class(run, value)
    return name is not None and run.knowledge.base(name) == VARIABLE


def of_annotation(run: Run, annotation: ast.expr) -> Value | None:
    """What a parameter is that is annotated as a library's class: `layer: nnx.Linear`, `w: nnx.Param[jax.Array]`."""
    bare = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    if not isinstance(bare, (ast.Name, ast.Attribute)):
        return None
    qualified = qualified_names.of(run, bare)
    facts = run.facts(qualified)
    if facts is None or not facts.specific or run.knowledge.base(facts.name) is None:
        return None
    if facts.kind == "type":
        return Value(Kind.UNKNOWN, data=facts)
    made = None if facts.calls_as is None else run.facts(facts.calls_as)
    return None if made is None else Value(Kind.CALLABLE, data=made)


def variable(run: Run, facts: FunctionFacts, arguments: Arguments) -> Value | None:
    """A variable as it is made; None for what is none, or does not surely hold an array."""
    if run.knowledge.base(facts.name) != VARIABLE or not arguments.positional:
        return None
    held = arguments.positional[0]
    is_array = held.kind in (Kind.ARRAY, Kind.KEY, Kind.KEYS) and not held.optional
    return Value(Kind.UNKNOWN, data=run.facts(f"{facts.name}()")) if is_array else None


# Attributes that are read


def attribute(run: Run, base: Value, node: ast.Attribute) -> Value | None:
    """What an attribute of what a library's class makes holds: `layer.kernel`."""
    facts = base.data
    if not isinstance(facts, FunctionFacts):
        return None
    name = f"{facts.name}.{node.attr}"
    held = run.facts(name)
    if held is None or held.instance_of is None or held.kind != "constant" or held.name != name:
        return None
    return Value(Kind.UNKNOWN, data=run.facts(held.instance_of))


def note_read(run: Run, base: Value, node: ast.Attribute) -> None:
    """Note `.value` of a variable, `.model` of an optimiser."""
    if node.attr not in TELLING or run.frame.state.dead:
        return
    of = library_class(run, base)
    if of is None or (node.attr == "model" and of not in OPTIMIZERS):
        return
    if node.attr != "model" and run.knowledge.base(of) != VARIABLE:
        return
    holds_array = isinstance(base.data, FunctionFacts) and base.data.name.endswith("()")
    run.events.nnx_reads.append(ObjectReadSeen(node, of, holds_array, run.guards))


# Attributes that are set


def note_set(
    run: Run, target: ast.Attribute, base: Value, value: Value, statement: ast.stmt | None
) -> None:
    """Note what is wrong with `module.name = value`; what the attribute held is still known."""
    if run.frame.state.dead:
        return
    note_read(run, base, target)
    owner = class_of(base) if base.kind is Kind.INSTANCE else None
    if owner is None:
        of = library_class(run, base)
        if of is not None and statement is not None:
            _note_overwritten(run, target, base, of.rpartition(".")[2], value, statement)
        return
    if not is_module(run, base) or _has_own_rules(run, owner):
        return
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
        _note_container(run, target, owner, value, statement.value, None)
        _note_raw(run, target, owner, value, statement.value)
    if statement is not None:
        _note_overwritten(run, target, base, owner.name, value, statement)


def _note_raw(
    run: Run, target: ast.Attribute, owner: ClassScope, value: Value, node: ast.expr
) -> None:
    """Note `self.w = jax.random.normal(key, shape)` in the constructor."""
    scope = run.frame.scope
    if scope is None or scope.name not in _MAKERS or value.kind is not Kind.ARRAY:
        return
    if not isinstance(node, ast.Call) or _is_marked(run, owner, target.attr):
        return
    qualified = qualified_names.of(run, node.func)
    if qualified is not None and qualified.startswith("jax.random."):
        run.events.nnx_raw.append(RawArraySeen(target, node, owner.name, run.guards))


def _has_own_rules(run: Run, owner: ClassScope) -> bool:
    """Whether a class or one above it sets attributes in its own way."""
    if class_in(run, owner) == "flax.nnx.Object":
        return True  # it is no pytree
    return run.once(("nnx own rules", owner), lambda: _look_for_rules(run, owner), False)


def _look_for_rules(run: Run, owner: ClassScope) -> bool:
    for one in members.lineage(run, owner):
        if "__setattr__" in one.methods or any(k.arg == "pytree" for k in one.node.keywords):
            return True
    return False


def _note_container(
    run: Run,
    target: ast.Attribute,
    owner: ClassScope,
    value: Value,
    node: ast.expr,
    filled_at: ast.Call | None,
) -> None:
    if value.kind not in (Kind.SEQUENCE, Kind.SERIES, Kind.MAPPING) or value.optional:
        return
    form = _form(run, node)
    holds = _held_data(run, value) if form is not None else None
    if form is None or holds is None or _is_marked(run, owner, target.attr):
        return
    if _is_data_before(run, owner, target.attr):
        return
    parts = parts_of(value) or ()
    nested = any(part is not NEVER and parts_of(part) is not None for part in parts)
    keys = entries_of(value) or {}
    texts = all(isinstance(key, str) and key.isidentifier() for key in keys)
    run.events.nnx_containers.append(
        ContainerSeen(node, target, form, holds, nested, texts, owner.name, filled_at, run.guards)
    )


def _held_data(run: Run, value: Value) -> str | None:
    """What of NNX a container surely holds, at any depth; None where there is nothing of that."""
    for part in parts_of(value) or ():
        if part is NEVER or part.optional:
            continue
        if part.kind in (Kind.ARRAY, Kind.KEY, Kind.KEYS):
            return "arrays"
        name = library_class(run, part)
        if name is not None:
            return "modules" if run.knowledge.base(name) == MODULE else "variables"
        if part.kind in (Kind.SEQUENCE, Kind.SERIES, Kind.MAPPING):
            inside = _held_data(run, part)
            if inside is not None:
                return inside
    return None


_FORMS: dict[type[ast.expr], str] = {
    ast.List: "list",
    ast.ListComp: "list",
    ast.Tuple: "tuple",
    ast.Dict: "dict",
    ast.DictComp: "dict",
}


def _form(run: Run, node: ast.expr, depth: int = 0) -> str | None:
    """What kind of container an expression surely makes."""
    form = _FORMS.get(type(node))
    if form is not None:
        return form
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        known = node.func.id in ("list", "tuple", "dict")
        return node.func.id if known and run.lookup(node.func.id) is not UNKNOWN else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mult)):
        return _form(run, node.left, depth) or _form(run, node.right, depth)
    scope = run.frame.scope
    if (
        not isinstance(node, ast.Name)
        or scope is None
        or depth
        or isinstance(scope.node, ast.Lambda)
    ):
        return None
    forms = {
        _form(run, statement.value, 1) if isinstance(statement, ast.Assign) else "?"
        for statement in statements_below(scope.node.body)
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign))
        and any(isinstance(n, ast.Name) and n.id == node.id for n in _targets(statement))
    }
    return forms.pop() if len(forms) == 1 and "?" not in forms else None


def _targets(statement: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[ast.expr]:
    found = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [n for t in found for n in (t.elts if isinstance(t, (ast.Tuple, ast.List)) else [t])]


def _is_marked(run: Run, owner: ClassScope, name: str) -> bool:
    """Whether a class says of a field that it is data, or static: `layers: nnx.Data[list]`, `= nnx.data()`."""
    for one in members.lineage(run, owner):
        field = one.fields.get(name)
        if field is not None:
            parts = [*ast.walk(field.annotation), *(ast.walk(field.value) if field.value else ())]
            names = {getattr(part, "attr", getattr(part, "id", "")) for part in parts}
            return not names.isdisjoint(_DATA_MARKS)
    return False


_STATIC = (ast.Constant, ast.List, ast.ListComp, ast.Tuple, ast.Dict, ast.DictComp, ast.Lambda)


def _is_data_before(run: Run, owner: ClassScope, name: str) -> bool:
    """Whether something in a class may make an attribute data, which it then stays: `self.x = nnx.data(None)`."""
    for one in members.lineage(run, owner):
        for writer in one.writers(name):
            method = one.methods[writer]
            run.depend(method)
            if not isinstance(method.node, ast.Lambda) and any(
                _makes_data(run, statement, name)
                for statement in statements_below(method.node.body)
            ):
                return True
    return False


def _makes_data(run: Run, statement: ast.stmt, name: str) -> bool:
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
        return False
    found = [t for t in _targets(statement) if isinstance(t, ast.Attribute) and t.attr == name]
    value = statement.value
    known = isinstance(value, _STATIC)
    is_list = isinstance(value, (ast.Call, ast.BinOp, ast.Name)) and _form(run, value) is not None
    return bool(found) and not known and not is_list


def note_appended(run: Run, node: ast.Call, value: Value) -> None:
    """Note `self.layers.append(layer)` in `__init__`, where `self.layers` is a plain list."""
    scope, function = run.frame.scope, node.func
    if scope is None or scope.name not in _MAKERS or isinstance(scope.node, ast.Lambda):
        return
    if not isinstance(function, ast.Attribute) or function.attr != "append":
        return
    target = function.value
    if not isinstance(target, ast.Attribute) or not isinstance(target.value, ast.Name):
        return
    module = run.frame.state.names.get(target.value.id)
    owner = None if module is None else class_of(module)
    if module is None or owner is None or run.frame.state.dead or not is_module(run, module):
        return
    given = [
        statement.value
        for statement in statements_below(scope.node.body)
        if isinstance(statement, (ast.Assign, ast.AnnAssign))
        and statement.value is not None
        and any(_is_same(one, target) for one in _targets(statement))
    ]
    if len(given) == 1 and not _has_own_rules(run, owner):
        made = Value(Kind.SERIES, data=value)
        _note_container(run, target, owner, made, given[0], node)


def _is_same(one: ast.expr, other: ast.Attribute) -> bool:
    return expressions.place_of(one) == expressions.place_of(other)


def _note_overwritten(
    run: Run,
    target: ast.Attribute,
    base: Value,
    owner: str,
    value: Value,
    statement: ast.stmt,
) -> None:
    in_place = isinstance(statement, ast.AugAssign)
    given = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
    is_number = isinstance(constant_of(value), (int, float))
    is_array = value.kind is Kind.ARRAY and not value.optional
    is_array = is_array or (given is not None and _computes(run, given))
    if not (is_array or is_number or in_place):
        return
    held = _held_before(run, target, base)
    name = None if held is None else library_class(run, held)
    if held is None or name is None or run.knowledge.base(name) != VARIABLE:
        return
    owned = class_of(held)
    called = f"nnx.{name.rpartition('.')[2]}" if owned is None else owned.name
    trained = name == "flax.nnx.Param"
    run.events.nnx_overwritten.append(
        OverwrittenSeen(target, statement, owner, called, trained, is_array, run.guards)
    )


def _held_before(run: Run, target: ast.Attribute, base: Value) -> Value | None:
    """What an attribute held; in `__init__` only what it was given there before."""
    place = expressions.place_of(target)
    held = None if place is None else run.frame.state.names.get(place)
    scope = run.frame.scope
    if held is not None or (scope is not None and scope.name in _MAKERS):
        return held
    of_library = attribute(run, base, target)
    return members.member(run, base, target.attr) if of_library is None else of_library


def _computes(run: Run, node: ast.expr) -> bool:
    """Whether an expression computes an array with a variable: `self.w * 2`, which is no variable."""
    if not isinstance(node, ast.BinOp):
        return False
    return any(
        (value := held_by(run, part)) is not None and is_variable(run, value)
        for part in (node.left, node.right)
    ) or any(_computes(run, part) for part in (node.left, node.right))


def held_by(run: Run, node: ast.expr) -> Value | None:
    """What a name or an attribute holds, without that counting as being read."""
    if isinstance(node, ast.Name):
        return run.lookup(node.id)
    if not isinstance(node, ast.Attribute):
        return None
    place = expressions.place_of(node)
    held = None if place is None else run.frame.state.names.get(place)
    if held is not None:
        return held
    base = held_by(run, node.value)
    scope = run.frame.scope
    if base is None or base.kind is not Kind.INSTANCE or (scope and scope.name in _MAKERS):
        return None
    return members.member(run, base, node.attr)

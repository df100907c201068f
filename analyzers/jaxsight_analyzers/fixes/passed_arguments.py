"""What a compiled function reads, a variable or a constant key, made a parameter that all of its calls pass.

Only where the text shows all of these calls, and where a tracer does for the variable: nothing is said of a function
that is handed on, or of a variable that says a shape.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from jaxsight_analyzers.diagnostic import Edit, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.fixes.mentions import speaking_of
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.parameters import all_arguments

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_ARRAYS = ("jax.numpy.", "jax.random.")


def passed(unit: Unit, read: Span, name: str) -> tuple[Edit, ...] | None:
    """The edits after which the function around a read gets the variable as an argument."""
    places = edits.places_at(unit, read.start)
    owners = [place for place in places if isinstance(place.node, _FUNCTIONS)]
    if not owners or not isinstance(owners[-1].node, ast.FunctionDef):
        return None
    reader = owners[-1].node
    scope = _scope(unit, owners)
    calls = None if scope is None else _calls(unit, scope, owners[-1])
    if scope is None or not calls or not _may_take(reader, name):
        return None
    if not _is_number(unit, scope, name) or not _is_computed_with(unit, reader, name):
        return None
    if any(_is_in_function(unit, scope, call) for call in calls):
        return None
    end = unit.model.module.span(reader.args.args[-1]).end
    given = [(call, f"{name}={name}" if call.keywords else name) for call in calls]
    changed = [edits.add_keyword(unit, call, text) for call, text in given]
    return (Edit(Span(end, end), f", {name}"), *changed)


def _scope(unit: Unit, owners: list[edits.Place]) -> Sequence[ast.stmt] | None:
    """The block in which the function is made: the module's, or that of the function around it."""
    if len(owners) == 1:
        return unit.whole.tree.body if not owners[0].parents else None
    around = owners[-2].node
    return around.body if isinstance(around, _FUNCTIONS) else None


def _calls(unit: Unit, scope: Sequence[ast.stmt], made: edits.Place) -> list[ast.Call] | None:
    """The calls of the function; None where its name is used for more."""
    assert isinstance(made.node, ast.FunctionDef)
    names = [made.node.name]
    if not made.node.decorator_list:
        compiled = _compiled(unit, scope, made.node.name)
        if compiled is None:
            return None
        names = [compiled]
    elif len(made.node.decorator_list) > 1 or not _is_jit(unit, made.node.decorator_list[0]):
        return None
    found: list[ast.Call] = []
    called: set[int] = set()
    speaking = speaking_of(unit.model, scope, *names, made.node.name)
    nodes = [node for statement in speaking for node in ast.walk(statement)]
    for node in nodes:
        function = node.func if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and isinstance(function, ast.Name) and function.id in names:
            found.append(node)
            called.add(id(function))
    bound = sum(isinstance(n, ast.Name) and n.id in names and id(n) not in called for n in nodes)
    made_again = sum(isinstance(n, _FUNCTIONS) and n.name == made.node.name for n in nodes)
    plain = all(
        not any(isinstance(one, ast.Starred) for one in call.args)
        and all(keyword.arg is not None for keyword in call.keywords)
        for call in found
    )
    expected = 0 if made.node.decorator_list else 1
    return found if plain and bound == expected and made_again == 1 else None


def _compiled(unit: Unit, scope: Sequence[ast.stmt], name: str) -> str | None:
    """`step` in `step = jax.jit(update)`, if that is all that `update` is used for."""
    speaking = list(speaking_of(unit.model, scope, name))
    used = [
        node
        for statement in speaking
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and node.id == name
    ]
    for statement in speaking:
        value = statement.value if isinstance(statement, ast.Assign) else None
        if isinstance(value, ast.Call) and value.args == used and not value.keywords:
            assert isinstance(statement, ast.Assign)
            target = statement.targets[0]
            is_jit = ast.unparse(value.func).rpartition(".")[2] == "jit"
            return target.id if isinstance(target, ast.Name) and is_jit else None
    return None


def _is_jit(unit: Unit, decorator: ast.expr) -> bool:
    return edits.source(unit, decorator) in ("jax.jit", "jit")


def _may_take(reader: ast.FunctionDef, name: str, gone: ast.stmt | None = None) -> bool:
    """Whether one more parameter of that name can follow the others, once a statement is gone."""
    given = reader.args
    plain = not (given.vararg or given.kwonlyargs or given.kwarg or given.defaults)
    bound = {
        name for part in reader.body if part is not gone for name in edits.names_bound_in(part)
    }
    taken = {argument.arg for argument in all_arguments(given)} | bound
    return plain and bool(given.args) and not given.posonlyargs and name not in taken


def _is_in_function(unit: Unit, scope: Sequence[ast.stmt], call: ast.Call) -> bool:
    """Whether the call of a name is in a function, which may have a variable of that name or be compiled itself."""
    functions = (*_FUNCTIONS, ast.Lambda, ast.ClassDef)
    assert isinstance(call.func, ast.Name)
    return any(
        isinstance(node, functions) and any(part is call for part in ast.walk(node))
        for statement in speaking_of(unit.model, scope, call.func.id)
        for node in ast.walk(statement)
    )


def _is_number(unit: Unit, scope: Sequence[ast.stmt], name: str) -> bool:
    """Whether all that the variable is ever given is a number or an array."""
    speaking = list(speaking_of(unit.model, scope, name))
    given = [
        node
        for statement in speaking
        for node in ast.walk(statement)
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign))
        and any(isinstance(t, ast.Name) and t.id == name for t in _targets(node))
    ]
    bound = sum(
        isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)
        for statement in speaking
        for node in ast.walk(statement)
    )
    values = [node.value for node in given if node.value is not None]
    return bool(values) and bound == len(values) and all(_computes(unit, v, name) for v in values)


def _targets(node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _computes(unit: Unit, node: ast.expr, name: str) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float)
    if isinstance(node, ast.Name):
        return node.id == name
    if isinstance(node, ast.UnaryOp):
        return _computes(unit, node.operand, name)
    if isinstance(node, ast.BinOp):
        return _computes(unit, node.left, name) and _computes(unit, node.right, name)
    known = unit.call_at(node)
    return known is not None and known.canonical.startswith(_ARRAYS)


def _is_computed_with(unit: Unit, reader: ast.FunctionDef, name: str) -> bool:
    """Whether the function does nothing with the variable that needs its value while it is traced."""
    reads = {
        id(node) for node in ast.walk(reader) if isinstance(node, ast.Name) and node.id == name
    }
    for node in ast.walk(reader):
        if isinstance(node, ast.BinOp):
            reads -= {id(node.left), id(node.right)}
        elif isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
            reads -= {id(node.operand)}
        elif isinstance(node, ast.Call):
            known = unit.call_at(node)
            if known is not None and known.facts is not None:
                static = known.facts.static_parameters
                arrays = known.canonical.startswith("jax.numpy.")
                reads -= {
                    id(a.node) for a in known.arguments if arrays and a.parameter not in static
                }
    return not reads


# A key that the function makes of a constant


def key_passed(unit: Unit, made: Span, text: str) -> tuple[Edit, ...] | None:
    """The edits after which the function around a constant key gets a key as an argument, another one in each call."""
    places = edits.places_at(unit, made.start)
    owners = [place for place in places if isinstance(place.node, _FUNCTIONS)]
    if not owners or not isinstance(owners[-1].node, ast.FunctionDef):
        return None
    reader, place = owners[-1].node, places[-1]
    scope = _scope(unit, owners)
    calls = None if scope is None else _calls(unit, scope, owners[-1])
    if scope is None or not calls:
        return None
    name, used = _key_name(unit, reader, place, made)
    if not _may_take(reader, name, place.node if not used else None):
        return None
    fold_in = edits.spell(unit, "jax.random.fold_in")
    needed: tuple[Edit, ...] = ()
    given: list[str] = []
    for call in calls:
        around = edits.place_at(unit, unit.model.module.span(call).start)
        counter = None if around is None else edits.loop_counter(around)
        if counter is not None:
            given.append(f"{fold_in.text}({text}, {counter})")
            needed = fold_in.edits
        elif len(calls) == 1 and around is not None and not around.parents:
            given.append(text)
        else:
            return None
    end = unit.model.module.span(reader.args.args[-1]).end
    changed = [
        edits.add_keyword(unit, call, f"{name}={one}" if call.keywords else one)
        for call, one in zip(calls, given)
    ]
    gone = Edit(made, name) if used else edits.remove(unit, place)
    return (Edit(Span(end, end), f", {name}"), gone, *changed, *needed)


def _key_name(
    unit: Unit, reader: ast.FunctionDef, place: edits.Place, made: Span
) -> tuple[str, bool]:
    """What the key is called, and whether it is used where it is made."""
    statement = place.node
    if isinstance(statement, ast.Assign) and unit.model.module.span(statement.value) == made:
        target = statement.targets[0]
        alone = edits.starts_its_line(unit, place.span) and _ends_its_line(unit, place.span.end)
        if len(statement.targets) == 1 and isinstance(target, ast.Name) and alone:
            return target.id, len(place.block) == 1
    return edits.unused_in(reader, "key"), True


def _ends_its_line(unit: Unit, end: int) -> bool:
    """Whether only a comment stands behind a statement, which goes with it."""
    analysed = unit.model.module.analysed
    rest = analysed.text[end : analysed.line_span(analysed.line_of(end)).end].strip()
    return not rest or rest.startswith("#")
